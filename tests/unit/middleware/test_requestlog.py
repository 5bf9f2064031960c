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


def test_a_line_break_in_a_path_does_not_make_another_line(caplog):
    caplog.set_level(logging.INFO, "placement.requestlog")

    ask(requestlog.wrap(Recorder(), service()), "/a%0Ab")

    (line,) = lines(caplog)
    assert "\n" not in line


def test_nothing_is_logged_above_level_info(caplog):
    caplog.set_level(logging.WARNING, "placement.requestlog")

    answer = ask(requestlog.wrap(Recorder(), service()))

    assert (answer.status_int, caplog.records) == (200, [])
