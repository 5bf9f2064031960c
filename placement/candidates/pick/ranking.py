"""Rank all hosts for one request, by arrays."""

import collections.abc

import numpy as np

from placement.candidates.arrays import Booleans, Definition, Floats
from placement.candidates.model import Tree
from placement.candidates.pick.model import Order
from placement.candidates.solve.flat import FlatConditions
from placement.candidates.source.hosts import Hosts
from placement.objects.group import Membership

# The rank of a candidate: the lowest comes first. These are its parts; the id follows.
Rank = tuple[float | int, ...]
_DISTANCE, _WEIGHT, _ORDER = range(3)


class Ranking:
    """The hosts that are left for one request, best first.

    The best has the least distance from what the group prefers, then the greatest
    weight of its traits, then the first place in the order. Of those that are equal,
    it is the first one from ``place`` on, modulo the number of hosts, by id.
    """

    def __init__(
        self,
        hosts: Hosts,
        conditions: FlatConditions,
        order: Order,
        weights: list[tuple[int, float]],
        members: Membership | None,
        place: int,
    ) -> None:
        self._hosts = hosts
        self._first_row = place % len(hosts.ids)
        self._able: Booleans = hosts.able(conditions.admission, conditions.plan.total)
        # The parts of a rank, without those in which all hosts are equal.
        self._parts: dict[int, Floats] = {}
        if members is not None and members.request.policy.is_soft:
            distances = self._parts[_DISTANCE] = np.zeros(len(hosts.ids))
            for root_id in members.counts:
                row = hosts.row_of(root_id)
                if row is not None:
                    distances[row] = members.distance(root_id)
        if weights:
            self._parts[_WEIGHT] = hosts.by_definition(_less_weight(weights))
        if order is not Order.ANY and self._able.any():
            shares = hosts.shares(conditions.plan.total)
            self._parts[_ORDER] = -shares if order is Order.PACK else shares

    def best(self) -> int | None:
        """Return the row of the best host that is left, or None."""
        rows = np.flatnonzero(self._able)
        if not len(rows):
            return None
        for part in self._parts.values():
            values = part[rows]
            rows = rows[values == values.min()]
        at = np.searchsorted(rows, self._first_row)
        return int(rows[at % len(rows)])

    def row_of(self, tree: Tree) -> int | None:
        """Return the row of a host that is left, or None."""
        row = self._hosts.row_of(tree.root.id)
        return row if row is not None and self._able[row] else None

    def drop(self, row: int) -> None:
        """Leave out a host."""
        self._able[row] = False

    def replace(self, row: int, rank: Rank | None) -> None:
        """Give a host another rank; None leaves it out."""
        if rank is None:
            self.drop(row)
            return
        for at, part in self._parts.items():
            part[row] = rank[at]


def _less_weight(
    weights: list[tuple[int, float]],
) -> collections.abc.Callable[[Definition], float]:
    def less(definition: Definition) -> float:
        return -sum(weight for bit, weight in weights if definition.traits & bit)

    return less
