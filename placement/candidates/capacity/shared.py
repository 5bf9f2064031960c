"""Count consumers in trees that pools serve: exactly if that has a closed form."""

import collections.abc
import typing

from placement.candidates.capacity import pools
from placement.candidates.capacity.forms import Equal, Form
from placement.candidates.capacity.limits import Deadline, TimeIsUpError
from placement.candidates.capacity.model import Bounds
from placement.candidates.capacity.pools import Demand, Reached
from placement.candidates.capacity.shapes import Profile, Shape
from placement.candidates.capacity.survey import Batch, Survey
from placement.candidates.query.plan import Slot

_Profiles = collections.abc.Container[Profile]

_INFINITE = typing.cast("int", float("inf"))


class _Open(typing.NamedTuple):
    """How a slot is served in the trees of a batch: by own providers, and by pools."""

    local: Form
    reached: Reached


class SharedSurvey:
    """The trees of a survey and their pools."""

    def __init__(self, survey: Survey, deadline: Deadline) -> None:
        self._survey = survey
        self._deadline = deadline
        self._numbers = {
            pool.provider.id: number for number, pool in enumerate(survey.pools)
        }
        self._reached = [
            {slot.index: self._reach(batch, slot) for slot in survey.plan.slots}
            for batch in survey.batches
        ]
        self._open = [
            slot
            for slot in survey.plan.slots
            if any(of_batch[slot.index] for of_batch in self._reached)
        ]
        self._is_exact = self._has_closed_form()

    def _reach(self, batch: Batch, slot: Slot) -> Reached:
        if not slot.amounts:
            return frozenset()
        return frozenset(
            self._numbers[batch.providers[at].id]
            for at in batch.analysis.choices[slot.index]
            if batch.providers[at].id in self._numbers
        )

    def _has_closed_form(self) -> bool:
        if len(self._open) > pools.OPEN_MAX:
            return False
        for batch, reached in zip(self._survey.batches, self._reached, strict=True):
            for part in batch.analysis.parts:
                is_open = any(reached[slot.index] for slot in part.slots)
                if not part.is_exact or (is_open and len(part.slots) > 1):
                    return False
        asked = [
            {
                (number, class_id)
                for of_batch in self._reached
                for number in of_batch[slot.index]
                for class_id, _ in slot.amounts
            }
            for slot in self._open
        ]
        return sum(map(len, asked)) == len(set().union(*asked))

    def count(self, is_empty: bool, profiles: _Profiles) -> Bounds:
        """Count the consumers in the trees of ``profiles`` together."""
        if self._is_exact:
            return self._flow(self._open, is_empty, profiles)
        most = min(
            [
                self._flow([slot], is_empty, profiles, self._alike(slot)).at_most
                for slot in self._open
            ]
            or [self._flow([], is_empty, profiles).at_most]
        )
        return Bounds(min(self._filled(is_empty, profiles), most), most)

    def _alike(self, slot: Slot) -> int:
        return sum(other.kind == slot.kind for other in self._survey.plan.slots)

    def _flow(
        self,
        slots: list[Slot],
        is_empty: bool,
        profiles: _Profiles,
        slot_count: int = 1,
    ) -> Bounds:
        """Count by the flow through ``slots``, of which each consumer has a number."""
        units = dict(enumerate(self._survey.units_of_pools(is_empty)))
        served = [pools.served_by(slot, units) for slot in slots]
        demands = self._demands(slots, is_empty, profiles, served, slot_count)
        found = pools.count(demands, served, self._deadline.tick)
        return Bounds(found.at_least // slot_count, found.at_most // slot_count)

    def _demands(
        self,
        slots: list[Slot],
        is_empty: bool,
        profiles: _Profiles,
        served: list[dict[int, int]],
        slot_count: int,
    ) -> collections.abc.Iterator[Demand]:
        for batch, of_batch in zip(self._survey.batches, self._reached, strict=True):
            own = [
                part.form
                for part in batch.analysis.parts
                if not any(of_batch[slot.index] for slot in part.slots)
            ]
            ways = [self._way(batch, slot, of_batch[slot.index]) for slot in slots]
            reached = tuple(way.reached for way in ways)
            for shape in batch.shapes:
                if shape.profile not in profiles:
                    continue
                units = shape.capacity if is_empty else shape.free
                most = min([form.count(units) for form in own], default=_INFINITE)
                local = [way.local.count(units) for way in ways]
                yield pools.demand(
                    most * slot_count, local, reached, served, len(shape.roots)
                )

    def _way(self, batch: Batch, slot: Slot, reached: Reached) -> _Open:
        local = {
            at: 1
            for at in batch.analysis.choices[slot.index]
            if batch.providers[at].id not in self._numbers
        }
        return _Open(Equal(slot.amounts, 1, local), reached)

    def _filled(self, is_empty: bool, profiles: _Profiles) -> int:
        """Fill one tree after the other until the time is up."""
        units = [dict(one) for one in self._survey.units_of_pools(is_empty)]
        found = 0
        for batch in self._survey.batches:
            for shape in batch.shapes:
                if shape.profile in profiles:
                    found += self._fill(batch, shape, is_empty, units)
        return found

    def _fill(
        self, batch: Batch, shape: Shape, is_empty: bool, units: list[dict[int, int]]
    ) -> int:
        """Fill equal trees; where one was filled, others take the same of the pools."""
        filler = self._survey.filler(batch)
        left, found = len(shape.roots), 0
        while left:
            before = [dict(one) for one in units]
            own = [dict(one) for one in (shape.capacity if is_empty else shape.free)]
            for at, provider in enumerate(shape.profile.tree.providers):
                if provider.id in self._numbers:
                    own[at] = units[self._numbers[provider.id]]
            try:
                filler.fill(own + units, is_spread=False)
            except TimeIsUpError:
                return found + filler.count
            taken = [
                (number, class_id, amount - units[number][class_id])
                for number, one in enumerate(before)
                for class_id, amount in one.items()
                if amount > units[number][class_id]
            ]
            again = min(
                [left - 1]
                + [units[number][id_] // amount for number, id_, amount in taken]
            )
            for number, class_id, amount in taken:
                units[number][class_id] -= again * amount
            found += (1 + again) * filler.count
            left -= 1 + again
            if not filler.count:
                break
        return found
