"""A worker for gunicorn, whose threads stay with a connection for a moment.

    gunicorn --worker-class placement.wsgi.worker.Worker --threads 4 ...

Clients of a scheduler send one request after the other. Between two of them, gunicorn's
own worker of threads gives the connection to its main thread and back to one of the
others, which takes longer than most requests do.

A search may name hundreds of aggregates, so that the first line of a request may have
64 KiB; gunicorn's own limit is 4,094 bytes, and cannot be more than 8,190.
"""

import select
import threading
import typing

from gunicorn import util
from gunicorn.config import LimitRequestLine
from gunicorn.http import errors as http_errors
from gunicorn.http import message, parser
from gunicorn.workers import gthread

from placement.api import errors
from placement.exception import PlacementError
from placement.middleware import request_id

# How long a thread waits for the next request before others watch over the connection.
WAIT_MS = 10

# How many bytes the first line of a request may have.
REQUEST_LINE_MAX = 65536

# The status of what gunicorn refuses since it is too long, and what clients are told.
_TOO_LONG = {
    http_errors.LimitRequestLine: (
        414,
        f"The first line of the request is longer than the {REQUEST_LINE_MAX} bytes "
        "that are accepted.",
    ),
    http_errors.LimitRequestHeaders: (
        431,
        "The headers of the request are more, or longer, than is accepted.",
    ),
}


class _Request(message.Request):  # type: ignore[misc]  # gunicorn has no types
    """A request whose first line may be long, unless the limit is configured."""

    def parse(self, unreader: typing.Any) -> typing.Any:
        if self.cfg.limit_request_line == LimitRequestLine.default:
            self.limit_request_line = REQUEST_LINE_MAX
            # That of its parser in C.
            self._fast_limit_request_line = REQUEST_LINE_MAX
        return super().parse(unreader)


class Worker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's worker of threads, and a wait for the next request at the same thread.

    The last thread that is free does not begin to wait, so that a request on another
    connection finds one; one that comes while all others wait is held up by a wait.
    """

    def __init__(self, *args: typing.Any, **kwargs: typing.Any) -> None:
        super().__init__(*args, **kwargs)
        self._count = threading.Lock()
        self._taken = 0

    def init_process(self) -> None:
        parser.RequestParser.mesg_class = _Request
        super().init_process()

    def handle_error(
        self, req: typing.Any, client: typing.Any, addr: typing.Any, exc: Exception
    ) -> None:
        """Refuse what is too long with an error document; gunicorn's own is HTML."""
        if type(exc) not in _TOO_LONG:
            super().handle_error(req, client, addr, exc)
            return
        status, text = _TOO_LONG[type(exc)]
        id_ = request_id.new()
        self.log.warning("Request %s is refused with %s: %s", id_, status, exc)
        try:
            util.write_nonblock(client, _refusal(status, text, id_))
        except OSError:
            self.log.debug("The client of %s has gone", id_)

    def handle(self, conn: typing.Any) -> typing.Any:
        """Answer requests of a connection; returns whether it is to be kept."""
        with self._count:
            self._taken += 1
        try:
            result = super().handle(conn)
            while result is True and self._may_wait(conn) and _has_more(conn.sock):
                result = super().handle(conn)
            return result
        finally:
            with self._count:
                self._taken -= 1

    def _may_wait(self, conn: typing.Any) -> bool:
        # What was read ahead is no longer to be waited for; gunicorn sees to it.
        has_read_ahead = bool(conn.parser.unreader.buf.getvalue())
        return self.alive and self._taken < self.cfg.threads and not has_read_ahead


def _refusal(status: int, text: str, id_: str) -> bytes:
    document = errors.document(status, text, {}, id_, PlacementError.code, None)
    head = (
        f"HTTP/1.1 {status} {errors.title(status)}\r\n"
        "Connection: close\r\n"
        f"Content-Type: {document.content_type}\r\n"
        f"Content-Length: {len(document.body)}\r\n"
        f"{request_id.HEADER}: {id_}\r\n\r\n"
    )
    return head.encode() + document.body


def _has_more(sock: typing.Any) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(WAIT_MS))
