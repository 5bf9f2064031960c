"""Time by the clock on the wall, and by the processors, of a piece of work."""

import collections.abc
import contextlib
import os
import pathlib
import time
import typing

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Sample(typing.NamedTuple):
    """Seconds; ``processor`` is summed over all processes that were watched."""

    wall: float
    processor: float

    def per(self, operations: int) -> "Sample":
        return Sample(self.wall / operations, self.processor / operations)


@contextlib.contextmanager
def measured(pids: list[int]) -> collections.abc.Iterator[list[Sample]]:
    """Yield a list that gets one sample when the block ends.

    ``pids`` are the first processes of the services that do the work; their
    descendants count, those that ended during the block too. Processor time comes
    in steps of a hundredth of a second: the work should take many.
    """
    samples: list[Sample] = []
    processor, wall = processor_seconds(pids), time.perf_counter()
    yield samples
    samples.append(
        Sample(time.perf_counter() - wall, processor_seconds(pids) - processor)
    )


def processor_seconds(pids: list[int]) -> float:
    """Return the time that processes and their descendants have used so far."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        # A process may end while it is looked at.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # The name may hold spaces and parentheses; what follows it does not.
            fields = (directory / "stat").read_text().rpartition(")")[2].split()
            pid = int(directory.name)
            parents[pid] = int(fields[1])
            # User and system time, of itself and of children that it has buried.
            ticks[pid] = sum(int(field) for field in fields[11:15])

    def is_watched(pid: int) -> bool:
        return pid in pids or (pid in parents and is_watched(parents[pid]))

    watched = sum(ticks[pid] for pid in ticks if is_watched(pid))
    return watched / _TICKS_PER_SECOND
