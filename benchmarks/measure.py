"""Wall time, processor time and peak memory of processes; the latter from ``/proc``."""

import collections.abc
import contextlib
import os
import pathlib
import time
import typing

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PEAK = "VmHWM:"


class Sample(typing.NamedTuple):
    """Seconds; ``processor`` is the sum over all measured processes."""

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

    ``pids`` are the main processes of the services. Their descendants count too, also
    those that end during the block. Processor time has a resolution of 10 ms, so the
    work should take much longer.
    """
    samples: list[Sample] = []
    processor, wall = processor_seconds(pids), time.perf_counter()
    yield samples
    samples.append(
        Sample(time.perf_counter() - wall, processor_seconds(pids) - processor)
    )


def processor_seconds(pids: list[int]) -> float:
    """Return the processor time of processes and their descendants so far."""
    ticks = sum(process.ticks for process in _watched(pids).values())
    return ticks / _TICKS_PER_SECOND


def descendants(pid: int) -> list[int]:
    """Return the ids of a process and of its running descendants."""
    return list(_watched([pid]))


def peak_bytes(pid: int) -> int:
    """Return the largest peak of resident memory of a process and its descendants."""
    peaks = []
    for one in descendants(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in pathlib.Path(f"/proc/{one}/status").read_text().splitlines():
                if line.startswith(_PEAK):
                    # The unit is always kB, meaning 1,024 bytes.
                    peaks.append(int(line.split()[1]) * 1024)
    return max(peaks)


def _watched(pids: list[int]) -> dict[int, _Process]:
    """Return the processes ``pids`` and their descendants, by id."""
    processes: dict[int, _Process] = {}
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        # A process may end while it is read.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # The name may contain spaces and parentheses; the other fields do not.
            fields = (directory / "stat").read_text().rpartition(")")[2].split()
            # User and system time, of the process and of its reaped children.
            ticks = sum(int(field) for field in fields[11:15])
            processes[int(directory.name)] = _Process(int(fields[1]), ticks)

    def is_watched(pid: int) -> bool:
        return pid in pids or (pid in processes and is_watched(processes[pid].parent))

    return {pid: process for pid, process in processes.items() if is_watched(pid)}
