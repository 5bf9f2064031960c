"""The trees that consumers may go to, and those in which a shape fits."""

import collections.abc
import typing

from placement.candidates.capacity.limits import Deadline
from placement.candidates.model import Tree
from placement.candidates.whatif import fit
from placement.candidates.whatif.model import Shape

# Maximum number of cached trees of each shape.
_KEPT_MAX = 32


class _Kept(typing.NamedTuple):
    """The first trees in which a shape fits, and where the scan for them has ended."""

    trees: list[Tree]
    end: int | None


class Targets:
    """The trees that consumers may go to, before anything is lost or moved."""

    def __init__(
        self, trees: collections.abc.Sequence[Tree], deadline: Deadline
    ) -> None:
        self.trees = trees
        self._deadline = deadline
        self._by_room: dict[int, list[tuple[int, Tree]]] = {}
        self._kept: dict[Shape, _Kept] = {}

    def options(self, shape: Shape) -> collections.abc.Iterator[Tree]:
        """Yield the trees in which a shape fits, those with most room first.

        The room is that of the class of which the shape needs the largest share.
        """
        kept = self._kept.get(shape)
        if kept is None:
            kept = self._kept[shape] = self._first(shape)
        yield from kept.trees
        if kept.end is not None:
            for _, tree in self._scan(shape, kept.end):
                yield tree

    def size(self, shape: Shape) -> float:
        """Return the largest share of the room in one provider that a shape needs."""
        return max(
            amount / max(1, self._largest(class_id))
            for part in shape.parts
            for class_id, amount in part.amounts
        )

    def _first(self, shape: Shape) -> _Kept:
        trees: list[Tree] = []
        for at, tree in self._scan(shape, 0):
            trees.append(tree)
            if len(trees) == _KEPT_MAX:
                return _Kept(trees, at + 1)
        return _Kept(trees, None)

    def _scan(
        self, shape: Shape, start: int
    ) -> collections.abc.Iterator[tuple[int, Tree]]:
        class_id, amount = max(
            (each for part in shape.parts for each in part.amounts),
            key=lambda each: each[1] / max(1, self._largest(each[0])),
        )
        ordered = self._ordered(class_id)
        for at in range(start, len(ordered)):
            self._deadline.tick()
            room, tree = ordered[at]
            if room < amount:
                return
            if fit.fits(shape, tree, self._deadline.tick):
                yield at, tree

    def _largest(self, class_id: int) -> int:
        ordered = self._ordered(class_id)
        return ordered[0][0] if ordered else 0

    def _ordered(self, class_id: int) -> list[tuple[int, Tree]]:
        ordered = self._by_room.get(class_id)
        if ordered is None:
            rooms = (
                (max(one.room.get(class_id, 0) for one in tree.providers), tree)
                for tree in self.trees
            )
            ordered = self._by_room[class_id] = sorted(
                [each for each in rooms if each[0] > 0],
                key=lambda each: (-each[0], each[1].root.id),
            )
        return ordered
