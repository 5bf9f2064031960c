"""What a piece of work takes: time by two clocks, and memory; all from ``/proc``."""

import collections.abc
import contextlib
import os
import pathlib
import time
import typing

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PEAK = "VmHWM:"


class Sample(typing.NamedTuple):
    """Seconds; ``processor`` is summed over all processes that were watched."""

    wall: float
    processor: float

    def per(self, operations: float) -> "Sample":
        return Sample(self.wall / operations, self.processor / operations)


class _Process(typing.NamedTuple):
    parent: int
    ticks: int


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
    ticks = sum(process.ticks for process in _watched(pids).values())
    return ticks / _TICKS_PER_SECOND


def descendants(pid: int) -> list[int]:
    """Return a process and all that came from it and still run."""
    return list(_watched([pid]))


def peak_bytes(pid: int) -> int:
    """Return the most memory that one of these processes has ever had resident."""
    peaks = []
    for one in descendants(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in pathlib.Path(f"/proc/{one}/status").read_text().splitlines():
                if line.startswith(_PEAK):
                    # Always in kB, which are 1,024 bytes here.
                    peaks.append(int(line.split()[1]) * 1024)
    return max(peaks)


def _watched(pids: list[int]) -> dict[int, _Process]:
    """Return the processes that are, or descend from, those of ``pids``."""
    processes: dict[int, _Process] = {}
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        # A process may end while it is looked at.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # The name may hold spaces and parentheses; what follows it does not.
            fields = (directory / "stat").read_text().rpartition(")")[2].split()
            # User and system time, of itself and of children that it has buried.
            ticks = sum(int(field) for field in fields[11:15])
            processes[int(directory.name)] = _Process(int(fields[1]), ticks)

    def is_watched(pid: int) -> bool:
        return pid in pids or (pid in processes and is_watched(processes[pid].parent))

    return {pid: process for pid, process in processes.items() if is_watched(pid)}
