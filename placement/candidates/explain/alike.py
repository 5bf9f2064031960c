"""Groups of hosts that are equal for a request.

A cloud of many hosts has few kinds of hosts, as far as one request is concerned. They
are found by arrays, and one host of each group is explained for all of them.
"""

import typing

import numpy as np

from placement.candidates.arrays import Definition, Integers, is_in_service
from placement.candidates.explain.states import key_of
from placement.candidates.model import Members
from placement.candidates.query.plan import Plan
from placement.candidates.source.hosts import Hosts
from placement.objects.inventory import Offer

# Products of numbers of groups stay below it, so that they fit into 64 bits.
_KEYS_MAX = 2**31


class Alike(typing.NamedTuple):
    """Hosts that are equal for a request, ascending by id."""

    ids: Integers
    revisions: Integers

    @property
    def first(self) -> Members:
        """The members of the tree that stands for all."""
        return self.members(1)[0]

    def members(self, count: int) -> list[Members]:
        """Return the members of the first ``count`` trees."""
        found = zip(
            self.ids[:count].tolist(), self.revisions[:count].tolist(), strict=True
        )
        return [((id_, id_, revision),) for id_, revision in found]


def is_possible(plan: Plan) -> bool:
    """The request does not name a tree."""
    return all(slot.group.root_id is None for slot in plan.slots)


def groups(hosts: Hosts, plan: Plan) -> list[Alike]:
    """Return all hosts in groups, ascending by their first id.

    The hosts of a group meet the same conditions, and have the same placements, also
    after any change that ``relax`` makes to the plan.
    """
    key = _by_definition(hosts, plan)
    asked = dict.fromkeys(pair for slot in plan.slots for pair in slot.amounts)
    for class_id, amount in asked:
        key = _combined(key, _by_offer(hosts, plan, class_id, amount))
    # NumPy sorts short integers by radix, several times faster.
    if int(key.max(initial=0)) <= np.iinfo(np.uint16).max:
        key = key.astype(np.uint16)
    order = np.argsort(key, kind="stable")
    ids, revisions = hosts.ids[order], hosts.revisions[order]
    ends = [*(np.flatnonzero(np.diff(key[order])) + 1).tolist(), len(order)]
    found = []
    start = 0
    for end in ends:
        found.append(Alike(ids[start:end], revisions[start:end]))
        start = end
    return sorted(found, key=lambda each: int(each.ids[0]))


def _by_definition(hosts: Hosts, plan: Plan) -> Integers:
    traits = plan.root_required_bits | plan.root_forbidden_bits
    aggregates: set[int] = set()
    for group in plan.groups:
        traits |= group.forbidden_bits
        for bits in group.required_bits:
            traits |= bits
        aggregates.update(group.not_member_of, *group.member_of)
    if not traits and not aggregates:
        # Clouds have hundreds of definitions.
        return hosts.numbered_by_definition(is_in_service)

    def of_request(definition: Definition) -> tuple[bool, int, frozenset[int]]:
        return (
            definition.is_in_service,
            definition.traits & traits,
            definition.aggregates & aggregates,
        )

    return hosts.numbered_by_definition(of_request)


def _by_offer(hosts: Hosts, plan: Plan, class_id: int, amount: int) -> Integers:
    """Number the hosts by their offers of a class.

    Offers that have room for the amount are alike, unless several slots ask for the
    class, or some offer has a ``min_unit`` or a ``step_size``: ``relax`` changes the
    amount then to one that not all of them may have room for.
    """

    def of_request(offer: Offer | None) -> Offer | bool:
        return key_of(offer, amount)

    def exact(offer: Offer | None) -> Offer | None:
        return offer

    if plan.repeats or not hosts.is_regular(class_id):
        return hosts.numbered_by_offer(class_id, exact)
    return hosts.numbered_by_offer(class_id, of_request)


def _combined(one: Integers, other: Integers) -> Integers:
    """Return numbers that are equal where both are."""
    key = one * (int(other.max()) + 1) + other
    if int(key.max()) > _KEYS_MAX:
        key = np.unique(key, return_inverse=True)[1]
    return key
