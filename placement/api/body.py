"""The body of a request: what its headers promise, and its bytes."""

import collections.abc
import sys
import typing

from werkzeug import wsgi

from placement import exception, extension_exception
from placement.api.environ import CONTEXT

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_PART_BYTES = 64 * 1024


def check_headers(environ: "WSGIEnvironment", limit: int | None = None) -> None:
    """Check that the headers describe a body that the service accepts.

    This comes before routing, so it holds for unknown paths, too. ``limit`` is in
    bytes; by default that of the configuration.

    Raises BadRequest, and BodyTooLarge.
    """
    if limit is None:
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
            body = b"".join(_server_chunks(limit))
        else:
            body = wsgi.get_input_stream(environ, max_content_length=limit + 1).read()
    except exception.PlacementError:
        raise
    except Exception as unreadable:  # Each server raises its own classes.
        raise _unreadable() from unreadable
    if len(body) > limit:
        raise exception.BodyTooLarge(limit=limit)
    return body


def lines(
    environ: "WSGIEnvironment", lines_max: int, line_bytes_max: int
) -> collections.abc.Iterator[bytes]:
    """Yield the lines of the body, read while iterating.

    They have no line breaks, and empty ones count. The option for the size of a body
    has no effect.

    Raises BodyTooLarge when there are more than ``lines_max`` lines, and BadRequest for
    one that is longer than ``line_bytes_max`` and when the body cannot be read.
    """
    limit = lines_max * (line_bytes_max + 2)
    check_headers(environ, limit)
    count = 0
    rest = b""
    for part in _parts(environ, limit):
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            count += 1
            _require_line(count, line, lines_max, line_bytes_max)
            yield line
        _require_line(count + bool(rest), rest, lines_max, line_bytes_max)
    if rest:
        yield rest


def _require_line(place: int, line: bytes, lines_max: int, bytes_max: int) -> None:
    if place > lines_max:
        raise extension_exception.TooManyLines(limit=lines_max)
    if len(line) > bytes_max:
        raise exception.BadRequest(
            reason=f"Line {place} of the body is longer than {bytes_max} bytes."
        )


def _parts(environ: "WSGIEnvironment", limit: int) -> collections.abc.Iterator[bytes]:
    """Yield the body in parts, of which the last may exceed ``limit`` bytes."""
    is_chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    try:
        if is_chunked and "wsgi.input_terminated" not in environ:
            yield from _server_chunks(limit)
            return
        stream = wsgi.get_input_stream(environ, max_content_length=limit + 1)
        while part := stream.read(_PART_BYTES):
            yield part
    except exception.PlacementError:
        raise
    except Exception as unreadable:  # Each server raises its own classes.
        raise _unreadable() from unreadable


def _unreadable() -> exception.BadRequest:
    return exception.BadRequest(reason="The body cannot be read as the headers say.")


def _server_chunks(limit: int) -> collections.abc.Iterator[bytes]:
    """Yield a chunked body from a server that does not decode it into WSGI's input.

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
    length = 0
    try:
        while length <= limit and (chunk := server.chunked_read()):
            length += len(chunk)
            yield chunk
    except OSError as unreadable:
        raise exception.BadRequest(
            reason="The chunks of the body cannot be read. The http router of uWSGI "
            "passes them on with the option http-chunked-input only."
        ) from unreadable


def _limit(environ: "WSGIEnvironment") -> int:
    limit: int = environ[CONTEXT].settings.api.max_request_body_bytes
    return limit
