"""What every operation passes: version, media types, policy, handler, reply."""

import collections.abc
import datetime
import email.utils
import ipaddress
import re
import typing
import urllib.parse

import flask
import orjson
import webob
from webob import acceptparse

from placement import exception
from placement.reply import Parts, Reply
from placement.request import Request
from placement.routes import Check, Operation

JSON = "application/json"

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


def check_sanity() -> None:
    """Refuse a request whose headers do not say what its body is.

    Comes before routing: also for paths that do not exist.

    Raises BadRequest.
    """
    environ = flask.request.environ
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        raise exception.BadRequest(reason="content-length header must be an integer")
    if int(length) > 0 and not environ.get("CONTENT_TYPE"):
        raise exception.BadRequest(
            reason="content-type header required when content-length > 0"
        )


def dispatch(
    operations: collections.abc.Mapping[str, Operation], **path_params: str
) -> flask.Response:
    """Answer a request for one path by the operation of its method.

    Raises PathNotFound, MethodNotAllowed, what the checks raise and what the
    handler raises.
    """
    if flask.request.environ["PATH_INFO"].startswith("//"):
        # Routing takes any number of slashes for the first one.
        raise exception.PathNotFound()
    method = flask.request.method
    operation = operations.get(method)
    if operation is None:
        raise exception.MethodNotAllowed(method=method, allowed=", ".join(operations))
    environ = flask.request.environ
    req = Request(
        context=environ[CONTEXT],
        version=environ[VERSION],
        prefix=flask.request.root_path.rstrip("/"),
        query_string=flask.request.query_string,
        read_body=_read_body,
    )
    for check in operation.ordered_checks:
        _CHECKS[check](operation, req)
    # No database stores NUL, and some drivers fail when they are asked for it.
    readable = {
        name: text.replace("\0", "\ufffd") for name, text in path_params.items()
    }
    return _response(operation.handler(req, **readable), req)


def _read_body() -> bytes:
    """Return the body of the request.

    Raises BadRequest when the server cannot read it; each has exceptions of its own
    for chunks that are none, and for a client that leaves early.
    """
    try:
        return flask.request.get_data()
    except Exception as unreadable:
        raise exception.BadRequest(
            reason="The body cannot be read as the headers say."
        ) from unreadable


def _check_version(operation: Operation, req: Request) -> None:
    if req.version >= operation.since:
        return
    if operation.too_old_status == 405:
        raise exception.MethodNotAllowed(method=operation.method, allowed="")
    raise exception.PathNotFound()


def _check_accept(_operation: Operation, _req: Request) -> None:
    accept = acceptparse.create_accept_header(flask.request.headers.get("Accept"))
    if not accept.acceptable_offers([JSON]):
        raise exception.NotAcceptable(provided=JSON)


def _check_content_type(operation: Operation, req: Request) -> None:
    if operation.body_until is not None and req.version > operation.body_until:
        return
    given = flask.request.headers.get("Content-Type") or None
    if (given or "").partition(";")[0].strip() != JSON:
        raise exception.UnsupportedMediaType(given=given, wanted=JSON)


def _check_policy(operation: Operation, req: Request) -> None:
    if operation.rule is not None:
        target = None if operation.target is None else operation.target(req)
        req.context.service.enforcer.authorize(req.context, operation.rule, target)


_CHECKS: dict[Check, collections.abc.Callable[[Operation, Request], None]] = {
    Check.VERSION: _check_version,
    Check.ACCEPT: _check_accept,
    Check.CONTENT_TYPE: _check_content_type,
    Check.POLICY: _check_policy,
}


def _response(reply: Reply, req: Request) -> flask.Response:
    response = flask.Response(status=reply.status)
    if reply.body is None:
        del response.headers["Content-Type"]
    else:
        if isinstance(reply.body, Parts):
            response.response = reply.body.parts
            response.content_length = sum(map(len, reply.body.parts))
        else:
            is_encoded = isinstance(reply.body, bytes)
            response.data = reply.body if is_encoded else orjson.dumps(reply.body)
        response.headers["Content-Type"] = JSON
    if reply.location is not None:
        path = urllib.parse.quote(req.prefix + reply.location)
        response.headers["Location"] = _host_url(flask.request.environ) + path
    if reply.modified is not None and req.version >= _CACHE_HEADERS_SINCE:
        response.headers["Last-Modified"] = _http_date(reply.modified)
        response.headers["Cache-Control"] = "no-cache"
    return response


def _host_url(environ: collections.abc.Mapping[str, typing.Any]) -> str:
    """Return the scheme and host that the client asked, without a slash.

    Flask has none for some that are used, such as one with ``_``. What cannot be a
    host is not repeated: it is the one that the server listens at.
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
