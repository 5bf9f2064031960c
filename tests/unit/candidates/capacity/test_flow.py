"""Maximum flow, and pools that trees share."""

import itertools
import random

import pytest

from placement.candidates.capacity import pools
from placement.candidates.capacity.flow import Network
from placement.candidates.capacity.limits import Deadline, TimeIsUpError
from placement.candidates.capacity.model import Bounds


def count_nothing():
    """Count nothing."""


def maximum(node_count, edges):
    network = Network(count_nothing)
    for _ in range(node_count):
        network.add_node()
    for edge in edges:
        network.add_edge(*edge)
    return network.maximize(0, node_count - 1)


def minimum_cut(node_count, edges):
    """Return the least capacity that separates the first node from the last."""
    inner = range(1, node_count - 1)
    return min(
        sum(c for a, b, c in edges if a in side and b not in side)
        for size in range(len(inner) + 1)
        for chosen in itertools.combinations(inner, size)
        for side in [{0, *chosen}]
    )


@pytest.mark.parametrize("seed", range(100))
def test_the_maximum_flow_is_the_minimum_cut(seed):
    chance = random.Random(seed)
    node_count = chance.randint(2, 7)
    edges = [
        (*chance.sample(range(node_count), 2), chance.randint(0, 5))
        for _ in range(chance.randint(0, 14))
    ]

    assert maximum(node_count, edges) == minimum_cut(node_count, edges)


def test_flow_is_sent_back_where_that_helps():
    edges = [
        (0, 1, 1),
        (0, 2, 1),
        (1, 3, 1),
        (1, 4, 1),
        (2, 3, 1),
        (3, 5, 1),
        (4, 5, 1),
    ]

    assert maximum(6, edges) == 2


def test_a_pool_serves_only_the_trees_that_reach_it():
    served = [{0: 4, 1: 10}]
    demands = [
        pools.demand(5, [2], (frozenset([0]),), served, tree_count=3),
        pools.demand(5, [0], (frozenset([0, 1]),), served, tree_count=1),
        pools.demand(5, [1], (frozenset(),), served, tree_count=2),
    ]

    # 2 each from the first trees and 4 of pool 0; 5 of pool 1; 1 each.
    assert pools.count(demands, served, count_nothing) == Bounds(17, 17)


def test_a_consumer_with_two_open_slots_needs_both_pools():
    served = [{0: 4}, {0: 100, 1: 2}]
    both = (frozenset([0]), frozenset([1]))
    demands = [
        pools.demand(10, [1, 0], both, served, tree_count=1),
        pools.demand(10, [0, 3], both, served, tree_count=1),
    ]

    # 3 of the second tree need only pool 0 of the first slot; 2 need pool 1 of the
    # second slot, of which one needs none of the first.
    assert pools.count(demands, served, count_nothing) == Bounds(5, 5)


def test_a_flow_that_takes_too_long_has_wider_bounds():
    now = 0.0
    deadline = Deadline(1, clock=lambda: now)
    now = 2.0
    served = [dict.fromkeys(range(400), 1)]
    demands = [
        pools.demand(500, [0], (frozenset(range(400)),), served, tree_count=1),
        pools.demand(7, [9], (frozenset(),), served, tree_count=1),
    ]

    found = pools.count(demands, served, deadline.tick)

    assert found.at_least == 7
    assert found.at_most == 407
    with pytest.raises(TimeIsUpError):
        deadline.tick()
