"""The log of a running service has lines for each request, with their context."""

import collections.abc
import json
import logging
import pathlib
import re
import typing
import urllib.error
import urllib.request

import pytest

from tests import waiting
from tests.servers import databases, server

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
        re.sub(r"\d+ mi", "N mi", line.replace("127.0.0.1", "ADDRESS"))
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


def test_json_has_the_fields_of_oslo_log_by_default(
    database_url: str, log_file: pathlib.Path
) -> None:
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


def objects(path: pathlib.Path, logger: str) -> list[dict[str, typing.Any]]:
    """Return the lines of a logger. Every line of the file must be an object."""
    found = map(json.loads, path.read_bytes().split(b"\n")[:-1])
    return [each for each in found if each["logger"] == logger]


@pytest.fixture(scope="module")
def json_place(
    database_servers: collections.abc.Callable[[str], databases.Databases],
    tmp_path_factory: pytest.TempPathFactory,
) -> collections.abc.Iterator[tuple[server.Server, pathlib.Path]]:
    """A server with JSON logs and all logs of gunicorn, and the directory of these."""
    directory = tmp_path_factory.mktemp("logs")
    options = {
        "DEFAULT": {
            "log_file": directory / "service",
            "use_json": "true",
            "json_log_fields": "placement",
        }
    }
    arguments = (
        *("--access-logfile", str(directory / "access")),
        *("--error-logfile", str(directory / "error")),
        *("--logger-class", "placement.wsgi.gunicorn_log.Logger"),
    )
    with (
        database_servers(databases.SQLITE).new() as url,
        server.processes(url, workers=1, options=options, arguments=arguments) as place,
    ):
        yield place, directory


def test_the_line_of_a_request_has_all_fields(
    json_place: tuple[server.Server, pathlib.Path],
) -> None:
    place, directory = json_place
    answer = ask(
        place,
        "/traits?name=in:A",
        X_Auth_Token="ann:one",
        X_Roles="admin",
        OpenStack_API_Version="placement 1.39",
        X_Openstack_Request_Id=GLOBAL_ID,
    )
    id_ = answer["x-openstack-request-id"]

    (line,) = (
        each
        for each in objects(directory / "service", "placement.requestlog")
        if each.get("request_id") == id_
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line.pop("duration_ms") > 0
    assert line.pop("process") > 0
    length = int(answer["Content-Length"])
    assert line == {
        "level": "INFO",
        "logger": "placement.requestlog",
        "message": f'127.0.0.1 "GET /traits?name=in:A" status: 200 len: {length} '
        "microversion: 1.39",
        "request_id": id_,
        "global_request_id": GLOBAL_ID,
        "method": "GET",
        "path": "/traits?name=in:A",
        "status": 200,
        "bytes": length,
        "user_id": "ann",
        "project_id": "one",
        "remote_address": "127.0.0.1",
        "microversion": "1.39",
    }


def test_the_access_log_of_gunicorn_has_the_same_fields(
    json_place: tuple[server.Server, pathlib.Path],
) -> None:
    place, directory = json_place
    answer = ask(
        place,
        "/traits?name=in:B%0Aline",
        X_Auth_Token="admin",
        X_Openstack_Request_Id=GLOBAL_ID,
    )
    id_ = answer["x-openstack-request-id"]
    waiting.until(lambda: id_ in (directory / "access").read_text())

    (ours,) = (
        each
        for each in objects(directory / "service", "placement.requestlog")
        if each.get("request_id") == id_
    )
    (line,) = (
        each
        for each in objects(directory / "access", "gunicorn.access")
        if each.get("request_id") == id_
    )
    same = ("global_request_id", "method", "path", "status", "bytes", "remote_address")
    assert {name: line[name] for name in same} == {name: ours[name] for name in same}
    assert line["duration_ms"] > 0


def test_a_request_that_gunicorn_refuses_is_logged_below_warning(
    json_place: tuple[server.Server, pathlib.Path],
) -> None:
    place, directory = json_place
    answer = ask(place, f"/traits?name=in:{'A' * 70_000}", X_Auth_Token="admin")

    (line,) = objects(directory / "service", "placement.wsgi.worker")
    assert line["request_id"] == answer["x-openstack-request-id"]
    assert (line["level"], line["status"]) == ("INFO", 414)
    assert objects(directory / "error", "gunicorn.error")
