"""A bound on beginnings: can the slots that are left still all be filled?

Every slot that is left is given a seat at a provider that could fill it, such that
no provider has more than it can serve: a matching. While one exists the beginning is
kept, and it is mended rather than built anew when a slot is placed. It is a
necessary condition: what it lets through, combining decides.
"""

import collections.abc

from placement.candidates.choose import Choices
from placement.candidates.model import ProviderView
from placement.candidates.plan import Plan, Slot

# The provider at which a slot that is not placed yet has its seat, by slot index.
Seats = dict[int, ProviderView]

# A provider, and the class that its guests are counted by; -1: isolated groups.
_Bin = tuple[int, int]

_ISOLATED = -1


class Rooms:
    """What the beginning asks of each inventory, and who is taken.

    ``asked`` has units by (provider id, resource class id). ``taken`` has the ids
    of the providers of isolated groups.
    """

    def __init__(self) -> None:
        self.asked: dict[tuple[int, int], int] = {}
        self.taken: set[int] = set()

    def left(self, provider: ProviderView, resource_class_id: int) -> int:
        """Return the units that one consumer can still be given."""
        asked = self.asked.get((provider.id, resource_class_id), 0)
        return provider.offers[resource_class_id].room - asked

    def is_short(self, slot: Slot, provider: ProviderView) -> bool:
        """The provider has too little left to fill the slot."""
        for resource_class_id, amount in slot.amounts:
            if amount > self.left(provider, resource_class_id):
                return True
        return False

    def place(self, slot: Slot, provider: ProviderView, sign: int = 1) -> None:
        """Count the slot's amounts as asked; with -1, take that back."""
        for resource_class_id, amount in slot.amounts:
            key = (provider.id, resource_class_id)
            self.asked[key] = self.asked.get(key, 0) + sign * amount


class SeatingPlan:
    """Gives seats to the slots of one anchor that compete for providers."""

    def __init__(self, plan: Plan, choices: Choices, rooms: Rooms) -> None:
        self._slots = plan.slots
        self._choices = choices
        self._rooms = rooms
        self._kinds = _kinds(plan)
        self._least = _least_amounts(plan, self._kinds)

    def start(self, order: collections.abc.Iterable[int]) -> Seats | None:
        """Return seats for all slots that compete, or None if there are not enough.

        Slots of one kind never lack seats when each could sit anywhere.
        """
        seats: Seats = {}
        for index in order:
            if index in self._kinds and not self._seat(index, seats, set()):
                return None
        return seats

    def after(self, index: int, provider: ProviderView, seats: Seats) -> Seats | None:
        """Return seats for the slots left when ``index`` was placed at ``provider``.

        ``seats`` stays as it is. None: some slot has no seat any more.
        """
        if not seats:
            return seats
        left = seats.copy()
        left.pop(index, None)
        evicted = []
        guests: dict[_Bin, int] = {}
        for other, host in seats.items():
            if host is provider and other in left:
                place = self._bin(other, host)
                guests[place] = guests.get(place, 0) + 1
                if guests[place] > self._size(place, host) or not self._may_sit(
                    other, host
                ):
                    evicted.append(other)
        for other in evicted:
            del left[other]
        for other in evicted:
            if not self._seat(other, left, set()):
                return None
        return left

    def _seat(self, index: int, seats: Seats, tried: set[_Bin]) -> bool:
        """Give the slot a seat, moving others if need be; by augmenting paths."""
        for provider in self._choices[index]:
            place = self._bin(index, provider)
            if place in tried or not self._may_sit(index, provider):
                continue
            tried.add(place)
            guests = [
                other
                for other, host in seats.items()
                if host is provider and self._bin(other, host) == place
            ]
            if len(guests) < self._size(place, provider):
                seats[index] = provider
                return True
            for other in guests:
                if self._seat(other, seats, tried):
                    seats[index] = provider
                    return True
        return False

    def _bin(self, index: int, provider: ProviderView) -> _Bin:
        return (provider.id, self._kinds[index])

    def _may_sit(self, index: int, provider: ProviderView) -> bool:
        return not self._rooms.is_short(self._slots[index], provider)

    def _size(self, place: _Bin, provider: ProviderView) -> int:
        """How many of the slots left may have their seat in one place."""
        kind = place[1]
        if kind == _ISOLATED:
            return 0 if provider.id in self._rooms.taken else 1
        return self._rooms.left(provider, kind) // self._least[kind]


def _kinds(plan: Plan) -> dict[int, int]:
    """By the index of each slot that competes, how its seats are counted."""
    if plan.isolates:
        return {
            slot.index: _ISOLATED for slot in plan.slots if not slot.group.is_spread
        }
    return {slot.index: slot.amounts[0][0] for slot in plan.slots if slot.amounts}


def _least_amounts(plan: Plan, kinds: dict[int, int]) -> dict[int, int]:
    least: dict[int, int] = {}
    for slot in plan.slots:
        kind = kinds.get(slot.index, _ISOLATED)
        if kind != _ISOLATED:
            amount = dict(slot.amounts)[kind]
            least[kind] = min(amount, least.get(kind, amount))
    return least
