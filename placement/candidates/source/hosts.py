"""The free units and definitions of all hosts as arrays, to compare every host.

A host is a tree of one provider. To build the arrays, all trees are read; later, only
those that have changed. Sums over all providers, from the same snapshot, say whether
none was missed.
"""

import collections.abc
import threading
import typing

import numpy as np

from placement.candidates.arrays import (
    UNUSED_DEFINITIONS_MAX,
    Booleans,
    Definition,
    Floats,
    Integers,
    with_room,
)
from placement.candidates.model import Amounts, Tree
from placement.candidates.source.trees import Trees
from placement.candidates.sql import statements
from placement.candidates.sql.reader import Prefetch, Read, Reader, Since, Sums
from placement.objects.inventory import Offer

# Trees that are read at once.
_TREES_PER_READ = 2000

# Different offers of a class that are kept, besides one per host, before the unused
# ones are dropped.
_UNUSED_OFFERS_MAX = 1000


class _Offers:
    """The offers of one class, by row; zero where a host has none.

    ``offer_number`` is the number of an offer in ``offer_numbers``. ``is_regular``: no
    offer had a ``min_unit`` or a ``step_size`` yet.
    """

    def __init__(self, size: int) -> None:
        self.room: Integers = np.zeros(size, np.int64)
        self.used: Floats = np.zeros(size)
        self.capacity: Floats = np.zeros(size)
        self.offer_number: Integers = np.zeros(size, np.int64)
        self.offer_numbers: dict[Offer | None, int] = {None: 0}
        self.is_regular = True

    def set(
        self,
        rows: list[int],
        offers: collections.abc.Sequence[Offer | None],
        rooms: list[int],
    ) -> None:
        """Set the offers of some hosts, and their rooms, which are 0 out of service."""
        self.room[rows] = rooms
        self.used[rows] = [0 if each is None else each.used for each in offers]
        self.capacity[rows] = [0 if each is None else each.capacity for each in offers]
        self.offer_number[rows] = list(map(self._number_of, offers))

    def _number_of(self, offer: Offer | None) -> int:
        number = self.offer_numbers.get(offer)
        if number is None:
            assert offer is not None
            number = self.offer_numbers[offer] = len(self.offer_numbers)
            self.is_regular &= offer.min_unit <= 1 and offer.step_size == 1
        return number

    def drop_unused(self) -> None:
        """Drop the offers that no host has any more, if there are many."""
        if len(self.offer_numbers) <= 2 * len(self.offer_number) + _UNUSED_OFFERS_MAX:
            return
        counts = np.bincount(self.offer_number, minlength=len(self.offer_numbers))
        counts[0] += 1
        used = counts > 0
        kept = [
            each
            for each, is_used in zip(self.offer_numbers, used, strict=True)
            if is_used
        ]
        self.offer_number = (np.cumsum(used) - 1)[self.offer_number]
        self.offer_numbers = {each: number for number, each in enumerate(kept)}


class Latest(typing.NamedTuple):
    """A snapshot that was taken after ``time``, which is monotonic, in seconds.

    ``values`` are the single values that were read in it.
    """

    time: float
    values: dict[Read, int | None]


class Hosts:
    """Arrays with a row per host, ascending by id.

    A caller holds ``lock`` from before its snapshot until it has used the arrays, so
    that they never go back to an older state. They take ``size_max`` bytes at most.
    Clouds that need more, or have nested or sharing providers, have no arrays.

    They have the state of the snapshot ``latest``; None: of none.
    """

    def __init__(self, size_max: int) -> None:
        self.lock = threading.Lock()
        self.latest: Latest | None = None
        self._size_max = size_max
        self._clear()

    def _clear(self) -> None:
        self.ids: Integers = np.zeros(0, np.int64)
        self.revisions: Integers = np.zeros(0, np.int64)
        self._definition_of: Integers = np.zeros(0, np.int64)
        self._definitions: dict[Definition, int] = {}
        self._offers: dict[int, _Offers] = {}
        # None: all hosts have to be read.
        self._since: Since | None = None

    def prefetch(self, values: list[Read]) -> Prefetch | None:
        """Return ``values`` and what ``update`` reads if little has changed.

        None: all has to be read.
        """
        if self._since is None:
            return None
        values = [*values, statements.any_nested()]
        return Prefetch.of_changes(values, statements.all_members(), self._since)

    def update(
        self,
        reader: Reader,
        trees: Trees,
        tick: collections.abc.Callable[[], None] = lambda: None,
    ) -> bool:
        """Bring the arrays to the state of a snapshot without sharing providers.

        Return False if there can be none. ``tick`` is called for each part that is
        read, and may raise; the next update continues.
        """
        if self.latest is not None and self.latest.values is reader.values:
            # The reader is one of ``latest``.
            return True
        self.latest = None
        if not trees.is_flat():
            self._clear()
            return False
        since, is_complete = self._since, False
        if since is not None:
            changes = reader.changes_since(statements.all_members(), since)
            self._apply(changes.changed, trees, tick)
            is_complete = changes.sums == self._sums()
        if not is_complete:
            self._update_all(trees, tick)
        for offers in self._offers.values():
            offers.drop_unused()
        if not len(self.ids):
            return False
        newest, time = int(self.revisions.max()), reader.began
        self._since = since.after(newest, time) if since else Since(newest, time)
        self.latest = Latest(reader.began, reader.values)
        return True

    def _sums(self) -> Sums:
        """Return the sums over all hosts, as the database has them."""
        # All together can have more than 64 bits.
        high, low = np.divmod(self.revisions, 2**32)
        revisions = int(high.sum()) * 2**32 + int(low.sum())
        return Sums(len(self.ids), int(self.ids.sum()), revisions)

    def _update_all(
        self, trees: Trees, tick: collections.abc.Callable[[], None]
    ) -> None:
        found, _ = trees.after(0, _ALL)
        if not self._fit(len(found)):
            self._clear()
            return
        ids = np.array([row[1] for row in found], np.int64)
        if len(self._definitions) > len(ids) + UNUSED_DEFINITIONS_MAX:
            self._clear()
        if not np.array_equal(ids, self.ids):
            self._resize(ids)
        self._apply(found, trees, tick)
        # Now the classes are known.
        if not self._fit(len(found)):
            self._clear()

    def _fit(self, rows: int) -> bool:
        row_bytes = 24 + 32 * max(1, len(self._offers))
        return rows * row_bytes <= self._size_max

    def _resize(self, ids: Integers) -> None:
        """Make rows for ``ids``, with what is known of them."""
        _, kept, before = np.intersect1d(
            ids, self.ids, assume_unique=True, return_indices=True
        )

        def moved(old: typing.Any, unknown: int = 0) -> typing.Any:
            new = np.full(len(ids), unknown, old.dtype)
            new[kept] = old[before]
            return new

        self.ids = ids
        # No revision is negative; providers of older services may have revision 0.
        self.revisions = moved(self.revisions, -1)
        self._definition_of = moved(self._definition_of)
        for offers in self._offers.values():
            offers.room = moved(offers.room)
            offers.used = moved(offers.used)
            offers.capacity = moved(offers.capacity)
            offers.offer_number = moved(offers.offer_number)

    def _apply(
        self,
        found: collections.abc.Sequence[collections.abc.Sequence[int]],
        trees: Trees,
        tick: collections.abc.Callable[[], None],
    ) -> None:
        """Take over the hosts of ``found`` that have changed; new ones are left out."""
        if not found:
            return
        members = np.array(found, np.int64)
        rows = np.searchsorted(self.ids, members[:, 1])
        rows[rows == len(self.ids)] = 0
        changed = (self.ids[rows] == members[:, 1]) & (
            self.revisions[rows] != members[:, 2]
        )
        wanted = [(found[at], int(rows[at])) for at in np.flatnonzero(changed).tolist()]
        for start in range(0, len(wanted), _TREES_PER_READ):
            tick()
            part = wanted[start : start + _TREES_PER_READ]
            read = trees.of([tuple(member) for member, _ in part])
            self._set([row for _, row in part], read)

    def _set(self, rows: list[int], trees: list[Tree]) -> None:
        hosts = [tree.root for tree in trees]
        self.revisions[rows] = [host.revision for host in hosts]
        numbers = self._definitions
        self._definition_of[rows] = [
            numbers.setdefault(Definition.of(tree), len(numbers)) for tree in trees
        ]
        offered = {class_id for host in hosts for class_id in host.offers}
        for class_id in offered - self._offers.keys():
            self._offers[class_id] = _Offers(len(self.ids))
        for class_id, offers in self._offers.items():
            offers.set(
                rows,
                [host.offers.get(class_id) for host in hosts],
                [host.room.get(class_id, 0) for host in hosts],
            )

    def row_of(self, root_id: int) -> int | None:
        """Return the row of a host, or None."""
        row = int(np.searchsorted(self.ids, root_id))
        return row if row < len(self.ids) and self.ids[row] == root_id else None

    def able(
        self, admits: collections.abc.Callable[[Definition], bool], total: Amounts
    ) -> Booleans:
        """Return which hosts are admitted and have room for ``total``.

        Whoever picks one has to look at its unit rules.
        """
        rooms = {class_id: offers.room for class_id, offers in self._offers.items()}
        able = with_room(np.ones(len(self.ids), np.bool_), rooms, total)
        if not able.any():
            return able
        admitted = np.array([admits(each) for each in self._definitions], np.bool_)
        return admitted[self._definition_of] & able

    def shares(self, total: Amounts) -> Floats:
        """Return the dominant share of each host after a claim, where it has room."""
        shares = np.zeros(len(self.ids))
        with np.errstate(divide="ignore", invalid="ignore"):
            for class_id, amount in total:
                offers = self._offers[class_id]
                np.maximum(shares, (offers.used + amount) / offers.capacity, out=shares)
        return shares

    def by_definition(
        self, value: collections.abc.Callable[[Definition], float]
    ) -> Floats:
        """Return a value of each host that follows from its definition."""
        values = np.array([value(each) for each in self._definitions])
        return values[self._definition_of]

    def numbered_by_definition(
        self, value: collections.abc.Callable[[Definition], collections.abc.Hashable]
    ) -> Integers:
        """Number the hosts by a value of their definition: equal values, one number."""
        return _numbers(map(value, self._definitions))[self._definition_of]

    def numbered_by_offer(
        self,
        class_id: int,
        value: collections.abc.Callable[[Offer | None], collections.abc.Hashable],
    ) -> Integers:
        """Number the hosts by a value of what they offer of a class; None: nothing."""
        offers = self._offers.get(class_id)
        if offers is None:
            return np.zeros(len(self.ids), np.int64)
        return _numbers(map(value, offers.offer_numbers))[offers.offer_number]

    def is_regular(self, class_id: int) -> bool:
        """No host has a ``min_unit`` or a ``step_size`` for a class."""
        offers = self._offers.get(class_id)
        return offers is None or offers.is_regular


def _numbers(values: collections.abc.Iterable[collections.abc.Hashable]) -> Integers:
    """Return a number for each value; equal values have the same."""
    known: dict[collections.abc.Hashable, int] = {}
    return np.array([known.setdefault(each, len(known)) for each in values], np.int64)


# More than any cloud has.
_ALL = 2**31 - 2
