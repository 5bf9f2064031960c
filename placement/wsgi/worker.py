"""A worker for gunicorn, whose threads stay with a connection for a moment.

    gunicorn --worker-class placement.wsgi.worker.Worker --threads 4 ...

Clients of a scheduler send one request after the other. Between two of them, gunicorn's
own worker of threads gives the connection to its main thread and back to one of the
others, which takes longer than most requests do.
"""

import select
import threading
import typing

from gunicorn.workers import gthread

# How long a thread waits for the next request before others watch over the connection.
WAIT_MS = 10


class Worker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's worker of threads, and a wait for the next request at the same thread.

    The last thread that is free does not begin to wait, so that a request on another
    connection finds one; one that comes while all others wait is held up by a wait.
    """

    def __init__(self, *args: typing.Any, **kwargs: typing.Any) -> None:
        super().__init__(*args, **kwargs)
        self._count = threading.Lock()
        self._taken = 0

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


def _has_more(sock: typing.Any) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(WAIT_MS))
