"""The OpenAPI document of the extensions."""

import json
import re

import openapi_spec_validator
import pytest

from placement import policies
from placement.api import dispatch
from placement.policies import extension
from placement.web import app
from tests.unit import in_process
from tests.unit.middleware.applications import ask

OPERATIONS = {
    each.name: each for each in app.Application(dispatch.application({})).operations()
}
RULES = {rule.name: rule.check_str for rule in policies.list_rules()}


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    application = in_process.application(tmp_path_factory.mktemp("service"))
    answer = ask(
        application, "/-/v1/openapi.json", X_Auth_Token="admin", X_Roles="auditor"
    )
    assert answer.content_type == "application/json"
    return json.loads(answer.body)


def test_the_document_is_valid_openapi_3_1(document):
    assert document["openapi"].startswith("3.1.")
    openapi_spec_validator.validate(
        document, cls=openapi_spec_validator.OpenAPIV31SpecValidator
    )


def test_the_document_has_exactly_the_operations_of_the_blueprints(document):
    described = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method in operations
    }

    assert described == set(OPERATIONS)
    assert "GET /-/v1/providers" in described


def test_paths_differ_in_more_than_the_names_of_their_variables(document):
    # OpenAPI regards them as identical, and the validator does not look at it.
    shapes = [re.sub(r"\{\w+\}", "{}", path) for path in document["paths"]]

    assert len(shapes) == len(set(shapes))


def test_operation_ids_are_unique(document):
    ids = [
        described["operationId"]
        for path in document["paths"].values()
        for described in path.values()
    ]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_its_rule_and_its_parameters(document, name):
    row = OPERATIONS[name]
    described = document["paths"][row.path][row.method.lower()]
    rule = described.get("x-placement-policy", {"rule": None})

    assert rule["rule"] == row.rule
    assert row.rule is None or rule["default"] == RULES[row.rule]
    assert (described.get("security") == []) is (row.checks == ())
    names = {one["name"] for one in described["parameters"] if one["in"] == "query"}
    assert names - {"groups"} == set(row.parameters)


def test_the_header_of_a_claim_is_described(document):
    parameters = document["paths"]["/-/v1/claims"]["post"]["parameters"]

    (key,) = [one for one in parameters if one["in"] == "header"]
    assert key["name"] == "Idempotency-Key"
    assert key["schema"] == {"type": "string", "minLength": 1, "maxLength": 255}
    assert not key["required"]


def test_nothing_in_the_document_depends_on_a_version(document):
    assert "OpenStack-API-Version" not in json.dumps(document)
    assert "x-placement-since" not in json.dumps(document)


@pytest.mark.parametrize("mount", ["", "/placement"])
def test_the_document_names_the_mount_point(tmp_path, mount):
    application = in_process.application(tmp_path)

    answer = ask(
        application,
        "/-/v1/openapi.json",
        environ={"SCRIPT_NAME": mount},
        X_Auth_Token="admin",
    )

    assert json.loads(answer.body)["servers"] == [{"url": mount or "/"}]


def test_a_caller_without_the_role_is_refused(tmp_path):
    application = in_process.application(tmp_path)

    answer = ask(
        application, "/-/v1/openapi.json", X_Auth_Token="admin", X_Roles="member"
    )

    assert answer.status_int == 403
    assert extension.READ in answer.text


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("POST /-/v1/capacity", "415"),
        ("POST /-/v1/explain", "415"),
        ("POST /-/v1/explain", "404"),
        ("GET /-/v1/explain", "404"),
        ("POST /-/v1/providers:query", "415"),
    ],
)
def test_refusals_of_bodies_and_of_named_providers_are_documented(
    document, name, status
):
    method, path = name.split()

    assert status in document["paths"][path][method.lower()]["responses"]


def test_a_missing_token_is_answered_in_a_documented_format(document, tmp_path):
    documented = document["components"]["responses"]["401"]["content"]
    application = in_process.application(tmp_path)

    for media_type in ("application/json", "text/html", "text/plain"):
        answer = ask(application, "/-/v1/providers", Accept=media_type)
        assert answer.status_int == 401
        assert answer.content_type == media_type
        assert media_type in documented
