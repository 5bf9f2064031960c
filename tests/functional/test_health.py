"""Health of a running server: its database dies, hangs or returns, or it stops."""

import collections.abc
import contextlib
import http.client
import os
import pathlib
import signal
import socket
import threading
import time
import typing
import urllib.parse

import httpx
import pytest

from placement.client import location
from tests import waiting
from tests.servers import (
    accounts,
    databases,
    mariadb,
    ports,
    postgresql,
    programs,
    server,
)
from tests.servers.plugin import skip_missing

SECONDS = 30
# The next two are far more than it takes, so that a busy machine passes, and less than
# the 10 seconds after which a connection to the database is given up.
# After this time, a probe notices that the database has died or returned.
NOTICED_SECONDS = 8.0
# More than a check may take.
CHECK_SECONDS = 5.0
TOKEN = {"x-auth-token": "admin", "openstack-api-version": "placement latest"}
CLIENTS = 4


class DatabaseServer(typing.Protocol):
    pid: int

    def execute(self, statement: str) -> None: ...
    def url(self, database: str) -> str: ...
    def kill(self) -> None: ...
    def start_again(self) -> None: ...


@pytest.fixture(scope="module", params=[databases.POSTGRESQL, databases.MARIADB])
def database(
    request: pytest.FixtureRequest, database_kinds: list[str]
) -> collections.abc.Iterator[DatabaseServer]:
    """A server of its own, which tests may kill."""
    if request.param not in database_kinds:
        pytest.skip(f"about {request.param}")
    starts = {
        databases.POSTGRESQL: postgresql.running,
        databases.MARIADB: mariadb.running,
    }
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(starts[request.param]())
        except accounts.MissingError as missing:
            skip_missing(request.config, request.param, str(missing))
        running.execute("CREATE DATABASE placement")
        yield running


@pytest.fixture(scope="module")
def service(database: DatabaseServer) -> collections.abc.Iterator[str]:
    options = {"placement_database": {"sync_on_startup": "true"}}
    url = database.url("placement")
    with server.processes(url, workers=1, threads=8, options=options) as running:
        yield running.url


@contextlib.contextmanager
def load(url: str) -> collections.abc.Iterator[list[int]]:
    """Let several clients write until the block ends; yields the statuses."""
    statuses: list[int] = []
    ended = threading.Event()

    def write(number: int) -> None:
        with httpx.Client(timeout=SECONDS, headers=TOKEN) as client:
            while not ended.is_set():
                answer = client.put(f"{url}/traits/CUSTOM_{number}")
                statuses.append(answer.status_code)
                client.delete(f"{url}/traits/CUSTOM_{number}")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        ended.set()
        for thread in threads:
            thread.join(SECONDS)


def seconds_until(url: str, status: int) -> float:
    """Probe until ``url`` answers with ``status``; return how long that took."""
    began = time.monotonic()
    while time.monotonic() - began < SECONDS:
        asked = time.monotonic()
        found = httpx.get(url, timeout=SECONDS).status_code
        assert time.monotonic() - asked < CHECK_SECONDS
        if found == status:
            return time.monotonic() - began
        time.sleep(0.05)
    raise AssertionError(f"{url} did not answer with {status}")


def wait_for(statuses: list[int], status: int) -> None:
    waiting.until(lambda: status in statuses[-20:], lambda: statuses[-20:])


def test_readiness_follows_a_database_that_dies_under_load(
    database: DatabaseServer, service: str
) -> None:
    ready = f"{service}/readyz"
    seconds_until(ready, 200)
    with load(service) as statuses:
        wait_for(statuses, 201)
        database.kill()
        assert seconds_until(ready, 503) < NOTICED_SECONDS
        assert httpx.get(f"{service}/livez").text == "ok"
        answer = httpx.get(f"{service}/readyz?verbose")
        assert answer.text.startswith("[-]database failed: the database does not")
        wait_for(statuses, 503)

        database.start_again()
        assert seconds_until(ready, 200) < NOTICED_SECONDS
        wait_for(statuses, 201)


def test_a_check_of_a_database_that_hangs_ends_soon(
    database: DatabaseServer, service: str
) -> None:
    seconds_until(f"{service}/readyz", 200)
    os.kill(database.pid, signal.SIGSTOP)
    try:
        assert seconds_until(f"{service}/readyz", 503) < NOTICED_SECONDS
        # More probes than threads may wait.
        for _ in range(5):
            began = time.monotonic()
            assert httpx.get(f"{service}/readyz", timeout=SECONDS).status_code == 503
            assert time.monotonic() - began < CHECK_SECONDS
        assert httpx.get(f"{service}/livez").status_code == 200
    finally:
        os.kill(database.pid, signal.SIGCONT)
    assert seconds_until(f"{service}/readyz", 200) < NOTICED_SECONDS


@contextlib.contextmanager
def unfinished(url: str, token: str) -> collections.abc.Iterator[socket.socket]:
    """Send a request without the last byte of its body."""
    place = urllib.parse.urlsplit(url)
    with socket.create_connection((place.hostname, place.port), SECONDS) as connection:
        connection.sendall(
            b"POST /resource_providers HTTP/1.1\r\nHost: placement\r\n"
            b"X-Auth-Token: " + token.encode() + b"\r\n"
            b"OpenStack-API-Version: placement latest\r\n"
            b"Content-Type: application/json\r\nContent-Length: 15\r\n\r\n"
            b'{"name": "one"'
        )
        yield connection


def test_a_server_that_stops_is_not_ready_while_it_finishes_requests(
    tmp_path: pathlib.Path,
) -> None:
    state = tmp_path / "state"
    environment = programs.environment(tmp_path) | {"PLACEMENT_STATE_DIR": str(state)}
    environment.pop("OS_PLACEMENT_CONFIG_DIR")
    url = f"http://{ports.HOST}:{ports.free_port()}"
    command: list[str | pathlib.Path] = [programs.THIS.with_name("placement"), "serve"]
    command += ["--bind", url.removeprefix("http://")]
    with server.listening(command, tmp_path, environment, url) as pid:
        assert httpx.get(f"{url}/readyz").text == "ok"
        token = (state / location.TOKEN_FILE).read_text().strip()
        with unfinished(url, token) as connection:
            # The worker takes connections in their order.
            assert httpx.get(f"{url}/livez").status_code == 200
            os.kill(pid, signal.SIGTERM)

            seconds_until(f"{url}/readyz", 503)
            answer = httpx.get(f"{url}/readyz")
            assert answer.text == "draining: the server is stopping"
            assert httpx.get(f"{url}/livez").status_code == 200

            connection.sendall(b"}")
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert response.status == 200
        waiting.until_ended(pid)
