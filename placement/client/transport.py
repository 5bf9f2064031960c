"""How a request of the client travels: HTTP, a session, or a call in this process."""

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
from collections.abc import Callable, Iterable, Mapping

from placement.client import errors

TIMEOUT_SECONDS = 60.0

# Only these may be sent twice: the others carry generations, and the answer to the
# second would be about what the first one did.
_REPEATABLE_METHODS = frozenset({"GET"})

# What a kept-alive connection says when the server has closed it meanwhile.
_CLOSED = (
    http.client.RemoteDisconnected,
    ConnectionResetError,
    ConnectionAbortedError,
    BrokenPipeError,
)

WSGIApplication = Callable[..., Iterable[bytes]]


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """One answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> typing.Any:
        """Return the body as plain values.

        Raises UnexpectedAnswer when it is not JSON.
        """
        try:
            return json.loads(self.body)
        except ValueError as failure:
            raise errors.UnexpectedAnswer(
                "The answer is not JSON: is this a Placement endpoint?",
                self.status,
                headers=self.headers,
            ) from failure


class Transport(typing.Protocol):
    """What the client needs to speak with a service."""

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        """Return the answer, whatever its status.

        ``path`` begins with a slash, is relative to the root of the service, and may
        carry a query string.
        Raises Unreachable, TimedOut or UnexpectedAnswer when there is no answer.
        """

    def close(self) -> None:
        """Close all connections that the transport has opened itself."""


class HTTPTransport:
    """HTTP to one endpoint, over a kept-alive connection per thread.

    ``endpoint`` is the URL that the version document is served at; ``token`` goes
    into ``X-Auth-Token``. ``timeout_seconds`` bounds connecting and each wait for
    bytes. ``ssl_context`` is for https; by default certificates are checked as
    ``ssl.create_default_context`` does. A connection that the server closed while it
    was idle is opened again; other failures are not retried.

    Raises ValueError for an endpoint that is not an http or https URL, and for a
    token that no header can carry.
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
            raise ValueError("The token has characters that no header can carry")
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
                f"{self.endpoint} did not answer within {self._timeout_seconds:g} s."
            ) from failure
        except (OSError, http.client.HTTPException) as failure:
            connection.close()
            reason = getattr(failure, "strerror", None) or str(failure)
            reason = reason or type(failure).__name__
            raise errors.Unreachable(
                f"{self.endpoint} cannot be reached: {reason}."
            ) from failure

    def close(self) -> None:
        """Close the connections of all threads; a later request opens a new one."""
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
        answer = connection.getresponse()
        content = answer.read()
        lowered = {name.lower(): value for name, value in answer.getheaders()}
        return Response(answer.status, lowered, content)

    def _usable_connection(self) -> http.client.HTTPConnection:
        """Return this thread's connection, closed first if it has gone stale."""
        # A connection made before a fork belongs to the parent process.
        if getattr(self._local, "process_id", None) != os.getpid():
            self._local.connection = self._new_connection()
            self._local.process_id = os.getpid()
            with self._lock:
                self._connections.add(self._local.connection)
        connection: http.client.HTTPConnection = self._local.connection
        if connection.sock is not None and _has_something_to_read(connection.sock):
            # No answer is due, so what can be read is the end of the stream.
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
    """Requests through a keystoneauth1 session, which finds endpoint and token.

    ``session`` is anything with the ``request`` method of that class; the library is
    not imported. ``endpoint_filter`` chooses from the service catalog, and
    ``endpoint_override``, if given, is used instead of it.
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
            answer = self._session.request(
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
        lowered = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, lowered, answer.content)

    def close(self) -> None:
        """Do nothing: the session belongs to the caller."""


class WSGITransport:
    """Calls into a WSGI application in this process; no socket is opened.

    ``token`` goes into ``X-Auth-Token``. What the application raises is not caught.
    """

    def __init__(self, application: WSGIApplication, token: str = "admin") -> None:
        self._application = application
        self._token = token

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        # Who speaks HTTP has no use for it.
        import webob  # noqa: PLC0415 - slow

        request = webob.Request.blank(
            path, method=method, headers={"x-auth-token": self._token, **headers}
        )
        if body is not None:
            request.body = body
        answer = request.get_response(self._application)
        lowered = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, lowered, answer.body)

    def close(self) -> None:
        """Do nothing: there is no connection."""


def _has_something_to_read(socket: typing.Any) -> bool:
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


def _session_failure(failure: Exception) -> errors.ClientError | None:
    """Return what a failure of keystoneauth1 means, told by the names of its classes.

    None for everything that is not a failure to reach the service or to get a token.
    """
    names = {kind.__name__ for kind in type(failure).__mro__}
    if "ConnectTimeout" in names:
        return errors.TimedOut(str(failure))
    if names & {"ConnectionError", "CatalogException", "DiscoveryFailure"}:
        return errors.Unreachable(str(failure))
    if "Unauthorized" in names:
        return errors.Unauthorized(str(failure), 401)
    return None
