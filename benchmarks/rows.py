"""Rows of a table: what is compared, the goal, and whether it is reached."""

import collections.abc
import dataclasses
import typing

from benchmarks import measure
from benchmarks.stage import Stage
from benchmarks.turns import Figures, NoAnswer


@dataclasses.dataclass(frozen=True)
class Goal:
    """A lower or upper bound for ratios, by wall time, processor time or both."""

    bound: float
    is_least: bool = True
    by_wall_only: bool = False
    by_processor_only: bool = False

    def __str__(self) -> str:
        return f"{'at least' if self.is_least else 'at most'} {self.bound:g}"

    def is_reached_by(self, ratio: "Ratio") -> bool:
        """Whether the ratio meets the bound by each time that counts."""
        clocks: collections.abc.Sequence[float] = ratio
        if self.by_wall_only:
            clocks = [ratio.wall]
        elif self.by_processor_only:
            clocks = [ratio.processor]
        if self.is_least:
            return min(clocks) >= self.bound
        return max(clocks) <= self.bound


class Ratio(typing.NamedTuple):
    """The ratio of two times, by wall time and by processor time."""

    wall: float
    processor: float


@dataclasses.dataclass(frozen=True)
class Row:
    """The result of one row.

    ``ratios`` are by name. Those in ``partial`` are for a service that did less work;
    they are shown, but do not count for the goal. ``peak_bytes`` is the peak of our
    largest process, if measured. A row that ``is_invalid`` does not reach its goal;
    ``remark`` says why.
    """

    name: str
    goal: Goal
    figures: dict[str, Figures | NoAnswer]
    ratios: dict[str, Ratio]
    partial: frozenset[str] = frozenset()
    peak_bytes: int | None = None
    remark: str = ""
    is_invalid: bool = False

    @property
    def is_reached(self) -> bool:
        """The row is valid, and all ratios that count, at least one, meet the goal."""
        deciding = [
            ratio for name, ratio in self.ratios.items() if name not in self.partial
        ]
        is_kept = bool(deciding) and all(map(self.goal.is_reached_by, deciding))
        return is_kept and not self.is_invalid


# Functions that measure rows, by name.
Measurements = dict[str, collections.abc.Callable[[Stage], list[Row]]]


def ratio(over: measure.Sample, under: measure.Sample) -> Ratio:
    """Return the ratio of ``over`` to ``under``."""
    # Less than one tick of processor time reads as zero.
    processor = over.processor / under.processor if under.processor else float("inf")
    return Ratio(over.wall / under.wall, processor)
