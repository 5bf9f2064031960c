"""Rank all hosts for one request, by arrays."""

import collections.abc

import numpy as np

from placement.candidates.model import Tree
from placement.candidates.pick.hosts import Booleans, Definition, Floats, Hosts
from placement.candidates.pick.model import Order
from placement.candidates.solve.flat import FlatConditions
from placement.objects.group import Membership


class Ranking:
    """The hosts that are left for one request, best first.

    The best has the least distance from what the group prefers, then the greatest
    weight of its traits, then the first place in the order, then the least id.
    """

    def __init__(
        self,
        hosts: Hosts,
        conditions: FlatConditions,
        order: Order,
        weights: list[tuple[int, float]],
        members: Membership | None,
    ) -> None:
        self._hosts = hosts
        self._conditions = conditions
        self._order = order
        self._members = members
        self._able: Booleans = hosts.able(conditions)
        self._ranks: list[Floats] = []
        self._distances: Floats | None = None
        if members is not None and members.request.policy.is_soft:
            self._distances = np.zeros(len(hosts.ids))
            for root_id in members.counts:
                self._measure(root_id)
            self._ranks.append(self._distances)
        if weights:
            self._ranks.append(hosts.by_definition(_less_weight(weights)))
        self._shares: Floats | None = None
        if order is not Order.ANY and self._able.any():
            shares = hosts.shares(conditions)
            self._shares = -shares if order is Order.PACK else shares
            self._ranks.append(self._shares)

    def best(self) -> int | None:
        """Return the row of the best host that is left, or None."""
        rows = np.flatnonzero(self._able)
        if not len(rows):
            return None
        for rank in self._ranks:
            ranks = rank[rows]
            rows = rows[ranks == ranks.min()]
        return int(rows[0])

    def drop(self, row: int) -> None:
        """Leave out a host."""
        self._able[row] = False

    def take(self, tree: Tree) -> None:
        """Rank a host again, of which ``tree`` is what is left."""
        row = self._hosts.row_of(tree.root.id)
        if row is None:
            return
        self._measure(tree.root.id)
        if not self._able[row]:
            return
        root, total = tree.root, self._conditions.plan.total
        self._able[row] = all(
            root.room.get(class_id, 0) >= amount for class_id, amount in total
        )
        if self._able[row] and self._shares is not None:
            share = max(
                (root.offers[class_id].used + amount) / root.offers[class_id].capacity
                for class_id, amount in total
            )
            self._shares[row] = -share if self._order is Order.PACK else share

    def _measure(self, root_id: int) -> None:
        """Note the distance of a host from what the group prefers."""
        if self._members is None or self._distances is None:
            return
        row = self._hosts.row_of(root_id)
        if row is not None:
            self._distances[row] = self._members.distance(root_id)


def _less_weight(
    weights: list[tuple[int, float]],
) -> collections.abc.Callable[[Definition], float]:
    def less(definition: Definition) -> float:
        return -sum(weight for bit, weight in weights if definition.traits & bit)

    return less
