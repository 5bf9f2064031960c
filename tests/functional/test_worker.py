"""Keep-alive connections: several requests on each, and more of them than threads."""

import collections.abc
import contextlib
import http.client
import os
import signal
import socket
import time
import urllib.parse

import pytest

from placement.wsgi import worker
from tests.servers import server

pytestmark = pytest.mark.any_database

SECONDS = 30
THREADS = 2
REQUEST = (
    "GET /resource_classes/{name} HTTP/1.1\r\n"
    "Host: placement.example.com\r\n"
    "X-Auth-Token: admin\r\n"
    "OpenStack-API-Version: placement latest\r\n"
    "\r\n"
)
NAMES = ["VCPU", "MEMORY_MB", "DISK_GB", "PCI_DEVICE", "VGPU", "SRIOV_NET_VF"]


@pytest.fixture
def service(module_database_url: str) -> collections.abc.Iterator[server.Server]:
    with server.processes(module_database_url, workers=1, threads=THREADS) as running:
        yield running


@contextlib.contextmanager
def connected(service: server.Server) -> collections.abc.Iterator[socket.socket]:
    place = urllib.parse.urlsplit(service.url)
    with socket.create_connection((place.hostname, place.port), SECONDS) as connection:
        yield connection


def answered(connection: socket.socket) -> str:
    """Read one response; return the name of the resource class in it."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    assert response.status == 200
    body = response.read()
    return body.decode().partition('"name":"')[2].partition('"')[0]


def ask(connection: socket.socket, name: str) -> None:
    connection.sendall(REQUEST.format(name=name).encode())


def test_a_connection_serves_several_requests(
    service: server.Server,
) -> None:
    pauses = [0.0, 0.0, worker.WAIT_MS / 2000, worker.WAIT_MS / 100, 0.0, 0.0]
    with connected(service) as connection:
        for name, pause in zip(NAMES, pauses, strict=True):
            ask(connection, name)
            assert answered(connection) == name
            time.sleep(pause)


def test_pipelined_requests_are_answered_in_order(
    service: server.Server,
) -> None:
    with connected(service) as connection:
        connection.sendall("".join(REQUEST.format(name=n) for n in NAMES).encode())
        found = [one.partition(b'"')[0] for one in _bodies(connection, len(NAMES))]

    assert found == [name.encode() for name in NAMES]


def _bodies(connection: socket.socket, count: int) -> list[bytes]:
    """Read ``count`` responses; return the text after ``"name":"`` of each."""
    received = b""
    while received.count(b'"name":"') < count or not received.endswith(b"}"):
        part = connection.recv(65536)
        assert part, received
        received += part
    return received.split(b'"name":"')[1:]


def test_idle_connections_occupy_no_threads(
    service: server.Server,
) -> None:
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(connected(service)) for _ in range(4 * THREADS)]
        for round_ in range(5):
            for connection in many:
                ask(connection, NAMES[round_])
            assert {answered(connection) for connection in many} == {NAMES[round_]}


def test_an_idle_connection_does_not_delay_a_shutdown(
    service: server.Server,
) -> None:
    with connected(service) as connection:
        ask(connection, "VCPU")
        assert answered(connection) == "VCPU"
        os.kill(service.pid, signal.SIGTERM)
        # The server closes the connection.
        assert connection.recv(1) == b""
