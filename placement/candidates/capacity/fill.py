"""Fill copies of providers with consumers, by the engine of the search."""

import collections.abc
import dataclasses

from placement.candidates.model import ProviderSnapshot
from placement.candidates.query.plan import Plan, Slot
from placement.candidates.solve import combine

# Units by resource class id, for each provider. They are changed.
Units = list[dict[int, int]]
Choices = collections.abc.Sequence[tuple[int, ...]]


class Filler:
    """Fills trees of one profile with consumers of one request.

    ``providers`` are those of the tree, then the sharing ones; ``choices`` has, for
    each slot, the positions of providers whose unit rules allow the amounts. ``tick``
    is called once per provider that is tried, and may raise; ``count`` is then what was
    filled until then.
    """

    def __init__(
        self,
        plan: Plan,
        providers: collections.abc.Sequence[ProviderSnapshot],
        choices: Choices,
        ancestors: dict[int, frozenset[int]],
        one_per_tree: bool,
        tick: collections.abc.Callable[[], None],
    ) -> None:
        self._plan = plan
        self._choices = choices
        self._ancestors = ancestors
        self._one_per_tree = one_per_tree
        self._tick = tick
        self._copies = {
            at: dataclasses.replace(providers[at], room={})
            for at in {at for of_slot in choices for at in of_slot}
        }
        self._positions = {id(copy): at for at, copy in self._copies.items()}
        self.count = 0

    def fill(self, units: Units, is_spread: bool) -> int:
        """Take units for consumers until no other fits; return their number.

        With ``is_spread`` the provider with most units left comes first, and a
        combination is used for half of the consumers that it could serve. Otherwise
        providers keep their order, and a combination is used until it is exhausted.
        """
        self.count = 0
        self._set_rooms(units)
        while (combination := self._next(units, is_spread)) is not None:
            taken: dict[tuple[int, int], int] = {}
            for slot, provider in zip(self._plan.slots, combination, strict=True):
                at = self._positions[id(provider)]
                for class_id, amount in slot.amounts:
                    taken[at, class_id] = taken.get((at, class_id), 0) + amount
            times = min(
                units[at][class_id] // amount
                for (at, class_id), amount in taken.items()
            )
            if is_spread:
                times = (times + 1) // 2
            for (at, class_id), amount in taken.items():
                units[at][class_id] -= times * amount
                self._set_room(at, class_id, units)
            self.count += times
        return self.count

    def _next(self, units: Units, is_spread: bool) -> combine.Combination | None:
        able = []
        for slot, of_slot in zip(self._plan.slots, self._choices, strict=True):
            self._tick()
            providers = [
                self._copies[at] for at in of_slot if _has_units(slot, units[at])
            ]
            if not providers:
                return None
            if is_spread and len(providers) > 1:
                providers.sort(key=lambda one: self._served(slot, one), reverse=True)
            able.append(providers)
        return next(
            combine.combinations(
                self._plan,
                able,
                lambda provider: self._ancestors[provider.id],
                self._one_per_tree,
                self._tick,
            ),
            None,
        )

    def _served(self, slot: Slot, provider: ProviderSnapshot) -> int:
        return min(
            (provider.room[class_id] // amount for class_id, amount in slot.amounts),
            default=0,
        )

    def _set_rooms(self, units: Units) -> None:
        for at in self._copies:
            for class_id in units[at]:
                self._set_room(at, class_id, units)

    def _set_room(self, at: int, class_id: int, units: Units) -> None:
        copy = self._copies[at]
        max_unit = copy.offers[class_id].max_unit
        copy.room[class_id] = min(max_unit, units[at][class_id])


def _has_units(slot: Slot, units: dict[int, int]) -> bool:
    return all(units.get(class_id, 0) >= amount for class_id, amount in slot.amounts)
