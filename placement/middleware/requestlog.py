"""One line in the log for every request."""

import collections.abc
import functools
import logging
import time
import typing
import urllib.parse

from oslo_context import context as log_context
from werkzeug.wsgi import ClosingIterator

from placement.api.environ import VERSION
from placement.logs import json_lines
from placement.middleware import Headers, changing_headers

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from placement.context import Service

LOG = logging.getLogger("placement.requestlog")

_FORMAT = (
    '%(remote_addr)s "%(method)s %(uri)s" status: %(status)s len: %(length)s '
    "microversion: %(version)s"
)


def wrap(app: "WSGIApplication", _service: "Service") -> "WSGIApplication":
    """Log each request when its response is complete.

    Operators' tools parse this format. The id of the request and the caller are in the
    oslo.log context.
    """

    def logged(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> typing.Any:
        if not LOG.isEnabledFor(logging.INFO):
            return app(environ, start_response)
        request = _Request(environ)
        parts = app(environ, changing_headers(start_response, request.start))
        if isinstance(parts, list):
            request.log(log_context.get_current())
            return parts
        # The context of the thread may be another one at the end of a stream.
        log = functools.partial(request.log, log_context.get_current())
        close = getattr(parts, "close", None)
        # What is done after the answer does not count.
        callbacks = [log] if close is None else [log, close]
        return ClosingIterator(request.counted(parts), callbacks)

    return logged


class _Request:
    """What the line of a request shows."""

    def __init__(self, environ: "WSGIEnvironment") -> None:
        self._environ = environ
        # Before applications that are mounted in this one change the path.
        self._uri = _uri(environ)
        self._began = time.perf_counter()
        self._status = "-"
        self._length: int | None = None

    def start(self, status: str, headers: Headers) -> Headers:
        """Note the status and the length of the response."""
        self._status = status.partition(" ")[0]
        self._length = _length(headers)
        return headers

    def counted(
        self, parts: collections.abc.Iterable[bytes]
    ) -> collections.abc.Iterator[bytes]:
        """Yield ``parts``; their length replaces a missing one."""
        length = 0
        try:
            for part in parts:
                length += len(part)
                yield part
        finally:
            if self._length is None:
                self._length = length

    def log(self, context: log_context.RequestContext | None) -> None:
        environ = self._environ
        facts = {
            "remote_addr": environ.get("REMOTE_ADDR", "-"),
            "method": environ["REQUEST_METHOD"],
            "uri": self._uri,
            "status": self._status,
            "length": "-" if self._length is None else self._length,
            "version": environ.get(VERSION, "-"),
        }
        milliseconds = (time.perf_counter() - self._began) * 1000
        more = json_lines.fields(
            method=environ["REQUEST_METHOD"],
            path=self._uri,
            status=int(self._status) if self._status.isdecimal() else None,
            duration_ms=round(milliseconds, 3),
            bytes=self._length,
            remote_address=environ.get("REMOTE_ADDR"),
            microversion=environ.get(VERSION),
        )
        LOG.info(_FORMAT, facts, extra=more | ({"context": context} if context else {}))


def _uri(environ: "WSGIEnvironment") -> str:
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    uri = urllib.parse.quote(path.encode("latin-1"))
    query = environ.get("QUERY_STRING")
    return f"{uri}?{query}" if query else uri


def _length(headers: Headers) -> int | None:
    lengths = (value for key, value in headers if key.lower() == "content-length")
    length = next(lengths, "")
    return int(length) if length.isdecimal() else None
