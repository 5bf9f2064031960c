import json
import logging

import pytest

from placement import exception, extension_exception
from placement.api.environ import REQUEST_ID, VERSION
from placement.api.microversion import Version
from placement.middleware import fault_wrap
from tests.unit.middleware.applications import Recorder, ask, service


def answer_to(failure, method="GET", **environ):
    below = Recorder(failure=failure)
    environ = {REQUEST_ID: "req-1", **environ}
    application = fault_wrap.wrap(below, service())
    return ask(application, "/", method, environ, Accept="application/json")


def error(answer):
    (only,) = json.loads(answer.body)["errors"]
    return only


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (exception.SchemaInvalid(reason="x"), 400),
        (exception.PolicyNotAuthorized(rule="a"), 403),
        (exception.ResourceProviderNotFound(uuid="a"), 404),
        (exception.MethodNotAllowed(method="PATCH", allowed="GET"), 405),
        (exception.VersionNotAcceptable(given="9.9"), 406),
        (exception.StaleGeneration(), 409),
        (exception.UnsupportedMediaType(given=None, wanted="a"), 415),
        (exception.Unavailable(reason="x"), 503),
    ],
)
def test_a_failure_gets_the_status_of_its_kind(failure, status):
    answer = answer_to(failure)

    assert answer.status_int == status
    assert error(answer)["status"] == status
    assert str(failure) in error(answer)["detail"]
    assert error(answer)["request_id"] == "req-1"
    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.unexpected_failure
def test_an_unexpected_failure_is_logged_and_not_shown(caplog):
    caplog.set_level(logging.ERROR)

    answer = answer_to(RuntimeError("SELECT secret"))

    assert answer.status_int == 500
    assert "secret" not in answer.text
    assert "See its log for details." in answer.text
    assert "SELECT secret" in caplog.text
    assert "req-1" in caplog.text


@pytest.mark.parametrize(
    ("version", "code"),
    [(Version(1, 22), None), (Version(1, 23), "placement.concurrent_update")],
)
def test_the_document_has_the_code_of_the_failure(version, code):
    answer = answer_to(exception.StaleGeneration(), **{VERSION: version})

    assert error(answer).get("code") == code


def test_a_405_has_the_allowed_methods():
    refused = answer_to(exception.MethodNotAllowed(method="PATCH", allowed="GET, PUT"))
    hidden = answer_to(exception.MethodNotAllowed(method="DELETE", allowed=""))

    assert refused.headers["allow"] == "GET, PUT"
    assert "allow" not in hidden.headers


def test_head_has_no_body():
    refused = exception.MethodNotAllowed(method="HEAD", allowed="GET")

    assert answer_to(refused, method="HEAD").body == b""


def test_only_an_unsupported_version_shows_the_supported_ones():
    assert "max_version" in error(answer_to(exception.VersionNotAcceptable(given="9")))
    assert "max_version" not in error(answer_to(exception.NotAcceptable(provided="a")))


@pytest.mark.parametrize(
    "failure", [exception.Unavailable(reason="x"), extension_exception.KeyInProgress()]
)
def test_a_failure_that_passes_has_retry_after(failure):
    assert int(answer_to(failure).headers["retry-after"]) > 0


def test_another_failure_has_none():
    assert "retry-after" not in answer_to(exception.StaleGeneration()).headers
