"""The body of a request: what its headers promise, and its bytes."""

import sys
import typing

from werkzeug import wsgi

from placement import exception
from placement.api.environ import CONTEXT

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def check_headers(environ: "WSGIEnvironment") -> None:
    """Check that the headers describe a body that the service accepts.

    This comes before routing, so it holds for unknown paths, too.

    Raises BadRequest, and BodyTooLarge.
    """
    limit = _limit(environ)
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        raise exception.BadRequest(reason="content-length header must be an integer")
    digits = length.lstrip("0")
    if digits and not environ.get("CONTENT_TYPE"):
        raise exception.BadRequest(
            reason="content-type header required when content-length > 0"
        )
    # int() refuses a number of thousands of digits.
    if len(digits) > len(str(limit)) or int(digits or 0) > limit:
        raise exception.BodyTooLarge(limit=limit)


def read(environ: "WSGIEnvironment") -> bytes:
    """Return the body of the request.

    Of a body without a length, at most one byte beyond the limit is read.

    Raises BodyTooLarge, and BadRequest when the server cannot read the body: a chunk
    is malformed, or the client has gone.
    """
    limit = _limit(environ)
    is_chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    try:
        if is_chunked and "wsgi.input_terminated" not in environ:
            body = _read_chunks(limit)
        else:
            body = wsgi.get_input_stream(environ, max_content_length=limit + 1).read()
    except exception.PlacementError:
        raise
    except Exception as unreadable:  # Each server raises its own classes.
        raise exception.BadRequest(
            reason="The body cannot be read as the headers say."
        ) from unreadable
    if len(body) > limit:
        raise exception.BodyTooLarge(limit=limit)
    return body


def _read_chunks(limit: int) -> bytes:
    """Return a chunked body from a server that does not decode it into WSGI's input.

    uWSGI has a function for this in its own module. At most one chunk beyond ``limit``
    is read.

    Raises BadRequest under any other server, and when a chunk cannot be read.
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


def _limit(environ: "WSGIEnvironment") -> int:
    limit: int = environ[CONTEXT].settings.api.max_request_body_bytes
    return limit
