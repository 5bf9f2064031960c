"""The numbers of the metrics, in a file that all workers of a server can read.

A number is a slot of the file of its process, and counting adds to the slot in memory
that is mapped to the file: nothing is lost when a worker is killed. prometheus-client
has such files, too, but counting in them took 8 % of a claim and 11 % of a search,
mostly in layers of calls.

A file has a fixed number of slots, and after them one line of JSON for each series: the
name of its metric, the values of its labels, its first slot, and their number. Without
a directory, the numbers stay in the process.
"""

import collections.abc
import glob
import logging
import mmap
import os
import threading
import time
import typing

import orjson

LOG = logging.getLogger(__name__)

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_SUFFIX = ".metrics"
_SLOTS = 32_768
_SLOT_BYTES = 8
_VALUES_BYTES = _SLOTS * _SLOT_BYTES

# Name of the metric, and values of its labels.
Key = tuple[str, tuple[str, ...]]


class Store:
    """The slots of this process; ``values`` may be changed only with the ``lock``."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.values: memoryview[float]
        self.values = memoryview(bytearray(_VALUES_BYTES)).cast("d")
        self._file: int | None = None
        self._lines: list[bytes] = []
        self._next = 0
        directory = shared_directory()
        if directory is not None:
            try:
                self._open(directory)
            except OSError:
                LOG.exception(
                    "The metrics of this process are not shared: /metrics of other "
                    "workers lacks them. Check the permissions and the space of %s.",
                    directory,
                )

    def allocate(self, key: Key, count: int) -> int:
        """Return the first of ``count`` new slots for a series.

        Series that find no room share the last slots, which are not shown.
        """
        first = self._next
        if first + 2 * count > _SLOTS:
            return _SLOTS - count
        self._next += count
        line = orjson.dumps([*key, first, count]) + b"\n"
        self._lines.append(line)
        if self._file is not None:
            os.write(self._file, line)
        return first

    def content(self) -> bytes:
        """Return what the file has, or would have."""
        return self.values.tobytes() + b"".join(self._lines)

    def _open(self, directory: str) -> None:
        name = f"{os.getpid()}-{time.time_ns()}{_SUFFIX}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND
        file = os.open(os.path.join(directory, name), flags, 0o600)
        # Writing to a mapped page without room on the disk would kill the process.
        os.posix_fallocate(file, 0, _VALUES_BYTES)
        self.values = memoryview(mmap.mmap(file, _VALUES_BYTES)).cast("d")
        self._file = file


def shared_directory() -> str | None:
    """Return the directory that the environment names."""
    return os.environ.get(DIRECTORY_VARIABLE) or None


def prepare(directory: str) -> None:
    """Make the directory for the metrics of the workers of this process, and empty it.

    Must come before the first use of a metric.
    """
    os.makedirs(directory, mode=0o700, exist_ok=True)
    for path in _paths(directory):
        os.unlink(path)
    os.environ[DIRECTORY_VARIABLE] = directory


def contents(own: Store) -> collections.abc.Iterator[tuple[bytes, bool]]:
    """Yield the content of each process, and whether the process is alive."""
    directory = shared_directory()
    if directory is None:
        yield own.content(), True
        return
    for path in _paths(directory):
        pid = os.path.basename(path).partition("-")[0]
        is_alive = os.path.exists(f"/proc/{pid}")
        with open(path, "rb") as file:
            yield file.read(), is_alive


def series(content: bytes) -> collections.abc.Iterator[tuple[Key, list[float]]]:
    """Yield the series of one process with their numbers."""
    values = memoryview(content[:_VALUES_BYTES]).cast("d")
    for line in content[_VALUES_BYTES:].splitlines(keepends=True):
        # A process may have been killed while it wrote the last line.
        if line.endswith(b"\n"):
            name, labels, first, count = typing.cast(
                "tuple[str, list[str], int, int]", orjson.loads(line)
            )
            numbers = [float(each) for each in values[first : first + count]]
            yield (name, tuple(labels)), numbers


def _paths(directory: str) -> list[str]:
    return glob.glob(os.path.join(glob.escape(directory), f"*{_SUFFIX}"))
