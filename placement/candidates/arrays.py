"""Trees of one provider as arrays, to evaluate conditions for all of them at once."""

import collections.abc
import operator
import typing

import numpy as np

from placement.candidates.model import Amounts, Tree

Integers = np.ndarray[tuple[int], np.dtype[np.int64]]
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Booleans = np.ndarray[tuple[int], np.dtype[np.bool_]]

# Unused definitions that are kept before arrays are built again.
UNUSED_DEFINITIONS_MAX = 1000


class Definition(typing.NamedTuple):
    """State, traits and aggregates of a host; many hosts have the same."""

    is_in_service: bool
    traits: int
    aggregates: frozenset[int]

    @classmethod
    def of(cls, tree: Tree) -> "Definition":
        root = tree.root
        return cls(root.is_in_service, root.traits, root.aggregates)


# What decides for requests without traits and aggregates.
is_in_service: collections.abc.Callable[[Definition], bool] = operator.attrgetter(
    "is_in_service"
)


class FlatArrays:
    """A row per tree. Never changed, so that several searches can use it."""

    def __init__(
        self,
        definitions: dict[Definition, int],
        definition_of: Integers,
        rooms: dict[int, Integers],
        is_regular: Booleans,
    ) -> None:
        self._definitions = definitions
        # The number of the definition of each tree.
        self.definition_of = definition_of
        self._rooms = rooms
        self.is_regular = is_regular

    @classmethod
    def of(cls, trees: collections.abc.Sequence[Tree]) -> "FlatArrays":
        count = len(trees)
        empty = cls(
            {},
            np.zeros(count, np.int64),
            {},
            is_regular=np.zeros(count, np.bool_),
        )
        rows = dict(enumerate(trees))
        return empty.changed(rows, rows)

    @property
    def has_many_unused(self) -> bool:
        """Whether many definitions are kept that no tree has any more."""
        return len(self._definitions) > len(self.definition_of) + UNUSED_DEFINITIONS_MAX

    def changed(
        self,
        trees: collections.abc.Mapping[int, Tree],
        redefined: collections.abc.Mapping[int, Tree],
    ) -> "FlatArrays":
        """Return the arrays with other trees in some rows.

        More than the usage of those in ``redefined`` has changed.
        """
        arrays = self._redefined(redefined) if redefined else self
        rooms = {class_id: room.copy() for class_id, room in arrays._rooms.items()}
        rows, found = list(trees), [tree.root.room for tree in trees.values()]
        for class_id in {class_id for room in found for class_id in room}:
            if class_id not in rooms:
                rooms[class_id] = np.zeros(len(self.definition_of), np.int64)
        for class_id, of_class in rooms.items():
            of_class[rows] = [room.get(class_id, 0) for room in found]
        return FlatArrays(
            arrays._definitions, arrays.definition_of, rooms, arrays.is_regular
        )

    def _redefined(self, trees: collections.abc.Mapping[int, Tree]) -> "FlatArrays":
        """Return the arrays with other definitions in some rows, and the same rooms."""
        definitions = dict(self._definitions)
        definition_of = self.definition_of.copy()
        is_regular = self.is_regular.copy()
        rows = list(trees)
        definition_of[rows] = [
            definitions.setdefault(Definition.of(tree), len(definitions))
            for tree in trees.values()
        ]
        is_regular[rows] = [tree.root.inventories.is_regular for tree in trees.values()]
        return FlatArrays(definitions, definition_of, self._rooms, is_regular)

    def has_room(self, class_id: int, amount: int) -> Booleans:
        """Return which trees have room for an amount, whatever its unit rules."""
        is_known = np.ones(len(self.definition_of), np.bool_)
        return with_room(is_known, self._rooms, ((class_id, amount),))

    def able(
        self, admits: collections.abc.Callable[[Definition], bool], total: Amounts
    ) -> Booleans:
        """Return which trees are admitted and have room for ``total``.

        Rows that are not ``is_regular`` have unit rules besides.
        """
        admitted = np.array([admits(each) for each in self._definitions], np.bool_)
        return with_room(admitted[self.definition_of], self._rooms, total)


def with_room(
    admitted: Booleans,
    rooms: collections.abc.Mapping[int, Integers],
    total: Amounts,
) -> Booleans:
    """Return which of the admitted rows have room for ``total``."""
    able = admitted
    for class_id, amount in total:
        room = rooms.get(class_id)
        if room is None:
            return np.zeros(len(admitted), np.bool_)
        able = able & (room >= amount)
    return able


class Page(list[Tree]):
    """Trees. ``arrays`` has a row for each, if it was worth making them."""

    arrays: FlatArrays | None = None

    @property
    def provider_count(self) -> int:
        if self.arrays is not None:
            return len(self)
        return sum([len(tree.uuids) for tree in self])
