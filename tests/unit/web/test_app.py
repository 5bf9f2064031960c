"""The Flask application: blueprints beside the versioned API."""

import json

import flask
import pytest

from placement import exception, extension_exception, policies
from placement.api import operation, routes
from placement.schemas import common, validation
from placement.web import app, view
from tests.unit import in_process
from tests.unit.middleware.applications import ask

HEADERS = {"X_Auth_Token": "admin", "Accept": "application/json"}


def unreachable(_environ, _start_response):
    raise AssertionError("the request reached the versioned API")


@pytest.fixture
def application(tmp_path):
    return in_process.application(tmp_path)


def error_of(answer):
    (error,) = json.loads(answer.body)["errors"]
    return error


def test_no_first_segment_belongs_to_both():
    of_the_api = {each.path.split("/")[1] for each in routes.OPERATIONS}

    assert of_the_api.isdisjoint(app.Application(unreachable).first_segments)


def test_the_application_is_a_flask_application(application):
    assert isinstance(application, flask.Flask)


def test_extensions_of_the_application_can_build_urls(application):
    endpoints = {rule.rule: rule.endpoint for rule in application.url_map.iter_rules()}

    with application.test_request_context():
        built = flask.url_for(endpoints["/-/v1/providers/<uuid>"], uuid="a b", q=1)

    assert built == "/-/v1/providers/a%20b?q=1"


@pytest.mark.parametrize("path", ["/", "", "/traits", "/nothing", "//-/v1/providers"])
def test_a_request_for_the_api_does_not_pass_through_flask(
    application, monkeypatch, path
):
    def refuse(*_):
        raise AssertionError("the request reached Flask")

    monkeypatch.setattr(flask.Flask, "request_context", refuse)

    assert ask(application, environ={"PATH_INFO": path}, **HEADERS).status_int < 500


@pytest.mark.parametrize("path", ["/-/v1/providers", "/openapi.json"])
def test_an_operation_of_a_blueprint_ignores_the_version(application, path):
    answer = ask(application, path, OpenStack_API_Version="placement 9.9", **HEADERS)

    assert answer.status == "200 OK"
    assert answer.content_type == "application/json"
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert "openstack-api-version" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/-/v1/nothing", "/-/v1/providers/", "/-//v1/providers", "/-", "/-/"]
)
def test_an_unknown_path_of_the_extensions_has_their_code(application, path):
    answer = ask(application, path, **HEADERS)

    assert answer.status_int == 404
    assert error_of(answer)["code"] == "placement.ext.not_found"


def test_an_unknown_path_below_the_document_is_not_found(application):
    answer = ask(application, "/openapi.json/more", **HEADERS)

    assert answer.status_int == 404
    assert error_of(answer)["title"] == "Not Found"


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        *(("/openapi.json", each, "GET") for each in ("HEAD", "OPTIONS", "POST")),
        *(("/-/v1/providers", each, "GET, HEAD") for each in ("OPTIONS", "POST")),
        ("/-/v1/providers:query", "GET", "POST"),
        ("/-/v1/providers/a", "DELETE", "GET, HEAD, PATCH"),
    ],
)
def test_an_unsupported_method_is_405_with_the_allowed_methods(
    application, path, method, allowed
):
    answer = ask(application, path, method, **HEADERS)

    assert answer.status_int == 405
    assert answer.headers["allow"] == allowed
    if method != "HEAD":
        text = f"The method {method} is not allowed for this resource."
        assert text in error_of(answer)["detail"]


@pytest.mark.parametrize("host", ["", "a b", "placement_api:8778", "[::1", "\xe9"])
def test_a_blueprint_answers_for_any_host_header(application, host):
    assert ask(application, "/openapi.json", Host=host, **HEADERS).status_int == 200


def test_a_caller_without_the_role_is_refused(application):
    answer = ask(application, "/-/v1/providers", X_Roles="member", **HEADERS)

    assert answer.status_int == 403
    assert error_of(answer)["code"] == "placement.ext.forbidden"


def test_the_document_needs_a_token_and_no_role(application):
    assert ask(application, "/openapi.json", Accept="*/*").status_int == 401
    assert ask(application, "/openapi.json", X_Roles="", **HEADERS).status_int == 200


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Return a function that makes a service whose one view raises an exception."""

    def broken(failure):
        blueprint = flask.Blueprint("broken", __name__)

        @view.operation(blueprint, "GET /-/v1/broken", rule=None)
        def fail():
            raise failure

        monkeypatch.setattr(app, "BLUEPRINTS", (*app.BLUEPRINTS, blueprint))
        return in_process.application(tmp_path)

    return broken


@pytest.mark.unexpected_failure
def test_an_unexpected_failure_of_a_view_is_an_error_document(broken, caplog):
    answer = ask(broken(RuntimeError("inside")), "/-/v1/broken", **HEADERS)

    assert answer.status_int == 500
    assert error_of(answer)["request_id"] == answer.headers["X-Openstack-Request-Id"]
    assert "inside" not in answer.text
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "inside" in str(record.exc_info[1])


@pytest.mark.unexpected_failure
@pytest.mark.parametrize(
    ("failure", "sent"),
    [(exception.BadRequest(reason="r"), 0), (ZeroDivisionError(), 1)],
)
def test_only_unexpected_failures_are_sent_to_error_trackers(broken, failure, sent):
    received = []

    def receive(_application, exception):
        received.append(exception)

    with flask.got_request_exception.connected_to(receive):
        ask(broken(failure), "/-/v1/broken", **HEADERS)

    assert received == [failure] * sent


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (exception.QueryBadValue(reason="bad"), "placement.ext.bad_request"),
        (exception.Conflict(reason="other"), "placement.ext.conflict"),
        (exception.StaleGeneration(), "placement.ext.concurrent_update"),
        (exception.DuplicateName(reason="taken"), "placement.ext.duplicate_name"),
        (
            exception.InventoryUpdateInUse(uuid="a", resource_classes="VCPU"),
            "placement.ext.inventory.inuse",
        ),
        (
            exception.ResourceProviderInUse(uuid="a"),
            "placement.ext.resource_provider.inuse",
        ),
        (exception.NotAcceptable(provided="a"), "placement.ext.not_acceptable"),
        (exception.BodyTooLarge(limit=1), "placement.ext.body_too_large"),
        (
            exception.UnsupportedMediaType(given="a", wanted="b"),
            "placement.ext.unsupported_media_type",
        ),
        (exception.Unavailable(reason="gone"), "placement.ext.unavailable"),
    ],
)
def test_the_code_of_a_failure_is_one_of_the_extensions(broken, failure, code):
    answer = ask(broken(failure), "/-/v1/broken", **HEADERS)

    assert error_of(answer)["code"] == code


def test_a_failure_with_a_code_of_its_own_keeps_it(broken):
    answer = ask(
        broken(extension_exception.PageTokenInvalid()), "/-/v1/broken", **HEADERS
    )

    assert error_of(answer)["code"] == extension_exception.PageTokenInvalid.code


def test_the_rule_of_every_view_exists():
    rules = {each.rule for each in app.Application(unreachable).operations()}

    assert rules - {rule.name for rule in policies.list_rules()} == {None}


BODY = validation.Schemas({(1, 0): common.closed({"name": {"type": "string"}})})
COLOURS = validation.Schemas(
    {
        (1, 0): common.closed(
            {"colour": {"type": "string"}, "size": {"type": "string"}}, required=()
        )
        | {"patternProperties": {"^colour_": {"type": "string"}}}
    }
)


@pytest.fixture
def echo(tmp_path, monkeypatch):
    """A service whose views return the query and the body that they read."""
    blueprint = flask.Blueprint("echo", __name__)

    @view.operation(
        blueprint,
        "GET /-/v1/echo",
        rule=None,
        has_head=True,
        query=COLOURS,
        parameters={
            "colour": operation.Parameter("A colour.", is_repeatable=True),
            "size": operation.Parameter("A size."),
        },
    )
    def echo_query():
        return view.json(view.query().pairs)

    @view.operation(blueprint, "POST /-/v1/echo", rule=None, body=BODY)
    def echo_body():
        return view.json(view.json_body())

    monkeypatch.setattr(app, "BLUEPRINTS", (*app.BLUEPRINTS, blueprint))
    return in_process.application(tmp_path)


def test_declared_parameters_reach_the_view(echo):
    answer = ask(echo, "/-/v1/echo?colour=a&colour=b&size=1&colour_2=c", **HEADERS)

    assert json.loads(answer.body) == [
        ["colour", "a"],
        ["colour", "b"],
        ["size", "1"],
        ["colour_2", "c"],
    ]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("shape=1", "'shape' is not a parameter; the parameters are 'colour', 'size'"),
        ("size=1&size=2", "the parameter 'size' may be given only once"),
        ("size=%FF", "invalid start byte"),
    ],
)
def test_other_parameters_are_refused(echo, query, text):
    answer = ask(echo, f"/-/v1/echo?{query}", **HEADERS)

    assert answer.status_int == 400
    assert error_of(answer)["code"] == "placement.ext.bad_request"
    assert text in error_of(answer)["detail"]


def test_an_operation_without_parameters_refuses_all(echo):
    answer = ask(echo, "/-/v1/echo?a=1", "POST", **HEADERS)

    assert answer.status_int == 400
    assert "'a' is not a parameter; there are none" in error_of(answer)["detail"]


@pytest.mark.parametrize(
    ("body", "media_type", "status", "text"),
    [
        (b'{"name": "a"}', "application/json", 200, ""),
        (b'{"name": 1}', "application/json", 400, "1 is not of type 'string'"),
        (b'{"name": "a", "b": 1}', "application/json", 400, "'b' was unexpected"),
        (b"{", "application/json", 400, "Malformed JSON"),
        (b'{"name": "a"}', "text/plain", 415, "text/plain"),
    ],
)
def test_a_body_conforms_to_the_schema(echo, body, media_type, status, text):
    answer = ask(
        echo, "/-/v1/echo", "POST", body=body, Content_Type=media_type, **HEADERS
    )

    assert answer.status_int == status
    assert text in answer.text


def test_head_is_served_where_it_is_declared(echo):
    answer = ask(echo, "/-/v1/echo", "HEAD", **HEADERS)

    assert answer.status_int == 200
    assert answer.body == b""
    assert answer.headers["Content-Length"] == "2"
    other = ask(echo, "/-/v1/echo", "PATCH", **HEADERS)
    assert other.headers["Allow"] == "GET, HEAD, POST"


def test_a_path_variable_is_shown_as_in_the_api(monkeypatch):
    blueprint = flask.Blueprint("one", __name__)
    declare = view.operation(blueprint, "GET /-/v1/things/<uuid>/<int:n>", rule=None)
    declare(unreachable)
    monkeypatch.setattr(app, "BLUEPRINTS", (blueprint,))

    (found,) = app.Application(unreachable).operations()

    assert found.name == "GET /-/v1/things/{uuid}/{n}"
