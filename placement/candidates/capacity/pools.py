"""Count consumers in trees that share pools.

A pool is a sharing provider. A slot is open in a tree if a pool may serve it there. If
at most two slots are open, and they compete for nothing, the count is a maximum flow:
from the pools of one slot through the trees to the pools of the other.
"""

import collections.abc
import typing

from placement.candidates.capacity.flow import Network
from placement.candidates.capacity.limits import TimeIsUpError
from placement.candidates.capacity.model import Bounds
from placement.candidates.query.plan import Slot

# More open slots have no closed form.
OPEN_MAX = 2

# The numbers of pools that serve one open slot of a tree.
Reached = frozenset[int]


class Demand(typing.NamedTuple):
    """The consumers of equal trees, by how many of their slots need a pool.

    ``free`` need none, ``single`` the pools of one open slot, ``both`` those of both.
    """

    reached: tuple[Reached, ...]
    free: int
    single: tuple[int, ...]
    both: int


def demand(
    own: int,
    local: collections.abc.Sequence[int],
    reached: tuple[Reached, ...],
    served: collections.abc.Sequence[collections.abc.Mapping[int, int]],
    tree_count: int,
) -> Demand:
    """Return the consumers of ``tree_count`` equal trees.

    ``own`` is the number that the other slots allow in one tree. For each open slot
    ``local`` is the number that the tree serves without a pool, ``reached`` are its
    pools, and ``served`` is the number that each pool serves.
    """
    most = own
    for here, pools, of_slot in zip(local, reached, served, strict=True):
        most = min(most, here + sum(of_slot[number] for number in pools))
    free = min([most, *local])
    single = [0] * len(local)
    both = most - free
    if len(local) == 1:
        single, both = [both], 0
    elif local and local[0] != local[1]:
        lower = 0 if local[0] < local[1] else 1
        single[lower] = min(most, local[1 - lower]) - free
        both -= single[lower]
    return Demand(
        reached,
        free * tree_count,
        tuple(count * tree_count for count in single),
        both * tree_count,
    )


def count(
    demands: collections.abc.Iterable[Demand],
    served: collections.abc.Sequence[collections.abc.Mapping[int, int]],
    tick: collections.abc.Callable[[], None],
) -> Bounds:
    """Return how many consumers all trees and pools serve together.

    ``tick`` is called at each step. If it raises TimeIsUpError, the bounds differ.
    """
    groups: dict[tuple[Reached, ...], Demand] = {}
    for one in demands:
        known = groups.get(one.reached)
        groups[one.reached] = one if known is None else _sum(known, one)
    network = Network(tick)
    source, sink = network.add_node(), network.add_node()
    nodes: list[dict[int, int]] = []
    for side, of_slot in enumerate(served):
        nodes.append({number: network.add_node() for number in of_slot})
        for number, node in nodes[side].items():
            ends = (source, node) if side else (node, sink)
            network.add_edge(*ends, of_slot[number])
    for reached, group in groups.items():
        _add_group(network, (source, sink), nodes, reached, group)
    free = sum(group.free for group in groups.values())
    try:
        most = network.maximize(source, sink)
    except TimeIsUpError:
        most = sum(sum(group.single) + group.both for group in groups.values())
    return Bounds(free + network.flow, free + most)


def _add_group(
    network: Network,
    ends: tuple[int, int],
    nodes: list[dict[int, int]],
    reached: tuple[Reached, ...],
    group: Demand,
) -> None:
    """Add the consumers of equal trees.

    The first slot's pools come after the trees, the second one's before them.
    """
    source, sink = ends
    kinds = [
        *((count, source, True) for count in group.single[:1]),
        *((count, sink, False) for count in group.single[1:]),
    ]
    for consumers, end, is_first in kinds:
        if not consumers:
            continue
        node = network.add_node()
        if is_first:
            network.add_edge(end, node, consumers)
            for number in reached[0]:
                network.add_edge(node, nodes[0][number], consumers)
        else:
            network.add_edge(node, end, consumers)
            for number in reached[1]:
                network.add_edge(nodes[1][number], node, consumers)
    if group.both:
        before, after = network.add_node(), network.add_node()
        network.add_edge(before, after, group.both)
        for number in reached[1]:
            network.add_edge(nodes[1][number], before, group.both)
        for number in reached[0]:
            network.add_edge(after, nodes[0][number], group.both)


def _sum(one: Demand, other: Demand) -> Demand:
    return Demand(
        one.reached,
        one.free + other.free,
        tuple(a + b for a, b in zip(one.single, other.single, strict=True)),
        one.both + other.both,
    )


def served_by(
    slot: Slot, pools: collections.abc.Mapping[int, collections.abc.Mapping[int, int]]
) -> dict[int, int]:
    """Return how many times each pool can serve a slot; ``pools`` has their units."""
    return {
        number: min(
            units.get(class_id, 0) // amount for class_id, amount in slot.amounts
        )
        for number, units in pools.items()
    }
