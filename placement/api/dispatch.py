"""From a WSGI request to an operation's reply: routing, checks, handler, response."""

import collections.abc
import functools
import http
import typing
import urllib.parse

import orjson
import werkzeug.exceptions
from werkzeug import routing
from werkzeug.http import http_date

from placement import exception
from placement.api import accept, body, host
from placement.api.afterwards import Afterwards
from placement.api.environ import CONTEXT, ROUTE, VERSION
from placement.api.operation import Check, Operation
from placement.api.reply import JSON, Parts, Reply
from placement.api.request import Request

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# The operations of one path, by method.
_Operations = collections.abc.Mapping[str, Operation]

# The first version that sends cache headers.
_CACHE_HEADERS_SINCE = (1, 15)


def application(
    paths: collections.abc.Mapping[str, _Operations],
) -> "WSGIApplication":
    """Return a WSGI application that serves the operations ``paths``.

    ``paths`` maps each path to its operations by method. The application raises
    PathNotFound, MethodNotAllowed, the failures of ``body.check_headers``, of the
    checks, and of the handler.
    """
    adapter = _url_map(tuple(paths)).bind("placement")

    def serve(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> collections.abc.Iterable[bytes]:
        body.check_headers(environ)
        path, path_params = _find(adapter, environ)
        environ[ROUTE] = path
        reply, req = _reply(paths[path], environ, path_params)
        status, headers, parts = _response(reply, req, environ)
        start_response(status, headers)
        return parts if reply.after is None else Afterwards(parts, reply.after)

    return serve


@functools.cache
def _url_map(paths: tuple[str, ...]) -> routing.Map:
    """Return the rules of the paths, which take milliseconds to compile."""
    # The rules have no methods: the application knows whether a path or only a method
    # is missing.
    rules = [
        routing.Rule(path.replace("{", "<").replace("}", ">"), endpoint=path)
        for path in paths
    ]
    # Do not redirect to a path without empty segments.
    return routing.Map(rules, merge_slashes=False)


def _find(
    adapter: routing.MapAdapter, environ: "WSGIEnvironment"
) -> tuple[str, dict[str, str]]:
    """Return the path of the operation and the values of its variables."""
    # The mount point itself may be requested without a slash.
    path = _decoded(environ.get("PATH_INFO")) or "/"
    # Werkzeug treats several leading slashes as one.
    if path.startswith("//"):
        raise exception.PathNotFound()
    try:
        endpoint, path_params = adapter.match(path)
    except werkzeug.exceptions.NotFound:
        raise exception.PathNotFound() from None
    # No database stores NUL, and some drivers fail on it in a query.
    storable = {
        name: text.replace("\0", "\ufffd") for name, text in path_params.items()
    }
    return typing.cast(str, endpoint), storable


def _decoded(text: str | None) -> str:
    """Decode a part of the target, which WSGI passes on as Latin-1."""
    return (text or "").encode("latin-1").decode(errors="replace")


def _reply(
    operations: _Operations,
    environ: "WSGIEnvironment",
    path_params: dict[str, str],
) -> tuple[Reply, Request]:
    method = environ["REQUEST_METHOD"]
    operation = operations.get(method)
    if operation is None:
        raise exception.MethodNotAllowed(method=method, allowed=", ".join(operations))
    req = Request(
        context=environ[CONTEXT],
        version=environ[VERSION],
        prefix=_decoded(environ.get("SCRIPT_NAME")).rstrip("/"),
        query_string=environ.get("QUERY_STRING", "").encode("latin-1"),
        read_body=functools.partial(body.read, environ),
        body_schemas=operation.body,
        query_schemas=operation.query,
    )
    for check in operation.checks:
        _CHECKS[check](operation, req, environ)
    return operation.handler(req, **path_params), req


def _check_version(
    operation: Operation, req: Request, _environ: "WSGIEnvironment"
) -> None:
    if req.version >= operation.since:
        return
    if operation.too_old_status == 405:
        raise exception.MethodNotAllowed(method=operation.method, allowed="")
    raise exception.PathNotFound()


def _check_accept(
    _operation: Operation, _req: Request, environ: "WSGIEnvironment"
) -> None:
    if accept.best_offer(environ.get("HTTP_ACCEPT"), JSON) is None:
        raise exception.NotAcceptable(provided=JSON)


def _check_content_type(
    operation: Operation, req: Request, environ: "WSGIEnvironment"
) -> None:
    if operation.body_until is not None and req.version > operation.body_until:
        return
    given = environ.get("CONTENT_TYPE") or None
    if (given or "").partition(";")[0].strip() != JSON:
        raise exception.UnsupportedMediaType(given=given, wanted=JSON)


def _check_policy(
    operation: Operation, req: Request, _environ: "WSGIEnvironment"
) -> None:
    if operation.rule is not None:
        target = None if operation.target is None else operation.target(req)
        enforcer = req.context.service.enforcer
        enforcer.authorize(req.context.caller, operation.rule, target)


_CHECKS: dict[
    Check, collections.abc.Callable[[Operation, Request, "WSGIEnvironment"], None]
] = {
    Check.VERSION: _check_version,
    Check.ACCEPT: _check_accept,
    Check.CONTENT_TYPE: _check_content_type,
    Check.POLICY: _check_policy,
}


def _response(
    reply: Reply, req: Request, environ: "WSGIEnvironment"
) -> tuple[str, list[tuple[str, str]], list[bytes]]:
    """Return the status line, the headers and the parts of the body."""
    headers = []
    parts = _encoded(reply.body)
    if reply.body is not None:
        headers.append(("Content-Type", JSON))
    # A 204 has no Content-Length. Source: RFC 9110, section 8.6.
    if reply.status != http.HTTPStatus.NO_CONTENT:
        headers.append(("Content-Length", str(sum(map(len, parts)))))
    if reply.location is not None:
        path = urllib.parse.quote(req.prefix + reply.location)
        headers.append(("Location", host.host_url(environ) + path))
    if reply.modified is not None and req.version >= _CACHE_HEADERS_SINCE:
        headers.append(("Last-Modified", http_date(reply.modified)))
        headers.append(("Cache-Control", "no-cache"))
    return f"{reply.status} {http.HTTPStatus(reply.status).phrase}", headers, parts


def _encoded(value: typing.Any) -> list[bytes]:
    if value is None:
        return []
    if isinstance(value, Parts):
        return value.parts
    return [value if isinstance(value, bytes) else orjson.dumps(value)]
