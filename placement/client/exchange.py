"""Requests over a transport: headers, failures and retries."""

import functools
import json
import sys
import typing
import urllib.parse
import uuid
from collections.abc import Callable

from placement.client import errors, query, retry, transport, values

# The microversion of requests and values.
VERSION = "1.39"

JSON = "application/json"
LINES = "application/x-ndjson"

_DISTRIBUTION = "standalone-placement"

_T = typing.TypeVar("_T")


class Exchange:
    """Requests over a transport.

    ``user_agent`` names the calling program, such as ``scheduler/2.1``; it precedes the
    client's own name in ``User-Agent``. ``retry`` limits the attempts of a request; by
    default it is sent once.

    Raises ValueError when ``user_agent`` is invalid in a header.
    """

    def __init__(
        self,
        transport: transport.Transport,
        *,
        user_agent: str | None = None,
        retry: retry.Retry = retry.NEVER,
    ) -> None:
        if user_agent and not (user_agent.isascii() and user_agent.isprintable()):
            raise ValueError("user_agent has characters that are invalid in a header")
        self._transport = transport
        self._user_agent = user_agent
        self._retry = retry

    def __enter__(self) -> typing.Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; later requests open new ones.

        Must not be called while another thread waits for a response.
        """
        self._transport.close()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        version: str = VERSION,
        accept: str = JSON,
        key: str | None = None,
    ) -> transport.Response:
        """Send any request and return its successful response.

        ``body`` is sent as JSON unless it is None, and bytes as lines of JSON;
        ``accept`` is the media type of the response. ``key`` is an ``Idempotency-Key``,
        with which any request can be sent again.
        Raises ClientError for any other response, or none.
        """
        return self._retry.run(
            lambda: self._send(method, path, body, version, accept, key),
            functools.partial(retry.may_send_again, method, has_key=key is not None),
        )

    def _send(
        self,
        method: str,
        path: str,
        body: object = None,
        version: str = VERSION,
        accept: str = JSON,
        key: str | None = None,
    ) -> transport.Response:
        """Send a request once, and return its successful response."""
        response = self._answer(method, path, body, version, accept, key)
        if not 200 <= response.status < 300:
            raise errors.from_response(response.status, response.headers, response.body)
        return response

    def _answer(
        self,
        method: str,
        path: str,
        body: object = None,
        version: str = VERSION,
        accept: str = JSON,
        key: str | None = None,
    ) -> transport.Response:
        """Send a request once, and return any response."""
        headers = {
            "accept": accept,
            "openstack-api-version": f"placement {version}",
            "user-agent": " ".join(filter(None, (self._user_agent, own_name()))),
        }
        if key is not None:
            headers["idempotency-key"] = key
        content = None
        if isinstance(body, bytes):
            headers["content-type"] = LINES
            content = body
        elif body is not None:
            headers["content-type"] = JSON
            content = json.dumps(body, default=_plain).encode()
        return self._transport.send(method, path, _with_trace(headers), content)

    def _get(self, path: str, parse: Callable[[values.Document], _T]) -> _T:
        return read(self.request("GET", path), parse)


def _with_trace(headers: dict[str, str]) -> dict[str, str]:
    """Return ``headers`` with those that continue the trace of the current span.

    A program without OpenTelemetry has no span, and need not import it.
    """
    if "opentelemetry.trace" in sys.modules:
        from opentelemetry import propagate  # noqa: PLC0415 - an extra

        propagate.inject(headers)
    return headers


@functools.cache
def own_name() -> str:
    """Return the name and version of this client for ``User-Agent``."""
    import importlib.metadata  # noqa: PLC0415 - slow

    try:
        return f"{_DISTRIBUTION}/{importlib.metadata.version(_DISTRIBUTION)}"
    except importlib.metadata.PackageNotFoundError:
        return _DISTRIBUTION


def read(response: transport.Response, parse: Callable[[values.Document], _T]) -> _T:
    """Return the parsed body of a response.

    Raises UnexpectedAnswer when it does not have the form of the API.
    """
    document = response.json()
    try:
        return parse(document)
    except (AttributeError, KeyError, TypeError, ValueError) as failure:
        raise errors.UnexpectedAnswer(
            "The response does not have the form of the Placement API. Is the endpoint "
            f"a Placement service that supports microversion {VERSION}?",
            response.status,
            headers=response.headers,
        ) from failure


def path_of(*segments: values.AnyUUID) -> str:
    """Return the path of the segments, each of them quoted."""
    quoted = (urllib.parse.quote(str(each), safe="") for each in segments)
    return "".join("/" + each for each in quoted)


def provider_path(uuid: values.AnyUUID, *segments: str) -> str:
    """Return the path of a provider, or of something below it."""
    return path_of("resource_providers", uuid, *segments)


def with_query(path: str, parameters: query.Parameters) -> str:
    """Return a path with a query string, if there are parameters."""
    return f"{path}?{query.encode(parameters)}" if parameters else path


def documents(
    by_uuid: values.ByUUID[values.Inventories] | values.ByUUID[values.Allocations],
) -> values.Document:
    """Return the documents of values by uuid."""
    return {str(uuid): value.to_document() for uuid, value in by_uuid.items()}


def _plain(value: object) -> str:
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(f"Cannot be serialized to JSON: {value!r}")
