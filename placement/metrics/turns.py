"""What the processes of a server do together at most once in a while."""

import fcntl
import os
import threading
import time

from placement.metrics import store


class Turns:
    """At most one turn in ``seconds``, in all processes that share their metrics.

    Without a shared directory, each process has its own turns.
    """

    def __init__(self, name: str, seconds: float) -> None:
        self._name = name
        self._seconds = seconds
        self._lock = threading.Lock()
        self._next = 0.0

    def take(self) -> bool:
        """Return whether it is this caller's turn; if so, the next one is later."""
        with self._lock:
            now = time.monotonic()
            if now < self._next or not self._is_free():
                return False
            self._next = now + self._seconds
            return True

    def _is_free(self) -> bool:
        """Return whether no other process had a turn, and take it."""
        directory = store.shared_directory()
        if directory is None:
            return True
        path = os.path.join(directory, f"{self._name}.turn")
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            # A line too many is better than none.
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            now = time.time()
            last = os.fstat(file)
            # The size says whether there was a turn; a clock may be set back.
            if last.st_size and 0 <= now - last.st_mtime < self._seconds:
                return False
            os.pwrite(file, b"1", 0)
            os.utime(file, (now, now))
            return True
        finally:
            os.close(file)
