"""Trees of one pattern have the placements that each has on its own."""

import os
import random

import pytest

from placement.candidates.solve.patterns import Placements
from tests.unit.candidates import worlds
from tests.unit.candidates.model import Inventory, Provider
from tests.unit.candidates.solve import trees
from tests.unit.candidates.solve.trees import Search, all_of

SEEDS = range(int(os.environ.get("PLACEMENT_WORLDS", "100")) * 3)
# More would take minutes to enumerate, for one world.
PLACEMENTS_MAX = 300


def drawn(seed):
    """Return a search in a random world with many trees of few shapes."""
    draw = worlds.Drawn(seed)
    providers = draw.alike_trees(random.Random(seed).randint(2, 12))
    return trees.drawn(draw, providers, one_per_tree=seed % 4 == 0)


def first_of(placements, search, tree):
    found = []
    while len(found) < PLACEMENTS_MAX:
        placement = placements.get(len(found))
        if placement is None:
            break
        found.append(search.named(tree, placement))
    return found


def test_placements_by_pattern_equal_those_of_each_tree_alone():
    compared = reused = 0
    kinds = {"repeats": 0, "holds together": 0, "shares": 0}
    for seed in SEEDS:
        search = drawn(seed)
        if search is None:
            continue
        feasibility, combiner = search.feasibility(), search.combiner()
        patterns = set()
        for tree in search.trees:
            choices = feasibility.choices(tree)
            if choices is None:
                continue
            by_pattern = combiner.placements(tree, choices)
            alone = search.combiner().placements(tree, choices)

            found = first_of(by_pattern, search, tree)
            assert found == first_of(alone, search, tree)
            assert by_pattern.may_repeat == alone.may_repeat
            assert len(found) == len(set(found))

            compared += bool(found)
            reused += id(by_pattern) in patterns and bool(found)
            patterns.add(id(by_pattern))
            kinds["repeats"] += bool(found) and search.plan.repeats
            kinds["holds together"] += bool(found) and any(
                group.is_collective and group.required_bits
                for group in search.plan.groups
            )
            kinds["shares"] += bool(found) and bool(search.sharing.by_slot)
    assert compared > len(SEEDS)
    assert reused > compared / 5
    assert min(kinds.values()) > len(SEEDS) / 60, kinds


def pattern_count(providers, query):
    """Return the number of trees that can serve, and of patterns among them."""
    search = Search(providers, query)
    feasibility, combiner = search.feasibility(), search.combiner()
    found = [
        combiner.placements(tree, choices)
        for tree in search.trees
        if (choices := feasibility.choices(tree)) is not None
    ]
    return len(found), len(set(map(id, found)))


def host(number, room, **values):
    return [
        Provider(f"h{number}", None, {"MEMORY_MB": Inventory(8)}, **values),
        Provider(f"h{number}a", f"h{number}", {"VCPU": Inventory(room)}),
        Provider(f"h{number}b", f"h{number}", {"VCPU": Inventory(8)}),
    ]


TWICE = "resources_A=VCPU:2&resources_B=VCPU:3&group_policy=none"


@pytest.mark.parametrize(
    ("rooms", "query", "patterns"),
    [
        # One group asks: any room that is enough is the same.
        ((3, 4, 9), "resources_A=VCPU:2", 1),
        # Two groups ask: beyond what both ask for, room makes no difference.
        ((5, 6, 9), TWICE, 1),
        ((3, 4, 5), TWICE, 3),
        # A tree with other choices is another pattern.
        ((1, 2), "resources_A=VCPU:2", 2),
    ],
)
def test_room_makes_a_pattern_only_where_groups_share_a_class(rooms, query, patterns):
    providers = [one for number, room in enumerate(rooms) for one in host(number, room)]

    assert pattern_count(providers, query) == (len(rooms), patterns)


def test_traits_make_a_pattern_only_where_providers_have_them_together():
    providers = host(1, 4) + host(2, 4)
    for one in providers:
        one.traits = frozenset(["CUSTOM_T1"] if one.name in ("h1a", "h2b") else [])
    providers[0].traits = providers[3].traits = frozenset(["CUSTOM_T1"])
    query = "resources=VCPU:1,MEMORY_MB:1&required=CUSTOM_T1"

    assert pattern_count(providers, query) == (2, 2)
    assert pattern_count(providers, "resources=VCPU:1,MEMORY_MB:1") == (2, 1)


def test_a_tree_with_sharing_providers_is_a_pattern_of_its_own():
    values = {"aggregates": frozenset("A"), "traits": frozenset([worlds.SHARING])}
    providers = host(1, 4) + host(2, 4) + host(3, 4, **values) + host(4, 4, **values)

    assert pattern_count(providers, "resources_A=VCPU:1") == (4, 3)


def test_placements_are_made_as_they_are_asked_for_and_kept():
    made = []

    def making():
        for number in range(3):
            made.append(number)
            yield number

    placements = Placements(making())

    assert made == []
    assert placements.get(0) == 0
    assert placements.get(0) == 0
    assert made == [0]
    assert all_of(placements) == [0, 1, 2]
    assert placements.get(9) is None
    assert made == [0, 1, 2]


def test_a_placement_of_sharing_providers_only_may_repeat():
    aggregate = frozenset("A")
    providers = [
        Provider("h", None, {"VCPU": Inventory(4)}, aggregates=aggregate),
        Provider(
            "s",
            None,
            {"DISK_GB": Inventory(4), "MEMORY_MB": Inventory(4)},
            aggregates=aggregate,
            traits=frozenset([worlds.SHARING]),
        ),
    ]

    def may_repeat(query):
        search = Search(providers, query)
        return {
            tree.root.id: search.combiner()
            .placements(tree, search.feasibility().choices(tree))
            .may_repeat
            for tree in search.trees
            if search.feasibility().choices(tree) is not None
        }

    assert may_repeat("resources=DISK_GB:1,MEMORY_MB:1") == {1: True, 2: True}
    assert may_repeat("resources=DISK_GB:1,VCPU:1") == {1: False}
    assert may_repeat("resources=VCPU:1") == {1: False}
