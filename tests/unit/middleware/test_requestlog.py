import logging

import pytest

from placement.api.environ import VERSION
from placement.api.microversion import Version
from placement.middleware import requestlog
from tests.unit.middleware.applications import Recorder, ask, service


def lines(caplog):
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("path", "environ", "headers", "line"),
    [
        (
            "/resource_providers?name=a%20b",
            {VERSION: Version(1, 38)},
            [("Content-Length", "26")],
            '10.0.0.1 "GET /resource_providers?name=a%20b" status: 200 len: 26 '
            "microversion: 1.38",
        ),
        ("/a%20b", {}, [], '10.0.0.1 "GET /a%20b" status: 200 len: - microversion: -'),
        (
            "/traits",
            {"SCRIPT_NAME": "/placement"},
            [],
            '10.0.0.1 "GET /placement/traits" status: 200 len: - microversion: -',
        ),
    ],
)
def test_a_request_is_logged_in_one_line(caplog, path, environ, headers, line):
    caplog.set_level(logging.INFO, "placement.requestlog")
    application = requestlog.wrap(Recorder(headers=headers), service())

    ask(application, path, environ={"REMOTE_ADDR": "10.0.0.1", **environ})

    assert lines(caplog) == [line]


class Stream:
    """A body of two parts, which records when it is closed."""

    def __init__(self, events):
        self._events = events

    def __iter__(self):
        yield b"ab"
        yield b"c"
        self._events.append("end")

    def close(self):
        self._events.append("closed")


def test_a_stream_is_logged_at_its_end_with_its_length(caplog):
    caplog.set_level(logging.INFO, "placement.requestlog")
    events = []

    def application(_environ, start_response):
        start_response("200 OK", [])
        return Stream(events)

    environ = {"REQUEST_METHOD": "GET", "REMOTE_ADDR": "10.0.0.1"}
    parts = requestlog.wrap(application, service())(environ, lambda *_: None)
    body = list(parts)

    assert (body, lines(caplog)) == ([b"ab", b"c"], [])
    # What is done after the answer waits for close().
    assert events == ["end"]
    parts.close()
    (line,) = lines(caplog)
    assert " len: 3 " in line
    assert events == ["end", "closed"]


def test_a_line_break_in_a_path_does_not_make_another_line(caplog):
    caplog.set_level(logging.INFO, "placement.requestlog")

    ask(requestlog.wrap(Recorder(), service()), "/a%0Ab")

    (line,) = lines(caplog)
    assert "\n" not in line


def test_nothing_is_logged_above_level_info(caplog):
    caplog.set_level(logging.WARNING, "placement.requestlog")

    answer = ask(requestlog.wrap(Recorder(), service()))

    assert (answer.status_int, caplog.records) == (200, [])
