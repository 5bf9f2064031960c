"""Put the counts of single trees together, for one request in one state."""

import collections.abc
import heapq
import itertools
import operator

from placement.candidates.capacity.limits import Deadline
from placement.candidates.capacity.model import Bounds, Roots
from placement.candidates.capacity.shapes import Cloud, Profile, Root, Shape
from placement.candidates.capacity.shared import SharedSurvey
from placement.candidates.capacity.survey import Batch, Counted, Survey

Profiles = collections.abc.Collection[Profile]


class Stock:
    """Free units in all trees, in one state; by resource class.

    ``largest`` is what one provider has, ``total`` what all have.
    """

    def __init__(self, cloud: Cloud, is_empty: bool) -> None:
        self.largest: dict[int, int] = {}
        self.total: dict[int, int] = {}
        for shape in cloud.shapes():
            weight = len(shape.roots)
            for units in shape.capacity if is_empty else shape.free:
                for class_id, free in units.items():
                    if free > self.largest.get(class_id, -1):
                        self.largest[class_id] = free
                    self.total[class_id] = self.total.get(class_id, 0) + free * weight


class Tally:
    """The counts of one request in one state.

    Where the survey was cut, upper bounds are what the units of the whole cloud allow.
    """

    def __init__(
        self, survey: Survey, stock: Stock, is_empty: bool, deadline: Deadline
    ) -> None:
        self._survey = survey
        self._is_empty = is_empty
        self._shared = SharedSurvey(survey, deadline) if survey.has_pools else None
        self._pairs: list[tuple[Batch, Counted]] = [
            (batch, survey.count(batch, is_empty)) for batch in survey.batches
        ]
        self._by_profile: dict[Profile, list[int]] | None = None
        self._most = min(
            stock.total.get(class_id, 0) // amount
            for class_id, amount in survey.plan.total
        )

    def total(self, profiles: Profiles) -> Bounds:
        """Return the count of all ``profiles``."""
        if self._shared is not None:
            return self._capped(self._shared.count(self._is_empty, set(profiles)))
        low = high = 0
        for batch, counted in self._pairs:
            low += sum(map(operator.mul, counted.low, batch.weights))
            high += sum(map(operator.mul, counted.high, batch.weights))
        return self._capped(Bounds(low, high))

    def part(self, profiles: Profiles) -> Bounds:
        """Return the count of some ``profiles``."""
        if self._shared is not None:
            return self._capped(self._shared.count(self._is_empty, set(profiles)))
        if self._by_profile is None:
            self._by_profile = self._sums()
        low = high = 0
        for profile in profiles:
            of_profile = self._by_profile.get(profile)
            if of_profile is not None:
                low += of_profile[0]
                high += of_profile[1]
        return self._capped(Bounds(low, high))

    def _sums(self) -> dict[Profile, list[int]]:
        sums: dict[Profile, list[int]] = {}
        for batch, counted in self._pairs:
            for shape, low, high in zip(
                batch.shapes, counted.low, counted.high, strict=True
            ):
                of_profile = sums.setdefault(shape.profile, [0, 0])
                of_profile[0] += low * len(shape.roots)
                of_profile[1] += high * len(shape.roots)
        return sums

    def _capped(self, bounds: Bounds) -> Bounds:
        if not self._survey.is_cut:
            return bounds
        return Bounds(bounds.at_least, self._most)

    def fitting(self) -> Roots:
        """Count the roots that fit; ``eligible`` is 0."""
        fitting = empty = 0
        for batch, counted in self._pairs:
            fitting += sum(itertools.compress(batch.weights, counted.low))
            empty += sum(itertools.compress(batch.unused, counted.low))
        return Roots(fitting=fitting, empty=fitting if self._is_empty else empty)

    def bottleneck(self, class_ids: collections.abc.Sequence[int]) -> dict[int, int]:
        """Return the number of fitting roots by the class that ends them first.

        Of equal classes, the first one of ``class_ids`` counts.
        """
        found = dict.fromkeys(class_ids, 0)
        for batch, counted in self._pairs:
            columns = [counted.limits[class_id] for class_id in class_ids]
            least = columns[0] if len(columns) == 1 else list(map(min, *columns))
            left = [bool(low) for low in counted.low]
            for class_id, column in zip(class_ids, columns, strict=True):
                ends = map(operator.eq, column, least)
                first = list(map(operator.and_, left, ends))
                found[class_id] += sum(itertools.compress(batch.weights, first))
                left = list(map(operator.gt, left, first))
        return {class_id: count for class_id, count in found.items() if count}

    def stranded(self) -> dict[int, int]:
        """Return, by class, free units on roots that another class keeps from serving.

        Those of pools are left out, because other roots may use them.
        """
        units = dict.fromkeys(dict(self._survey.plan.total), 0)
        for batch, counted in self._pairs:
            if all(counted.high):
                continue
            for number, shape in enumerate(batch.shapes):
                limits = {id_: of[number] for id_, of in counted.limits.items()}
                if not counted.high[number] and not all(limits.values()):
                    for class_id, limit in limits.items():
                        if limit:
                            free = self._free(batch, shape, class_id)
                            units[class_id] += free * len(shape.roots)
        return units

    def _free(self, batch: Batch, shape: Shape, class_id: int) -> int:
        """Return the free units of the tree's providers that could serve a class."""
        units = shape.capacity if self._is_empty else shape.free
        positions = {
            at
            for slot in self._survey.plan.slots
            if class_id in dict(slot.amounts)
            for at in batch.analysis.choices[slot.index]
            if at < len(units)
        }
        return sum(units[at][class_id] for at in positions)

    def hosts(self, count: int | None) -> list[tuple[Root, int]] | None:
        """Return the roots that fit most consumers, with a lower bound of how many.

        Of equal roots, those with smaller ids come first. ``count`` None: all roots,
        in any order, also those that fit none. The result is None if trees share pools.
        """
        if self._shared is not None:
            return None
        if count is None:
            return [
                (root, low)
                for batch, counted in self._pairs
                for shape, low in zip(batch.shapes, counted.low, strict=True)
                for root in shape.roots
            ]
        if not count:
            return []
        by_count: dict[int, list[Shape]] = {}
        for batch, counted in self._pairs:
            # Each shape has a root.
            least = max(1, *heapq.nlargest(count, counted.low)[-1:])
            for shape, low in zip(batch.shapes, counted.low, strict=True):
                if low >= least:
                    by_count.setdefault(low, []).append(shape)
        found: list[tuple[Root, int]] = []
        for low in sorted(by_count, reverse=True):
            if len(found) >= count:
                break
            left = count - len(found)
            # The roots of a shape ascend.
            roots = (root for shape in by_count[low] for root in shape.roots[:left])
            found += [(root, low) for root in heapq.nsmallest(left, roots)]
        return found
