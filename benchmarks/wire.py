"""A minimal HTTP client, so that its own work hardly counts.

It sends each request in one piece, and reads only the response headers that say where
the response ends.
"""

import http.client
import json
import re
import socket
import time
import typing
import urllib.parse

from tests.functional.connection import SECONDS, Answer, Connection

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)
_CHUNK = 2**18

# The longest time between two requests of a connection. Servers close one that is
# idle: gunicorn after 2 seconds, by default.
_IDLE_SECONDS_MAX = 1.0


class Wire(Connection):
    """A ``Connection`` for responses that have a ``Content-Length``."""

    def __init__(self, url: str, version: str, seconds: float = SECONDS) -> None:
        super().__init__(url, version, seconds)
        place = urllib.parse.urlsplit(url)
        self._address = (place.hostname, place.port)
        self._seconds = seconds
        lines = [f"{name}: {value}" for name, value in self._headers.items()]
        self._common = "\r\n".join((f"Host: {place.netloc}", *lines))
        self._socket: socket.socket | None = None
        # When the last response ended.
        self._idle_since = 0.0

    def __enter__(self) -> typing.Self:
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, method: str, path: str, body: object = None) -> Answer:
        payload = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\n{self._common}\r\n"
            f"Content-Length: {len(payload)}\r\n\r\n"
        )
        opened = self._usable()
        try:
            opened.sendall(head.encode("ascii") + payload)
            answer = self._read(opened)
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        self._idle_since = time.monotonic()
        return answer

    def _usable(self) -> socket.socket:
        """Return the open connection, or a new one if it has been idle for long."""
        if time.monotonic() - self._idle_since > _IDLE_SECONDS_MAX:
            self.close()
        return self._socket or self._open()

    def _open(self) -> socket.socket:
        self._socket = socket.create_connection(self._address, self._seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._idle_since = time.monotonic()
        return self._socket

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _read(self, opened: socket.socket) -> Answer:
        received = b""
        while (end := received.find(_HEAD_END)) < 0:
            received += self._receive(opened)
        # Including the line ends of the first and the last line.
        head = received[: end + 2]
        status = int(head[9:12])
        length = _LENGTH.search(head)
        if length is None and status != http.HTTPStatus.NO_CONTENT:
            raise http.client.HTTPException("the response has no Content-Length")
        parts = [received[end + len(_HEAD_END) :]]
        left = int(length[1] if length else 0) - len(parts[0])
        while left > 0:
            parts.append(self._receive(opened))
            left -= len(parts[-1])
        if _CLOSES.search(head):
            self.close()
        return Answer(status, b"".join(parts))

    def _receive(self, opened: socket.socket) -> bytes:
        received = opened.recv(_CHUNK)
        if not received:
            raise http.client.RemoteDisconnected("the service closed the connection")
        return received
