"""Rows of a table: what was compared, what it must reach, whether it does."""

import collections.abc
import dataclasses
import typing

from benchmarks import measure
from benchmarks.stage import Stage
from benchmarks.turns import Figures, Silence


@dataclasses.dataclass(frozen=True)
class Goal:
    """A bound for ratios by both clocks: the least that they may be, or the most."""

    bound: float
    is_least: bool = True
    by_wall_only: bool = False
    by_processor_only: bool = False

    def __str__(self) -> str:
        return f"{'at least' if self.is_least else 'at most'} {self.bound:g}"

    def is_reached_by(self, ratio: "Ratio") -> bool:
        """Whether all clocks that count say so."""
        clocks: collections.abc.Sequence[float] = ratio
        if self.by_wall_only:
            clocks = [ratio.wall]
        elif self.by_processor_only:
            clocks = [ratio.processor]
        if self.is_least:
            return min(clocks) >= self.bound
        return max(clocks) <= self.bound


class Ratio(typing.NamedTuple):
    """How many times one takes what another takes, by two clocks."""

    wall: float
    processor: float


@dataclasses.dataclass(frozen=True)
class Row:
    """What came of one row.

    ``ratios`` are by what they are called. Those whose name is in ``partial`` are for
    somebody who did less of the work; they are shown and decide nothing.
    ``peak_bytes`` is that of our largest process, where it was looked at. A row that
    ``is_spoilt`` does not reach its goal, and ``remark`` tells why.
    """

    name: str
    goal: Goal
    figures: dict[str, Figures | Silence]
    ratios: dict[str, Ratio]
    partial: frozenset[str] = frozenset()
    peak_bytes: int | None = None
    remark: str = ""
    is_spoilt: bool = False

    @property
    def is_reached(self) -> bool:
        """There are ratios that count, all keep to the goal, and nothing spoils it."""
        deciding = [
            ratio for name, ratio in self.ratios.items() if name not in self.partial
        ]
        is_kept = bool(deciding) and all(map(self.goal.is_reached_by, deciding))
        return is_kept and not self.is_spoilt


# What makes rows, by what it is called.
Measurements = dict[str, collections.abc.Callable[[Stage], list[Row]]]


def ratio(over: measure.Sample, under: measure.Sample) -> Ratio:
    """Return how many times ``over`` takes what ``under`` takes."""
    # Less than a tick of the clock reads as nothing.
    processor = over.processor / under.processor if under.processor else float("inf")
    return Ratio(over.wall / under.wall, processor)
