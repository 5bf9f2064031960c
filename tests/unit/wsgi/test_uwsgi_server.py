"""A request is whole under uWSGI, or refused."""

import logging
import sys
import types
import typing

import pytest
import webob

from placement.web import threads
from placement.wsgi import uwsgi_server

# Three eighths of it for a line, of which uWSGI passes on the query twice.
BUFFER_BYTES, LINE_MAX = 4096, 1536


def application(environ: typing.Any, start_response: typing.Any) -> list[bytes]:
    start_response("200 OK", [])
    return [environ["QUERY_STRING"].encode()]


@pytest.fixture
def uwsgi(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The module that exists in processes of uWSGI."""
    made = types.ModuleType("uwsgi")
    vars(made).update(opt={"threads": b"4"}, buffer_size=BUFFER_BYTES)
    monkeypatch.setitem(sys.modules, "uwsgi", made)
    monkeypatch.setattr(threads, "count", None)
    return made


def ask(uri: str, query: str) -> webob.Response:
    asked = webob.Request.blank("/traits", {"REQUEST_URI": uri, "QUERY_STRING": query})
    return asked.get_response(uwsgi_server.wrap(application))


def test_other_servers_run_the_application_itself() -> None:
    assert uwsgi_server.wrap(application) is application


@pytest.mark.usefixtures("uwsgi")
@pytest.mark.parametrize("query", ["", "name=a", "name=a?b"])
def test_a_whole_request_is_answered(query: str) -> None:
    answer = ask(f"/traits?{query}" if query else "/traits", query)

    assert (answer.status_int, answer.text) == (200, query)


@pytest.mark.usefixtures("uwsgi")
@pytest.mark.parametrize(
    ("uri", "query", "status"),
    [
        ("/traits?name=a", "", 414),
        ("/traits?a=".ljust(LINE_MAX, "b"), "a=".ljust(LINE_MAX - 8, "b"), 200),
        ("/traits?a=".ljust(LINE_MAX + 1, "b"), "a=".ljust(LINE_MAX - 7, "b"), 414),
    ],
    ids=["without its query", "longest", "too long"],
)
def test_a_request_that_may_lack_a_part_is_refused(
    uri: str, query: str, status: int
) -> None:
    answer = ask(uri, query)

    assert answer.status_int == status
    if status != 200:
        (error,) = answer.json["errors"]
        assert f"{LINE_MAX} bytes" in error["detail"]
        assert error["request_id"] == answer.headers["X-Openstack-Request-Id"]


@pytest.mark.parametrize(
    ("options", "count", "is_warned"),
    [
        ({"threads": b"4"}, 4, False),
        ({"enable-threads": b"true"}, 1, False),
        ({}, 1, True),
    ],
)
def test_a_server_without_threads_is_reported(
    uwsgi: typing.Any,
    caplog: pytest.LogCaptureFixture,
    options: dict[str, bytes],
    count: int,
    is_warned: bool,
) -> None:
    uwsgi.opt = options
    with caplog.at_level(logging.WARNING):
        uwsgi_server.wrap(application)

    assert threads.count == count
    assert ("runs no threads" in caplog.text) is is_warned
