"""The HTTP client of the benchmarks, with a server that closes its connections."""

import http.client
import socket
import threading

import pytest

from benchmarks import wire

_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class _Server:
    """Answers ``responses`` requests of each connection, and then closes it."""

    def __init__(self, responses: int) -> None:
        self.connections = 0
        self._responses = responses
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            self.connections += 1
            with connection:
                for _ in range(self._responses):
                    if not connection.recv(4096):
                        break
                    connection.sendall(_RESPONSE)


def test_a_connection_serves_several_requests():
    server = _Server(2)
    with wire.Wire(server.url, "1.39") as client:
        assert [client.send("GET", "/").status for _ in range(2)] == [200, 200]
    assert server.connections == 1


def test_a_connection_that_has_been_idle_is_not_used_again(monkeypatch):
    monkeypatch.setattr(wire, "_IDLE_SECONDS_MAX", -1)
    server = _Server(1)
    with wire.Wire(server.url, "1.39") as client:
        assert [client.send("GET", "/").status for _ in range(3)] == [200] * 3


def test_the_request_after_a_failure_opens_a_connection():
    server = _Server(1)
    with wire.Wire(server.url, "1.39") as client:
        client.send("GET", "/")
        with pytest.raises((OSError, http.client.HTTPException)):
            client.send("GET", "/")
        assert client.send("GET", "/").status == 200
