"""The log of a running service has lines for each request, with their context."""

import collections.abc
import json
import logging
import pathlib
import re
import urllib.error
import urllib.request

import pytest

from tests.servers import server

pytestmark = pytest.mark.any_database

GLOBAL_ID = "req-a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01"
FORMAT = (
    "%(levelname)s %(name)s [%(request_id)s|%(global_request_id)s|%(user)s|"
    "%(project)s|%(user_identity)s] %(message)s"
)


def ask(
    place: server.Server, path: str, **headers: str
) -> collections.abc.Mapping[str, str]:
    """Send one GET; return the headers of the response."""
    asked = urllib.request.Request(
        place.url + path,
        headers={
            "Accept": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return dict(answer.headers)
    except urllib.error.HTTPError as refused:
        return dict(refused.headers)


@pytest.fixture
def log_file(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "placement.log"


def lines(log_file: pathlib.Path, name: str) -> list[str]:
    return [line for line in log_file.read_text().splitlines() if name in line]


def test_the_lines_of_a_request_have_its_context(
    database_url: str, log_file: pathlib.Path
) -> None:
    options = {
        "DEFAULT": {
            "log_file": log_file,
            "logging_context_format_string": FORMAT,
            "default_log_levels": "sqlalchemy.engine=INFO",
        },
        "placement_database": {"connection_debug": 50},
    }
    with server.processes(database_url, workers=1, options=options) as place:
        log_file.write_text("")
        first = ask(
            place,
            "/traits?name=in:A",
            X_Auth_Token="ann:one",
            X_Roles="admin",
            OpenStack_API_Version="placement 1.39",
            X_Openstack_Request_Id=GLOBAL_ID,
        )
        second = ask(place, "/traits", X_Auth_Token="bob:two")
        third = ask(place, "/traits")

    ids = [answer["x-openstack-request-id"] for answer in (first, second, third)]
    assert [
        re.sub(r"\d+ mi", "N mi", re.sub(r"127\S+", "ADDRESS", line))
        for line in lines(log_file, "placement.requestlog")
    ] == [
        f"INFO placement.requestlog [{ids[0]}|{GLOBAL_ID}|ann|one|ann one - - - -] "
        'ADDRESS "GET /traits?name=in:A" status: 200 len: N microversion: 1.39',
        f"INFO placement.requestlog [{ids[1]}|None|bob|two|bob two - - - -] "
        'ADDRESS "GET /traits" status: 404 len: N microversion: 1.0',
        f"INFO placement.requestlog [{ids[2]}|None|None|None|- - - - - -] "
        'ADDRESS "GET /traits" status: 401 len: N microversion: -',
    ]
    statements = lines(log_file, "sqlalchemy.engine")
    assert any(f"[{ids[0]}|{GLOBAL_ID}|ann|one|" in line for line in statements)
    # Every line was formatted.
    assert "Logging error" not in log_file.read_text()


def test_json_lines_have_the_context(database_url: str, log_file: pathlib.Path) -> None:
    options = {"DEFAULT": {"log_file": log_file, "use_json": "true"}}
    with server.processes(database_url, workers=1, options=options) as place:
        log_file.write_text("")
        answer = ask(
            place,
            "/traits",
            X_Auth_Token="ann:one",
            X_Openstack_Request_Id=GLOBAL_ID,
        )

    (line,) = lines(log_file, "placement.requestlog")
    logged = json.loads(line)
    assert logged["levelno"] == logging.INFO
    context = logged["context"]
    assert context["request_id"] == answer["x-openstack-request-id"]
    assert context["global_request_id"] == GLOBAL_ID
    assert (context["user"], context["project"]) == ("ann", "one")
    assert "ann:one" not in line
