"""What differs under uWSGI, whose processes have a module ``uwsgi``.

uWSGI passes a request on in a block of ``buffer-size`` bytes, which contains the query
string twice. What does not fit is left out without an error: a request with a long line
would arrive without its query string, or without some of its headers.
"""

import logging
import sys
import typing

from placement.api import errors
from placement.exception import PlacementError
from placement.middleware import request_id
from placement.web import threads

if typing.TYPE_CHECKING:
    import collections.abc

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOG = logging.getLogger(__name__)

# The share of the block that remains for headers if the line is as long as allowed.
_FOR_HEADERS = 1 / 4


def wrap(app: "WSGIApplication") -> "WSGIApplication":
    """Return the application as it has to run here; under other servers, ``app``."""
    server = sys.modules.get("uwsgi")
    if server is None:
        return app
    _count_threads(server.opt)
    line_max = int(server.buffer_size * (1 - _FOR_HEADERS) / 2)

    def answer(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> "collections.abc.Iterable[bytes]":
        uri = environ.get("REQUEST_URI", "")
        # A proxy may have changed the query, but not removed it.
        is_cut = uri.partition("?")[2] and not environ.get("QUERY_STRING")
        if is_cut or len(uri) > line_max:
            return _refuse(line_max, start_response)
        return app(environ, start_response)

    return answer


def _count_threads(options: "collections.abc.Mapping[str, typing.Any]") -> None:
    threads.count = int(options.get("threads", 1))
    if "threads" not in options and "enable-threads" not in options:
        LOG.warning(
            "uWSGI runs no threads, so expired holds and idempotency keys stay: set "
            "threads or enable-threads"
        )


def _refuse(line_max: int, start_response: "StartResponse") -> list[bytes]:
    text = (
        f"The path and query of the request are longer than the {line_max} bytes that "
        "the buffer-size of uWSGI allows."
    )
    id_ = request_id.new()
    LOG.info("Request %s is refused with 414: it is too long", id_)
    document = errors.document(414, text, {}, id_, PlacementError.code, None)
    headers = [
        ("Content-Type", document.content_type),
        ("Content-Length", str(len(document.body))),
        (request_id.HEADER, id_),
    ]
    start_response(f"414 {errors.title(414)}", headers)
    return [document.body]
