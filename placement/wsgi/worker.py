"""A gunicorn worker whose threads wait briefly for the next request of a connection.

    gunicorn --worker-class placement.wsgi.worker.Worker --threads 4 ...

Schedulers send many requests over one connection. After each one, gunicorn's gthread
worker passes the connection to its main thread and then to another thread, which takes
longer than most requests.

After SIGTERM, a worker that has requests in progress still accepts others until these
are finished, so that probes learn from ``/readyz`` that the server is stopping.

A search may name hundreds of aggregates, so the request line may have 64 KiB. Gunicorn
allows 4,094 bytes by default and 8,190 at most.
"""

import logging
import select
import signal
import threading
import typing

from gunicorn import util
from gunicorn.config import LimitRequestLine
from gunicorn.http import errors as http_errors
from gunicorn.http import message, parser
from gunicorn.workers import gthread

from placement.api import errors
from placement.exception import PlacementError
from placement.logs import json_lines
from placement.middleware import request_id
from placement.web import shutdown, threads
from placement.wsgi import gunicorn_log

LOG = logging.getLogger(__name__)

# How long a thread waits for the next request before it returns the connection.
WAIT_MS = 10

# The maximum length of the request line, in bytes.
REQUEST_LINE_MAX = 65536

# The status and the message for what gunicorn rejects as too long.
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
    """A request with our limit for its first line, unless one is configured."""

    def parse(self, unreader: typing.Any) -> typing.Any:
        if self.cfg.limit_request_line == LimitRequestLine.default:
            self.limit_request_line = REQUEST_LINE_MAX
            # The limit of gunicorn's C parser.
            self._fast_limit_request_line = REQUEST_LINE_MAX
        return super().parse(unreader)


class Worker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's gthread worker, with a short wait for the next request.

    The last free thread does not wait, so that a request on another connection finds
    it.
    """

    def __init__(self, *args: typing.Any, **kwargs: typing.Any) -> None:
        super().__init__(*args, **kwargs)
        self._count = threading.Lock()
        self._busy = 0
        # Requests in progress, and those of them that SIGTERM waits for.
        self._requests: set[object] = set()
        self._awaited: set[object] | None = None

    def init_process(self) -> None:
        parser.RequestParser.mesg_class = _Request
        threads.count = self.cfg.threads
        super().init_process()

    def load_wsgi(self) -> None:
        """Load the application, and then log as it is configured."""
        super().load_wsgi()
        gunicorn_log.adopt(self.log)

    def handle_error(
        self, req: typing.Any, client: typing.Any, addr: typing.Any, exc: Exception
    ) -> None:
        """Answer a request that is too long with our error document."""
        if type(exc) not in _TOO_LONG:
            super().handle_error(req, client, addr, exc)
            return
        status, text = _TOO_LONG[type(exc)]
        id_ = request_id.new()
        # Not to gunicorn's log, which has no lines at INFO under "placement serve".
        LOG.info(
            "Request %s is refused with %s: %s",
            id_,
            status,
            exc,
            extra=json_lines.fields(request_id=id_, status=status),
        )
        try:
            util.write_nonblock(client, _refusal(status, text, id_))
        except OSError:
            self.log.debug("The client of %s has gone", id_)

    def handle(self, conn: typing.Any) -> typing.Any:
        """Answer the requests of a connection; return whether to keep it open."""
        with self._count:
            self._busy += 1
        try:
            result = super().handle(conn)
            while result is True and self._may_wait(conn) and _has_more(conn.sock):
                result = super().handle(conn)
            return result
        finally:
            with self._count:
                self._busy -= 1

    def handle_exit(self, sig: typing.Any, frame: typing.Any) -> None:
        """Stop after the requests in progress, for which half the grace period is left.

        The other half is for requests that come meanwhile. Runs in the main thread,
        which never holds the lock.
        """
        shutdown.draining.set()
        with self._count:
            self._awaited = set(self._requests)
        if not self._awaited:
            super().handle_exit(sig, frame)
            return
        end = threading.Timer(
            self.cfg.graceful_timeout / 2, super().handle_exit, (sig, frame)
        )
        end.daemon = True
        end.start()

    def handle_request(self, req: typing.Any, conn: typing.Any) -> typing.Any:
        """Answer one request; return whether to keep the connection open."""
        with self._count:
            self._requests.add(conn)
        try:
            return super().handle_request(req, conn)
        finally:
            self._finish(conn)

    def _finish(self, conn: object) -> None:
        with self._count:
            self._requests.discard(conn)
            if self._awaited is None or conn not in self._awaited:
                return
            self._awaited.discard(conn)
            is_last = not self._awaited
        if is_last:
            super().handle_exit(signal.SIGTERM, None)

    def _may_wait(self, conn: typing.Any) -> bool:
        # Gunicorn handles a request that has been read ahead.
        has_read_ahead = bool(conn.parser.unreader.buf.getvalue())
        return self.alive and self._busy < self.cfg.threads and not has_read_ahead


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
