"""Counters, gauges and histograms."""

import bisect
import collections.abc
import itertools
import os
import threading
import typing

from placement.metrics import store
from placement.metrics.store import Store

_Labels = tuple[str, ...]


class _State:
    """What this process has counted; a forked process starts with zeros."""

    def __init__(self) -> None:
        self.instruments: list[Instrument] = []
        self._store: Store | None = None

    def store(self) -> Store:
        if self._store is None:
            self._store = Store()
        return self._store

    def start_anew(self) -> None:
        self._store = None
        for instrument in self.instruments:
            instrument.forget()


_state = _State()
os.register_at_fork(after_in_child=_state.start_anew)


class Instrument:
    """A metric and its labels; ``known`` are values of the labels to show from 0."""

    kind = "counter"

    def __init__(
        self,
        name: str,
        text: str,
        labels: _Labels = (),
        known: collections.abc.Iterable[_Labels] = ((),),
    ) -> None:
        self.name, self.text, self.labels = name, text, labels
        self.known = tuple(each for each in known if len(each) == len(labels))
        self._slots: dict[_Labels, int] = {}
        # Those of the store, as soon as there is a slot.
        self._lock = threading.Lock()
        self._values: memoryview[float] = memoryview(b"").cast("d")
        _state.instruments.append(self)

    @property
    def width(self) -> int:
        """The number of slots of one series."""
        return 1

    def forget(self) -> None:
        self._slots = {}

    def _place(self, labels: _Labels) -> int:
        """Return the first slot of a new series."""
        found = _state.store()
        with found.lock:
            self._lock, self._values = found.lock, found.values
            # Another thread may have been faster.
            at = self._slots.get(labels)
            if at is None:
                at = found.allocate((self.name, labels), self.width)
                self._slots[labels] = at
        return at


class Counter(Instrument):
    """A number that grows."""

    def inc(self, *labels: str, by: float = 1.0) -> None:
        at = self._slots.get(labels)
        if at is None:
            at = self._place(labels)
        with self._lock:
            self._values[at] += by


class Gauge(Counter):
    """A number that grows and shrinks, summed over the living processes."""

    kind = "gauge"


class Histogram(Instrument):
    """Numbers by size; ``bounds`` are the upper bounds, ascending."""

    kind = "histogram"

    def __init__(
        self, *arguments: typing.Any, bounds: tuple[float, ...], **options: typing.Any
    ) -> None:
        super().__init__(*arguments, **options)
        self.bounds = bounds

    @property
    def width(self) -> int:
        """The slots are the sum and, for each bound and infinity, the count."""
        return len(self.bounds) + 2

    def observe(self, value: float, *labels: str) -> None:
        at = self._slots.get(labels)
        if at is None:
            at = self._place(labels)
        bucket = at + 1 + bisect.bisect_left(self.bounds, value)
        with self._lock:
            self._values[at] += value
            self._values[bucket] += 1.0


def totals() -> dict[str, dict[_Labels, list[float]]]:
    """Return the numbers of each series of all processes, by metric and labels."""
    found: dict[str, dict[_Labels, list[float]]] = {
        each.name: {labels: [0.0] * each.width for labels in each.known}
        for each in _state.instruments
    }
    gauges = {each.name for each in _state.instruments if each.kind == "gauge"}
    for content, is_alive in store.contents(_state.store()):
        for (name, labels), numbers in store.series(content):
            if is_alive or name not in gauges:
                before = found[name].get(labels, itertools.repeat(0.0))
                found[name][labels] = [
                    a + b for a, b in zip(before, numbers, strict=False)
                ]
    return found
