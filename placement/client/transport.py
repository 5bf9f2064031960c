"""Transports of requests: HTTP, a keystoneauth1 session, or a call in this process."""

import dataclasses
import http.client
import json
import os
import select
import ssl
import threading
import typing
import urllib.parse
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping

from placement.client import errors

TIMEOUT_SECONDS = 60.0

# Other methods must not be sent twice: after a first request with a generation, a
# second one would get a conflict.
_REPEATABLE_METHODS = frozenset({"GET"})

# Failures of a keep-alive connection that the server has closed.
_CLOSED = (
    http.client.RemoteDisconnected,
    ConnectionResetError,
    ConnectionAbortedError,
    BrokenPipeError,
)

WSGIApplication = Callable[..., Iterable[bytes]]


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """A response, with lower-case header names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> typing.Any:
        """Return the parsed body. Raises UnexpectedAnswer when it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError as failure:
            raise errors.UnexpectedAnswer(
                "The response is not JSON. Is the endpoint a Placement service?",
                self.status,
                headers=self.headers,
            ) from failure

    def lines(self) -> Iterator["Response"]:
        """Yield each line of the body as a response of its own."""
        for line in self.body.splitlines():
            yield dataclasses.replace(self, body=line)


class Transport(typing.Protocol):
    """The interface of a transport."""

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        """Send a request and return the response, regardless of its status.

        ``path`` begins with a slash, is relative to the root of the service, and may
        include a query string.
        Raises Unreachable, TimedOut or UnexpectedAnswer without a response.
        """

    def close(self) -> None:
        """Close all connections that the transport has opened."""


class HTTPTransport:
    """HTTP to one endpoint, with a keep-alive connection per thread.

    ``endpoint`` is the URL of the version document; ``token`` is sent as
    ``X-Auth-Token``. ``timeout_seconds`` limits connecting and each wait for data. The
    default of ``ssl_context`` is ``ssl.create_default_context()``. Idle connections
    that the server has closed are reopened; other failures are not retried.

    Raises ValueError when the endpoint is not an http or https URL, or the token is
    invalid in a header.
    """

    def __init__(
        self,
        endpoint: str,
        token: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        parts = urllib.parse.urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"Not an http or https URL: {endpoint}")
        if token is not None and not (token.isascii() and token.isprintable()):
            raise ValueError("The token has characters that are invalid in a header")
        self.endpoint = endpoint
        self._host = parts.hostname
        self._port = parts.port
        self._is_tls = parts.scheme == "https"
        self._prefix = parts.path.rstrip("/")
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._ssl_context = ssl_context
        self._local = threading.local()
        self._connections: weakref.WeakSet[http.client.HTTPConnection] = (
            weakref.WeakSet()
        )
        self._lock = threading.Lock()

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        sent = dict(headers)
        if self._token is not None:
            sent["x-auth-token"] = self._token
        connection = self._usable_connection()
        is_reused = connection.sock is not None
        try:
            try:
                return self._exchange(connection, method, path, sent, body)
            except _CLOSED:
                connection.close()
                if not is_reused or method not in _REPEATABLE_METHODS:
                    raise
                return self._exchange(connection, method, path, sent, body)
        except TimeoutError as failure:
            connection.close()
            raise errors.TimedOut(
                f"{self.endpoint} did not respond within {self._timeout_seconds:g} s."
            ) from failure
        except (OSError, http.client.HTTPException) as failure:
            connection.close()
            reason = getattr(failure, "strerror", None) or str(failure)
            reason = reason or type(failure).__name__
            raise errors.Unreachable(
                f"{self.endpoint} cannot be reached: {reason}."
            ) from failure

    def close(self) -> None:
        """Close the connections of all threads; later requests open new ones."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.close()

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Response:
        connection.request(method, self._prefix + path, body, dict(headers))
        response = connection.getresponse()
        content = response.read()
        lowered = {name.lower(): value for name, value in response.getheaders()}
        return Response(response.status, lowered, content)

    def _usable_connection(self) -> http.client.HTTPConnection:
        """Return the connection of this thread, closed if the server has closed it."""
        # After a fork, the connection belongs to the parent process.
        if getattr(self._local, "process_id", None) != os.getpid():
            self._local.connection = self._new_connection()
            self._local.process_id = os.getpid()
            with self._lock:
                self._connections.add(self._local.connection)
        connection: http.client.HTTPConnection = self._local.connection
        if connection.sock is not None and _is_readable(connection.sock):
            # No response is expected, so this is the end of the stream.
            connection.close()
        return connection

    def _new_connection(self) -> http.client.HTTPConnection:
        if not self._is_tls:
            return http.client.HTTPConnection(
                self._host, self._port, timeout=self._timeout_seconds
            )
        return http.client.HTTPSConnection(
            self._host,
            self._port,
            timeout=self._timeout_seconds,
            context=self._ssl_context,
        )


class SessionTransport:
    """Requests through a keystoneauth1 session, which provides endpoint and token.

    ``session`` is any object with the ``request`` method of that class; the library is
    not imported. ``endpoint_filter`` selects from the service catalog;
    ``endpoint_override`` replaces the catalog.
    """

    def __init__(
        self,
        session: typing.Any,
        endpoint_filter: Mapping[str, str] | None = None,
        endpoint_override: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._session = session
        self._endpoint_filter = {"service_type": "placement", **(endpoint_filter or {})}
        self._endpoint_override = endpoint_override
        self._timeout_seconds = timeout_seconds

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        try:
            response = self._session.request(
                path,
                method,
                headers=dict(headers),
                data=body,
                endpoint_filter=self._endpoint_filter,
                endpoint_override=self._endpoint_override,
                raise_exc=False,
                redirect=False,
                timeout=self._timeout_seconds,
            )
        except Exception as failure:
            translated = _session_failure(failure)
            if translated is None:
                raise
            raise translated from failure
        lowered = {name.lower(): value for name, value in response.headers.items()}
        return Response(response.status_code, lowered, response.content)

    def close(self) -> None:
        """Do nothing: the session belongs to the caller."""


class WSGITransport:
    """Calls of a WSGI application in this process, without a socket.

    ``token`` is sent as ``X-Auth-Token``. Exceptions of the application propagate.
    """

    def __init__(self, application: WSGIApplication, token: str = "admin") -> None:
        self._application = application
        self._token = token

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        # A client over HTTP does not need it.
        import webob  # noqa: PLC0415 - slow

        request = webob.Request.blank(
            path, method=method, headers={"x-auth-token": self._token, **headers}
        )
        if body is not None:
            request.body = body
        response = request.get_response(self._application)
        lowered = {name.lower(): value for name, value in response.headers.items()}
        return Response(response.status_code, lowered, response.body)

    def close(self) -> None:
        """Do nothing: there is no connection."""


def _is_readable(socket: typing.Any) -> bool:
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


def _session_failure(failure: Exception) -> errors.ClientError | None:
    """Return the failure for an exception of keystoneauth1, by its class names.

    None if it is not about the connection or the token.
    """
    names = {kind.__name__ for kind in type(failure).__mro__}
    if "ConnectTimeout" in names:
        return errors.TimedOut(str(failure))
    if names & {"ConnectionError", "CatalogException", "DiscoveryFailure"}:
        return errors.Unreachable(str(failure))
    if "Unauthorized" in names:
        return errors.Unauthorized(str(failure), 401)
    return None
