"""What every operation passes: version, media types, policy, handler, reply."""

import collections.abc
import functools
import http
import typing
import urllib.parse

import orjson
import werkzeug.exceptions
from webob import acceptparse
from werkzeug import routing
from werkzeug.http import http_date

from placement import exception
from placement.api import body, host
from placement.api.environ import CONTEXT, VERSION
from placement.api.operation import Check, Operation
from placement.api.reply import JSON, Parts, Reply
from placement.api.request import Request

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Those of one path, by method.
_Operations = collections.abc.Mapping[str, Operation]

# The first version that sends cache headers.
_CACHE_HEADERS_SINCE = (1, 15)


def application(
    paths: collections.abc.Mapping[str, _Operations],
) -> "WSGIApplication":
    """Return the application that answers each path by the operation of its method.

    ``paths`` has the operations by path and method. The application raises
    PathNotFound, MethodNotAllowed, BadRequest for headers that do not say what the
    body is, what the checks raise and what the handler raises.
    """
    # Without methods a rule takes all of them: what is served is known here.
    rules = [
        routing.Rule(path.replace("{", "<").replace("}", ">"), endpoint=path)
        for path in paths
    ]
    # An empty segment is a segment, and not to be cleaned away by a redirect.
    adapter = routing.Map(rules, merge_slashes=False).bind("placement")

    def answered(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> collections.abc.Iterable[bytes]:
        body.check_headers(environ)
        path, path_params = _find(adapter, environ)
        reply, req = _reply(paths[path], environ, path_params)
        status, headers, parts = _response(reply, req, environ)
        start_response(status, headers)
        return parts

    return answered


def _find(
    adapter: routing.MapAdapter, environ: "WSGIEnvironment"
) -> tuple[str, dict[str, str]]:
    """Return which of the paths it is, and what its variables are."""
    # The empty path is that of the mount point.
    path = _decoded(environ.get("PATH_INFO")) or "/"
    # Routing takes any number of slashes for the first one.
    if path.startswith("//"):
        raise exception.PathNotFound()
    try:
        endpoint, path_params = adapter.match(path)
    except werkzeug.exceptions.NotFound:
        raise exception.PathNotFound() from None
    # No database stores NUL, and some drivers fail when they are asked for it.
    readable = {
        name: text.replace("\0", "\ufffd") for name, text in path_params.items()
    }
    return typing.cast(str, endpoint), readable


def _decoded(text: str | None) -> str:
    """Return what WSGI passes on of the target, as the text that it is."""
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
    if not _accepts_json(environ.get("HTTP_ACCEPT")):
        raise exception.NotAcceptable(provided=JSON)


@functools.lru_cache(maxsize=64)
def _accepts_json(header: str | None) -> bool:
    # Most clients send the same as all others.
    accept = acceptparse.create_accept_header(header)
    return bool(accept.acceptable_offers([JSON]))


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
    # Such an answer has no length. Source: RFC 9110, section 8.6.
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
