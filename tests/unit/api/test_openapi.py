import json
import subprocess
import sys

import openapi_spec_validator
import pytest

from placement import policies
from placement.api import openapi, routes
from placement.api.microversion import MAX_VERSION, Version
from tests.unit import versions

STEPS = sorted(
    {operation.since for operation in routes.OPERATIONS}
    | {Version(1, 7), Version(1, 20), Version(1, 25), Version(1, 33), MAX_VERSION}
)


@pytest.mark.parametrize("version", STEPS, ids=str)
def test_the_document_is_valid_openapi_3_1(version: Version) -> None:
    document = json.loads(openapi.render(version))

    assert document["openapi"].startswith("3.1.")
    openapi_spec_validator.validate(
        document, cls=openapi_spec_validator.OpenAPIV31SpecValidator
    )


@pytest.mark.parametrize("version", versions.ALL, ids=str)
def test_the_document_has_exactly_the_operations_of_its_version(
    version: Version,
) -> None:
    described = {
        (method.upper(), path)
        for path, operations in openapi.document(version)["paths"].items()
        for method in operations
    }

    assert described == {
        (operation.method, operation.path)
        for operation in routes.OPERATIONS
        if operation.since <= version
    }


def test_the_newest_version_has_every_operation() -> None:
    paths = openapi.document()["paths"]

    assert sum(map(len, paths.values())) == len(routes.OPERATIONS)


def test_operation_ids_are_unique() -> None:
    ids = [
        operation["operationId"]
        for path in openapi.document()["paths"].values()
        for operation in path.values()
    ]

    assert len(ids) == len(set(ids))


def test_the_document_has_every_rule_with_its_default() -> None:
    shown = {
        operation["x-placement-policy"]["rule"]: operation["x-placement-policy"][
            "default"
        ]
        for path in openapi.document()["paths"].values()
        for operation in path.values()
        if "x-placement-policy" in operation
    }

    assert shown == {
        rule.name: rule.check_str
        for rule in policies.list_rules()
        if rule.name.startswith("placement:")
        # The extensions are not in the document of the versioned API.
        and not rule.name.startswith("placement:ext:")
    }


def test_an_update_of_a_resource_class_has_a_body_only_before_1_7() -> None:
    path = "/resource_classes/{name}"
    renames = openapi.document(Version(1, 6))["paths"][path]["put"]
    ensures = openapi.document(Version(1, 7))["paths"][path]["put"]

    assert "requestBody" in renames
    assert {"201", "204"}.isdisjoint(renames["responses"])
    assert "requestBody" not in ensures
    assert {"201", "204"} <= ensures["responses"].keys()
    assert "200" not in ensures["responses"]


def test_a_body_gets_new_members_with_their_version() -> None:
    path = "/allocations/{consumer_uuid}"

    def members(version: Version) -> set[str]:
        put = openapi.document(version)["paths"][path]["put"]
        schema = put["requestBody"]["content"]["application/json"]["schema"]
        return set(schema["properties"])

    assert members(Version(1, 38)) - members(Version(1, 37)) == {"consumer_type"}


def test_another_process_renders_the_same_bytes() -> None:
    rendered = subprocess.run(
        [sys.executable, "-m", "placement.cmd.placement", "openapi"],
        stdout=subprocess.PIPE,
        check=True,
        # Sets have another order than in this process.
        env={"PYTHONHASHSEED": "12345"},
    ).stdout

    assert rendered == openapi.render()
