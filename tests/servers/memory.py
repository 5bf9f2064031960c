"""Find a directory in memory for the files of servers.

Tests create hundreds of databases, each of which has hundreds of files. To create and
remove them takes a third of the processor time that it takes on a disk.
"""

import functools
import os
import pathlib

# A file system in memory, on Linux.
_SHARED = pathlib.Path("/dev/shm")
# All servers together use less than half of it.
_BYTES_MIN = 6 * 2**30
# Of the container that the tests may run in; in version 1 and 2 of cgroups.
_LIMITS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)
_CGROUP = pathlib.Path("/sys/fs/cgroup")
_MEMORY = pathlib.Path("/proc/meminfo")


@functools.cache
def directory() -> pathlib.Path | None:
    """Return a directory in memory; None if there is none with enough space.

    Also None if the environment says where temporary files belong.
    """
    if "TMPDIR" in os.environ or not os.access(_SHARED, os.W_OK):
        return None
    file_system = os.statvfs(_SHARED)
    free = min(file_system.f_bavail * file_system.f_frsize, _available(), _allowed())
    return _SHARED if free >= _BYTES_MIN else None


def _available() -> float:
    """Return how many bytes of memory the machine can still provide."""
    for line in _MEMORY.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.removesuffix("kB")) * 1024
    return 0


def _allowed() -> float:
    """Return how many bytes of memory the container may still use."""
    left = float("inf")
    for limit, usage in _LIMITS:
        try:
            allowed = (_CGROUP / limit).read_text().strip()
            used = int((_CGROUP / usage).read_text())
        except OSError:
            continue
        # There is a word instead of a number if there is no limit.
        if allowed.isdigit():
            left = min(left, int(allowed) - used)
    return left
