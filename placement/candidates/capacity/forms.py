"""Closed forms: how many consumers fit into one tree, from the units of its providers.

A form is built once per profile, from the providers that can serve each slot, and
evaluated for every shape. ``only`` limits it to one resource class. Without any limit
a form is infinite.
"""

import collections.abc
import math
import typing

from placement.candidates.model import Amounts

# Units by resource class id, by the position of the provider.
Units = collections.abc.Sequence[collections.abc.Mapping[int, int]]

_INFINITE = typing.cast("int", math.inf)


class Form(typing.Protocol):
    """The number of consumers, or an upper bound of it."""

    def count(self, units: Units, only: int | None = None) -> int:
        """Return how many consumers fit, as far as the form knows."""


class Equal:
    """Slots that ask for the same, of the same providers.

    ``slot_count`` is their number. ``most`` has, by the position of a provider, how
    many of them it may serve for one consumer.
    """

    __slots__ = ("amounts", "is_bounded", "most", "slot_count")

    def __init__(self, amounts: Amounts, slot_count: int, most: dict[int, int]) -> None:
        self.amounts = amounts
        self.slot_count = slot_count
        self.most = most
        self.is_bounded = any(each < slot_count for each in most.values())

    def count(self, units: Units, only: int | None = None) -> int:
        amounts = self.amounts
        if only is not None:
            amounts = tuple(one for one in amounts if one[0] == only)
        if not amounts:
            is_possible = sum(self.most.values()) >= self.slot_count
            return _INFINITE if is_possible else 0
        served = [
            min([units[at].get(class_id, 0) // amount for class_id, amount in amounts])
            for at in self.most
        ]
        if self.is_bounded:
            return self._count_bounded(served)
        return sum(served) // self.slot_count

    def _count_bounded(self, served: list[int]) -> int:
        """Return the largest m with m * slot_count slots that can be spread.

        Of its ``served`` slots, a provider may give ``most`` to each consumer. Any such
        slots can be dealt to the consumers in turn.
        """
        pairs = list(zip(served, self.most.values(), strict=True))
        low, high = 0, sum(served) // self.slot_count
        while low < high:
            middle = (low + high + 1) // 2
            slots = sum([min(count, most * middle) for count, most in pairs])
            if slots >= middle * self.slot_count:
                low = middle
            else:
                high = middle - 1
        return low


class Total:
    """All slots that ask for a class, if units could be divided at will."""

    __slots__ = ("amount", "class_id", "positions")

    def __init__(
        self, class_id: int, amount: int, positions: collections.abc.Iterable[int]
    ) -> None:
        self.class_id = class_id
        self.amount = amount
        self.positions = tuple(positions)

    def count(self, units: Units, only: int | None = None) -> int:
        class_id = self.class_id
        if only not in (None, class_id):
            return _INFINITE
        free = sum([units[at].get(class_id, 0) for at in self.positions])
        return free // self.amount


class Least:
    """Parts that compete for nothing: the one that serves least decides."""

    __slots__ = ("parts",)

    def __init__(self, parts: collections.abc.Iterable[Form]) -> None:
        self.parts = tuple(parts)

    def count(self, units: Units, only: int | None = None) -> int:
        return min([part.count(units, only) for part in self.parts])


class Sum:
    """Ways to serve the same slots that compete for nothing: each one adds."""

    __slots__ = ("parts",)

    def __init__(self, parts: collections.abc.Iterable[Form]) -> None:
        self.parts = tuple(parts)

    def count(self, units: Units, only: int | None = None) -> int:
        return sum([part.count(units, only) for part in self.parts])
