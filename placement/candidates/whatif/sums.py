"""Proofs that consumers do not fit: sums over the trees that are left.

All hold in the widest reading, see ``fit``. A sum over all trees is computed once; what
lost trees add to it is subtracted.
"""

import collections
import collections.abc
import functools
import math
import typing

from placement.candidates.capacity.limits import Deadline
from placement.candidates.model import Amounts, Tree
from placement.candidates.whatif import fit
from placement.candidates.whatif.model import Shape, Shortage, total_of

# Amounts of one class for which providers are counted that have room for them.
_SIZES_MAX = 16

_OfTree = collections.abc.Callable[[Tree], int]


class Proof(typing.NamedTuple):
    """Shapes that fit nowhere, and a class of which there is not enough."""

    nowhere: frozenset[Shape]
    shortage: Shortage | None

    @property
    def holds(self) -> bool:
        return bool(self.nowhere) or self.shortage is not None


class Sums:
    """Sums over the trees that consumers may go to."""

    def __init__(
        self, trees: collections.abc.Sequence[Tree], deadline: Deadline
    ) -> None:
        self._trees = {tree.root.id: tree for tree in trees}
        self._deadline = deadline
        self._totals: dict[tuple[typing.Any, ...], int] = {}

    def prove(
        self,
        shapes: collections.Counter[Shape],
        lost: collections.abc.Collection[int],
    ) -> Proof:
        """Look for a proof that the consumers with these shapes do not fit.

        Raises TimeIsUpError.
        """
        nowhere, shortage = [], None
        for shape, count in shapes.items():
            self._deadline.tick()
            places = self._places(shape, lost)
            if not places:
                nowhere.append(shape)
            elif places < count and shortage is None:
                class_id, amount = max(total_of(shape), key=lambda each: each[1])
                shortage = Shortage(class_id, count * amount, places * amount)
        if shortage is None and not nowhere:
            shortage = self._shortage(shapes, lost)
        return Proof(frozenset(nowhere), shortage)

    def scarcest(
        self, needed: dict[int, int], lost: collections.abc.Collection[int]
    ) -> Shortage:
        """Return the class of which the largest share of the free units is needed."""
        shares = [
            Shortage(class_id, units, self._units(0, class_id, 1, 1, lost))
            for class_id, units in sorted(needed.items())
        ]
        return max(shares, key=severity)

    def free_in(self, root_id: int, class_id: int) -> int:
        """Return the free units of a class in a tree that consumers may go to."""
        tree = self._trees.get(root_id)
        return 0 if tree is None else _units_in(0, class_id, 1, 1, tree)

    def _shortage(
        self,
        shapes: collections.Counter[Shape],
        lost: collections.abc.Collection[int],
    ) -> Shortage | None:
        counts: collections.Counter[tuple[int, int, int]] = collections.Counter()
        for shape, count in shapes.items():
            for part in shape.parts:
                for class_id, amount in part.amounts:
                    counts[part.traits, class_id, amount] += count
        masks = {0, *(traits for traits, _, _ in counts)}
        for mask in sorted(masks):
            by_class: dict[int, dict[int, int]] = {}
            for (traits, class_id, amount), count in counts.items():
                if traits & mask == mask:
                    sizes = by_class.setdefault(class_id, {})
                    sizes[amount] = sizes.get(amount, 0) + count
            for class_id, sizes in sorted(by_class.items()):
                self._deadline.tick()
                found = self._shortage_of(mask, class_id, sizes, lost)
                if found is not None:
                    return found
        return None

    def _shortage_of(
        self,
        mask: int,
        class_id: int,
        sizes: dict[int, int],
        lost: collections.abc.Collection[int],
    ) -> Shortage | None:
        """Compare what is needed of a class; ``sizes`` counts parts by amount."""
        needed = sum(amount * count for amount, count in sizes.items())
        step = math.gcd(*sizes)
        free = self._units(mask, class_id, step, min(sizes), lost)
        if free < needed:
            return Shortage(class_id, needed, free)
        count = 0
        for amount in sorted(sizes, reverse=True)[:_SIZES_MAX]:
            count += sizes[amount]
            slots = self._units(mask, class_id, amount, amount, lost) // amount
            if slots < count:
                return Shortage(class_id, count * amount, slots * amount)
        return None

    def _units(
        self,
        mask: int,
        class_id: int,
        step: int,
        least: int,
        lost: collections.abc.Collection[int],
    ) -> int:
        """Sum up the free units of a class, in multiples of ``step``.

        Providers without the traits ``mask``, or without room for ``least``, have none.
        """
        key = (mask, class_id, step, least)
        return self._sum(key, functools.partial(_units_in, *key), lost)

    def _places(self, shape: Shape, lost: collections.abc.Collection[int]) -> int:
        """Return how many consumers with a shape fit at most."""
        parts = collections.Counter((one.amounts, one.traits) for one in shape.parts)
        key = (shape.may_merge, *sorted(parts.items()))
        return self._sum(key, lambda tree: _places_in(shape, parts, tree), lost)

    def _sum(
        self,
        key: tuple[typing.Any, ...],
        of_tree: _OfTree,
        lost: collections.abc.Collection[int],
    ) -> int:
        total = self._totals.get(key)
        if total is None:
            total = self._totals[key] = sum(map(of_tree, self._trees.values()))
            self._deadline.check()
        for root_id in lost:
            tree_lost = self._trees.get(root_id)
            if tree_lost is not None:
                total -= of_tree(tree_lost)
        return total


def severity(shortage: Shortage) -> float:
    """Return the share of the free units that is needed."""
    if shortage.free:
        return shortage.needed / shortage.free
    return math.inf if shortage.needed else 0.0


def _units_in(mask: int, class_id: int, step: int, least: int, tree: Tree) -> int:
    total = 0
    for provider in tree.providers:
        # The room is at most the largest amount for one consumer.
        has_room = provider.room.get(class_id, 0) >= least
        if has_room and provider.traits & mask == mask:
            total += provider.offers[class_id].free // step * step
    return total


def _places_in(
    shape: Shape, parts: collections.Counter[tuple[Amounts, int]], tree: Tree
) -> int:
    may_merge = shape.may_merge
    least: int | None = None
    for part in shape.parts:
        places = sum(
            min(provider.offers[class_id].free // n for class_id, n in part.amounts)
            for provider in tree.providers
            if fit.may_take(part, provider, may_merge)
        )
        # Equal parts need a place each.
        places //= parts[part.amounts, part.traits]
        least = places if least is None else min(least, places)
        if not least:
            return 0
    return least or 0
