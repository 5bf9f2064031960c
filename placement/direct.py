"""The service inside this process, under the name that existing programs import."""

import contextlib
import json
import typing
import urllib.parse
from collections.abc import Iterator, Mapping

import webob

from placement import deploy

_ADMIN_TOKEN = "admin"
_LATEST = "latest"

# What requests and keystoneauth1 take as ``params``.
_Params = Mapping[str, typing.Any] | list[tuple[str, typing.Any]]


class DirectResponse:
    """A response with the attributes of ``requests.Response``.

    False if its status is an error. ``headers`` ignore case.
    """

    def __init__(self, response: webob.Response) -> None:
        self.status_code: int = response.status_int
        self.reason: str = response.status.partition(" ")[2]
        self.headers: Mapping[str, str] = response.headers
        self.content: bytes = response.body

    def __bool__(self) -> bool:
        return self.ok

    @property
    def ok(self) -> bool:
        """The status is not an error."""
        return self.status_code < 400

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8")

    def json(self) -> typing.Any:
        """Return the parsed body. Raises ValueError when it is not JSON."""
        return json.loads(self.content)


class DirectClient:
    """A client of a WSGI application with the methods of a keystoneauth1 adapter.

    URLs are relative to the root of the service. ``microversion`` of a request
    overrides the one of the client. Error statuses raise nothing.
    """

    def __init__(
        self, application: typing.Any, microversion: str | None = None
    ) -> None:
        self._application = application
        self._microversion = microversion

    def request(
        self,
        url: str,
        method: str,
        json: typing.Any = None,
        data: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        params: _Params | None = None,
        microversion: str | None = None,
    ) -> DirectResponse:
        """Send a request; ``json`` is encoded, ``data`` is sent as it is."""
        request = webob.Request.blank(
            _with_params(url, params),
            method=method,
            headers={"accept": "application/json", "x-auth-token": _ADMIN_TOKEN},
        )
        version = microversion or self._microversion
        if version:
            request.headers["openstack-api-version"] = f"placement {version}"
        if json is not None:
            request.headers["content-type"] = "application/json"
            request.body = _encoded(json)
        elif data is not None:
            request.body = data.encode() if isinstance(data, str) else data
        request.headers.update(headers or {})
        return DirectResponse(request.get_response(self._application))

    def get(self, url: str, **given: typing.Any) -> DirectResponse:
        """Send a GET request; the other arguments are those of ``request``."""
        return self.request(url, "GET", **given)

    def head(self, url: str, **given: typing.Any) -> DirectResponse:
        """Send a HEAD request."""
        return self.request(url, "HEAD", **given)

    def post(self, url: str, **given: typing.Any) -> DirectResponse:
        """Send a POST request."""
        return self.request(url, "POST", **given)

    def put(self, url: str, **given: typing.Any) -> DirectResponse:
        """Send a PUT request."""
        return self.request(url, "PUT", **given)

    def patch(self, url: str, **given: typing.Any) -> DirectResponse:
        """Send a PATCH request."""
        return self.request(url, "PATCH", **given)

    def delete(self, url: str, **given: typing.Any) -> DirectResponse:
        """Send a DELETE request."""
        return self.request(url, "DELETE", **given)


class PlacementDirect:
    """A context manager that returns a client of a service in this process.

    ``conf`` is the configuration of the service, with its options registered; its
    database must have the schema. The caller is an administrator: while the context is
    open, ``conf`` has ``[api] auth_strategy = noauth2``. Requests without a
    microversion ask for the latest one if ``latest_microversion`` is set, else for the
    oldest.
    """

    def __init__(self, conf: typing.Any, latest_microversion: bool = False) -> None:
        self._conf = conf
        self._microversion = _LATEST if latest_microversion else None
        self._open = contextlib.ExitStack()

    def __enter__(self) -> DirectClient:
        with contextlib.ExitStack() as opening:
            opening.enter_context(_unauthenticated(self._conf))
            client = DirectClient(deploy.loadapp(self._conf), self._microversion)
            self._open = opening.pop_all()
        return client

    def __exit__(self, *failure: object) -> None:
        self._open.close()


@contextlib.contextmanager
def _unauthenticated(conf: typing.Any) -> Iterator[None]:
    """Accept any token in the block, then restore ``conf``."""
    configured = conf.api.auth_strategy
    conf.set_override("auth_strategy", "noauth2", group="api")
    try:
        yield
    finally:
        conf.set_override("auth_strategy", configured, group="api")


def _encoded(document: typing.Any) -> bytes:
    return json.dumps(document).encode()


def _with_params(url: str, params: _Params | None) -> str:
    path = url if url.startswith("/") else f"/{url}"
    if not params:
        return path
    separator = "&" if "?" in path else "?"
    return path + separator + urllib.parse.urlencode(params, doseq=True)
