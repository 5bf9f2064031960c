"""The hosts that earlier requests have read, in the order of their ids.

A pick of any host looks here first, and reads nothing. What is known may be out of
date, so whoever picks a host sends a ``Seen`` with the claim, by which the database
checks it.

A host is a tree of one provider. Trees themselves are in the ``TreeCache``, which
forgets a host when it drops the tree.
"""

import bisect
import collections.abc
import threading

from placement.candidates.model import Amounts, Members, Tree
from placement.objects.claim_request import Amount

# Hosts of which one request looks at the trees.
_HOSTS_MAX = 16

# Requests that read first after refusals in a row, at most.
_PAUSE_MAX = 64

_NOTHING: tuple[Members, dict[str, int]] = ((), {})


class KnownHosts:
    """Which ids hosts have, and what was taken from each since its tree was read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: list[int] = []
        # By the id of a host: no provider has an id from this one up to the host's.
        self._free_from: dict[int, int] = {}
        # By the id of a host: the members of the tree from which something was taken.
        self._taken: dict[int, tuple[Members, dict[str, int]]] = {}
        # The greatest id of a provider; a place is taken modulo this number.
        self.greatest_id: int | None = None
        self._refused = self._pause = 0

    def note_page(
        self, place: int, greatest_id: int, trees: collections.abc.Sequence[Tree]
    ) -> None:
        """Note the trees that follow a place, in the order of their ids."""
        self.greatest_id = greatest_id
        if not trees:
            return
        first = _first_id(place, greatest_id)
        ids = [tree.root.id for tree in trees]
        with self._lock:
            low = bisect.bisect_left(self._ids, first)
            high = bisect.bisect_right(self._ids, ids[-1])
            for gone in set(self._ids[low:high]).difference(ids):
                self._free_from.pop(gone, None)
                self._taken.pop(gone, None)
            self._ids[low:high] = ids
            free_from = min(first, self._free_from.get(ids[0], first))
            for id_ in ids:
                self._free_from[id_] = free_from
                free_from = id_ + 1

    def keep(self, ids: collections.abc.Container[int]) -> None:
        """Forget all hosts but those with these ids."""
        with self._lock:
            self._ids = [id_ for id_ in self._ids if id_ in ids]
            # Something may be taken from a host that no page has shown.
            for known in (self._free_from, self._taken):
                for gone in [id_ for id_ in known if id_ not in ids]:
                    del known[gone]

    def has(self, place: int) -> bool:
        """The host that follows a place is known."""
        return next(self.after(place), None) is not None

    def after(self, place: int) -> collections.abc.Iterator[int]:
        """Yield the ids of the hosts that follow a place, up to an unknown one.

        Hosts before the place do not follow.
        """
        if self.greatest_id is None:
            return
        first = _first_id(place, self.greatest_id)
        at = bisect.bisect_left(self._ids, first)
        # A copy, because other threads add ids.
        for id_ in self._ids[at : at + _HOSTS_MAX]:
            if self._free_from.get(id_, id_) > first:
                return
            yield id_
            first = id_ + 1

    def note_taken(
        self, members: Members, amounts: collections.abc.Iterable[Amount]
    ) -> None:
        """Note that amounts were taken from a host since its tree was read.

        ``members`` are those of the tree.
        """
        with self._lock:
            taken = dict(self._taken_from(members))
            for each in amounts:
                name = each.resource_class
                taken[name] = taken.get(name, 0) + each.units
            self._taken[members[0][0]] = members, taken

    def has_room(
        self, tree: Tree, amounts: Amounts, classes: collections.abc.Mapping[int, str]
    ) -> bool:
        """What was taken since the tree was read probably leaves room for amounts.

        ``classes`` has the names of the classes by id.
        """
        taken = self._taken_from(tree.members)
        if not taken:
            return True
        offers = tree.root.offers
        return all(
            taken.get(classes[class_id], 0) + units <= offers[class_id].free
            for class_id, units in amounts
        )

    def _taken_from(self, members: Members) -> dict[str, int]:
        then, taken = self._taken.get(members[0][0], _NOTHING)
        return taken if then == members else {}

    def is_paused(self) -> bool:
        """Requests read first at the moment, because refusals cost more than that."""
        if self._pause:
            self._pause -= 1
            return True
        return False

    def note_outcome(self, is_refused: bool) -> None:
        """Note whether the database has refused a claim of a known host."""
        if not is_refused:
            self._refused = self._pause = 0
            return
        self._refused += 1
        self._pause = min(_PAUSE_MAX, 2 ** (self._refused - 1) - 1)


def _first_id(place: int, greatest_id: int) -> int:
    """Return the first id that may follow a place, as ``Trees.from_place`` has it."""
    return place % greatest_id + 1
