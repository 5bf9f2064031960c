"""A bound for partial assignments: can the remaining slots still all be filled?

Every remaining slot is matched to a provider that can fill it, such that no provider
is matched to more slots than it can serve. While such a matching exists the partial
assignment is kept; the matching is repaired, not rebuilt, when a slot is assigned. The
condition is necessary, not sufficient: combining decides what passes it.
"""

import collections.abc

from placement.candidates.model import ProviderSnapshot
from placement.candidates.query.plan import Plan, Slot

# The provider that each remaining slot is matched to, by slot index.
Matching = dict[int, ProviderSnapshot]

Choices = collections.abc.Sequence[collections.abc.Sequence[ProviderSnapshot]]

# A provider id, and the class by which its capacity for slots is counted.
_Bin = tuple[int, int]

# Stands for a class where each provider serves one isolated group.
_ISOLATED = -1


class Reservations:
    """What a partial assignment takes.

    ``taken`` has units by (provider id, resource class id). ``isolated`` has the ids
    of the providers of isolated groups.
    """

    def __init__(self) -> None:
        self.taken: dict[tuple[int, int], int] = {}
        self.isolated: set[int] = set()

    def left(self, provider: ProviderSnapshot, resource_class_id: int) -> int:
        """Return the units that the consumer can still get of a provider."""
        taken = self.taken.get((provider.id, resource_class_id), 0)
        return provider.room[resource_class_id] - taken

    def lacks_room(self, slot: Slot, provider: ProviderSnapshot) -> bool:
        """The provider has too little left to fill the slot."""
        for resource_class_id, amount in slot.amounts:
            if amount > self.left(provider, resource_class_id):
                return True
        return False

    def add(self, slot: Slot, provider: ProviderSnapshot, sign: int = 1) -> None:
        """Take the slot's amounts of the provider; with -1, give them back."""
        for resource_class_id, amount in slot.amounts:
            key = (provider.id, resource_class_id)
            self.taken[key] = self.taken.get(key, 0) + sign * amount


class Matcher:
    """Matches the remaining slots of one tree to providers."""

    def __init__(
        self, plan: Plan, choices: Choices, reservations: Reservations
    ) -> None:
        self._slots = plan.slots
        self._choices = choices
        self._reservations = reservations
        self._classes = _counted_classes(plan)
        self._least = _least_amounts(plan, self._classes)

    def match(self, order: collections.abc.Iterable[int]) -> Matching | None:
        """Match all slots that compete for providers. None: that is not possible."""
        matching: Matching = {}
        for index in order:
            if index in self._classes and not self._add(index, matching, set()):
                return None
        return matching

    def after(
        self, index: int, provider: ProviderSnapshot, matching: Matching
    ) -> Matching | None:
        """Return a matching of the other slots, now that ``index`` is assigned.

        ``matching`` is not changed. None: the other slots cannot all be filled.
        """
        if not matching:
            return matching
        remaining = matching.copy()
        remaining.pop(index, None)
        unmatched = []
        counts: dict[_Bin, int] = {}
        for other, matched in matching.items():
            if matched is provider and other in remaining:
                bin_ = self._bin(other, matched)
                counts[bin_] = counts.get(bin_, 0) + 1
                if counts[bin_] > self._size(bin_, matched) or not self._can_fill(
                    other, matched
                ):
                    unmatched.append(other)
        for other in unmatched:
            del remaining[other]
        for other in unmatched:
            if not self._add(other, remaining, set()):
                return None
        return remaining

    def _add(self, index: int, matching: Matching, visited: set[_Bin]) -> bool:
        """Match one more slot along an augmenting path, moving others if need be."""
        for provider in self._choices[index]:
            bin_ = self._bin(index, provider)
            if bin_ in visited or not self._can_fill(index, provider):
                continue
            visited.add(bin_)
            others = [
                other
                for other, matched in matching.items()
                if matched is provider and self._bin(other, matched) == bin_
            ]
            if len(others) < self._size(bin_, provider):
                matching[index] = provider
                return True
            for other in others:
                if self._add(other, matching, visited):
                    matching[index] = provider
                    return True
        return False

    def _bin(self, index: int, provider: ProviderSnapshot) -> _Bin:
        return (provider.id, self._classes[index])

    def _can_fill(self, index: int, provider: ProviderSnapshot) -> bool:
        return not self._reservations.lacks_room(self._slots[index], provider)

    def _size(self, bin_: _Bin, provider: ProviderSnapshot) -> int:
        """Return how many of the remaining slots may be matched to a provider."""
        class_id = bin_[1]
        if class_id == _ISOLATED:
            return 0 if provider.id in self._reservations.isolated else 1
        return self._reservations.left(provider, class_id) // self._least[class_id]


def _counted_classes(plan: Plan) -> dict[int, int]:
    """Return, by the index of each slot that competes, the class it is counted by."""
    if plan.isolates:
        return {
            slot.index: _ISOLATED for slot in plan.slots if not slot.group.is_spread
        }
    return {slot.index: slot.amounts[0][0] for slot in plan.slots if slot.amounts}


def _least_amounts(plan: Plan, classes: dict[int, int]) -> dict[int, int]:
    least: dict[int, int] = {}
    for slot in plan.slots:
        class_id = classes.get(slot.index, _ISOLATED)
        if class_id != _ISOLATED:
            amount = dict(slot.amounts)[class_id]
            least[class_id] = min(amount, least.get(class_id, amount))
    return least
