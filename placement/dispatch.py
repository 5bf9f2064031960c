"""What every operation passes: version, media types, policy, handler, reply."""

import collections.abc
import datetime
import email.utils
import functools
import http
import ipaddress
import re
import sys
import typing
import urllib.parse

import orjson
import webob
import werkzeug.exceptions
from webob import acceptparse
from werkzeug import routing, wsgi

from placement import exception
from placement.reply import Parts, Reply
from placement.request import Request
from placement.routes import Check, Operation

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

JSON = "application/json"

# Those of one path, by method.
_Operations = collections.abc.Mapping[str, Operation]

# Where middleware leaves, in the environ, what it has found out.
CONTEXT = "placement.context"
VERSION = "placement.version"

# The parts of a host as it stands in a URL: a name or an address, and a port.
_LABEL = "[A-Za-z0-9_-]{1,63}"
_HOST = re.compile(
    rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{{1,5}}))?"
)
_MAX_HOST = 253
_MAX_PORT = 65535

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
        _check_sanity(environ, _body_limit(environ))
        path, path_params = _find(adapter, environ)
        reply, req = _reply(paths[path], environ, path_params)
        status, headers, body = _response(reply, req, environ)
        start_response(status, headers)
        return body

    return answered


def _body_limit(environ: "WSGIEnvironment") -> int:
    limit: int = environ[CONTEXT].settings.api.max_request_body_bytes
    return limit


def _check_sanity(environ: "WSGIEnvironment", body_limit: int) -> None:
    """Refuse a request whose headers do not say what its body is, or one too large.

    Comes before routing: also for paths that do not exist.
    """
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        raise exception.BadRequest(reason="content-length header must be an integer")
    digits = length.lstrip("0")
    if digits and not environ.get("CONTENT_TYPE"):
        raise exception.BadRequest(
            reason="content-type header required when content-length > 0"
        )
    # However long: Python reads no number of thousands of digits.
    if len(digits) > len(str(body_limit)) or int(digits or 0) > body_limit:
        raise exception.BodyTooLarge(limit=body_limit)


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
        read_body=functools.partial(_read_body, environ),
    )
    for check in operation.ordered_checks:
        _CHECKS[check](operation, req, environ)
    return operation.handler(req, **path_params), req


def _read_body(environ: "WSGIEnvironment") -> bytes:
    """Return the body of the request.

    Raises BodyTooLarge, having read no more than is accepted of a body without a
    length; BadRequest when the server cannot read it: each has exceptions of its own
    for chunks that are none, and for a client that leaves early.
    """
    limit = _body_limit(environ)
    is_chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    try:
        if is_chunked and "wsgi.input_terminated" not in environ:
            body = _read_chunks(limit)
        else:
            body = wsgi.get_input_stream(environ, max_content_length=limit + 1).read()
    except exception.PlacementError:
        raise
    except Exception as unreadable:
        raise exception.BadRequest(
            reason="The body cannot be read as the headers say."
        ) from unreadable
    if len(body) > limit:
        raise exception.BodyTooLarge(limit=limit)
    return body


def _read_chunks(limit: int) -> bytes:
    """Return a body in chunks from a server that does not pass it on by WSGI.

    uWSGI is one, and has a function for it in a module of its own. Reads no more than
    one chunk beyond ``limit``.

    Raises BadRequest where there is no such function, or where it fails.
    """
    server = sys.modules.get("uwsgi")
    if server is None:
        raise exception.BadRequest(
            reason="The server does not pass on a body in chunks (Transfer-Encoding: "
            "chunked). Send it with Content-Length."
        )
    body = bytearray()
    try:
        while len(body) <= limit and (chunk := server.chunked_read()):
            body += chunk
    except OSError as unreadable:
        raise exception.BadRequest(
            reason="The chunks of the body cannot be read. The http router of uWSGI "
            "passes them on with the option http-chunked-input only."
        ) from unreadable
    return bytes(body)


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
        req.context.service.enforcer.authorize(req.context, operation.rule, target)


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
        headers.append(("Location", _host_url(environ) + path))
    if reply.modified is not None and req.version >= _CACHE_HEADERS_SINCE:
        headers.append(("Last-Modified", _http_date(reply.modified)))
        headers.append(("Cache-Control", "no-cache"))
    return f"{reply.status} {http.HTTPStatus(reply.status).phrase}", headers, parts


def _encoded(body: typing.Any) -> list[bytes]:
    if body is None:
        return []
    if isinstance(body, Parts):
        return body.parts
    return [body if isinstance(body, bytes) else orjson.dumps(body)]


def _host_url(environ: collections.abc.Mapping[str, typing.Any]) -> str:
    """Return the scheme and host that the client asked, without a slash.

    What cannot be a host is not repeated: it is the one that the server listens at.
    """
    own = dict(environ)
    if not is_host(own.get("HTTP_HOST", "")):
        own.pop("HTTP_HOST", None)
    return webob.Request(own).host_url


def is_host(text: str) -> bool:
    """Tell whether a URL can have ``text``, with its port or without, as its host."""
    match = _HOST.fullmatch(text)
    if match is None or len(text) > _MAX_HOST:
        return False
    address, port = match.groups()
    if address is not None:
        try:
            ipaddress.IPv6Address(address)
        except ValueError:
            return False
    return int(port or 0) <= _MAX_PORT


def _http_date(modified: datetime.datetime) -> str:
    # Stored times are UTC without saying so.
    return email.utils.format_datetime(
        modified.replace(tzinfo=datetime.UTC), usegmt=True
    )
