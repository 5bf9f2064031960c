"""Latencies, outcomes and the usage of the processes, by window of time."""

import collections
import dataclasses
import math
import pathlib
import threading
import time
import typing

import sqlalchemy as sa

from benchmarks import measure

_PSS = "Pss:"
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Usage(typing.NamedTuple):
    """Memory in bytes, with each shared page counted once, and processor seconds."""

    service_bytes: int
    database_bytes: int
    service_processor: float
    database_processor: float
    database_size: int


@dataclasses.dataclass
class Window:
    """The operations that were due within ``seconds`` from ``start`` of the soak."""

    start: float
    seconds: float
    latencies: dict[str, list[float]] = dataclasses.field(
        default_factory=lambda: collections.defaultdict(list)
    )
    outcomes: collections.Counter[tuple[str, str]] = dataclasses.field(
        default_factory=collections.Counter
    )
    usage: Usage | None = None

    @property
    def operations(self) -> int:
        return sum(map(len, self.latencies.values()))

    def quantiles(self, name: str | None = None) -> dict[str, float]:
        """Return quantiles of the latency, in seconds, of one or of all operations."""
        lists = self.latencies.values() if name is None else [self.latencies[name]]
        ordered = sorted(latency for each in lists for latency in each)
        if not ordered:
            return {}
        last = len(ordered) - 1
        found = {
            quantile: ordered[min(last, math.ceil(part * len(ordered)) - 1)]
            for quantile, part in _QUANTILES.items()
        }
        return {**found, "max": ordered[last]}


class Windows:
    """Adds operations to the window in which they were due; safe for threads."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.all: list[Window] = []
        self.errors: list[str] = []
        self._lock = threading.Lock()

    def add(self, due: float, name: str, latency: float, outcome: str) -> None:
        """Add an operation that was due ``due`` seconds after the start."""
        with self._lock:
            window = self.at(due)
            window.latencies[name].append(latency)
            window.outcomes[name, outcome] += 1

    def add_error(self, text: str) -> None:
        with self._lock:
            self.errors.append(text)

    def at(self, due: float) -> Window:
        while len(self.all) * self.seconds <= due:
            self.all.append(Window(len(self.all) * self.seconds, self.seconds))
        return self.all[int(due // self.seconds)]


def usage(service: int, database: int, url: str) -> Usage:
    """Measure the processes of the service and of the database, and the database."""
    return Usage(
        _pss_bytes(service),
        _pss_bytes(database),
        measure.processor_seconds([service]),
        measure.processor_seconds([database]),
        _database_size(url),
    )


def _pss_bytes(pid: int) -> int:
    total = 0
    for one in measure.descendants(pid):
        try:
            text = pathlib.Path(f"/proc/{one}/smaps_rollup").read_text()
        # A process may end while it is read.
        except (FileNotFoundError, ProcessLookupError):
            continue
        for line in text.splitlines():
            if line.startswith(_PSS):
                total += int(line.split()[1]) * 1024
    return total


def _database_size(url: str) -> int:
    engine = sa.create_engine(url)
    try:
        with engine.connect() as conn:
            size: int = conn.scalar(
                sa.text("SELECT pg_database_size(current_database())")
            )
            return size
    finally:
        engine.dispose()


def sleep_until(moment: float) -> None:
    """Sleep until a time of the monotonic clock."""
    left = moment - time.monotonic()
    if left > 0:
        time.sleep(left)
