"""The Flask application: blueprints beside the versioned API."""

import json

import flask
import pytest

from placement import exception, policies
from placement.api import routes
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
def test_an_unknown_path_of_the_extensions_has_a_code_of_theirs(application, path):
    answer = ask(application, path, **HEADERS)

    assert answer.status_int == 404
    assert error_of(answer)["code"] == "placement.ext.not_found"


def test_an_unknown_path_below_the_document_is_not_found(application):
    answer = ask(application, "/openapi.json/more", **HEADERS)

    assert answer.status_int == 404
    assert error_of(answer)["title"] == "Not Found"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "PATCH"])
@pytest.mark.parametrize("path", ["/-/v1/providers", "/openapi.json"])
def test_an_unsupported_method_is_405_with_the_allowed_methods(
    application, path, method
):
    answer = ask(application, path, method, **HEADERS)

    assert answer.status_int == 405
    assert answer.headers["allow"] == "GET"
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

        @blueprint.get("/-/v1/broken")
        @view.guarded(rule=None)
        def fail():
            raise failure

        monkeypatch.setattr(app, "BLUEPRINTS", (*app.BLUEPRINTS, blueprint))
        return in_process.application(tmp_path)

    return broken


def test_an_unexpected_failure_of_a_view_is_an_error_document(broken, caplog):
    answer = ask(broken(RuntimeError("inside")), "/-/v1/broken", **HEADERS)

    assert answer.status_int == 500
    assert error_of(answer)["request_id"] == answer.headers["X-Openstack-Request-Id"]
    assert "inside" not in answer.text
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "inside" in str(record.exc_info[1])


def test_a_failure_with_a_code_of_its_own_keeps_it(broken):
    answer = ask(broken(exception.PageTokenInvalid()), "/-/v1/broken", **HEADERS)

    assert error_of(answer)["code"] == exception.PageTokenInvalid.code


def test_the_rule_of_every_view_exists():
    rules = {each.rule for each in app.Application(unreachable).operations()}

    assert rules - {rule.name for rule in policies.list_rules()} == {None}


def test_a_path_variable_is_shown_as_in_the_api(monkeypatch):
    blueprint = flask.Blueprint("one", __name__)
    blueprint.get("/-/v1/things/<uuid>/<int:n>")(view.guarded(None)(unreachable))
    monkeypatch.setattr(app, "BLUEPRINTS", (blueprint,))

    operations = app.Application(unreachable).operations()

    assert operations == [("GET", "/-/v1/things/{uuid}/{n}", None)]
