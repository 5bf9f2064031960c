"""The short ways for trees of one provider give what the general way gives."""

import os
import random

import pytest

from placement.candidates.arrays import FlatArrays
from placement.candidates.solve import flat
from placement.candidates.solve.flat import FlatConditions, SharedFlat
from tests.unit.candidates import worlds
from tests.unit.candidates.model import Group, Inventory, Provider, Question
from tests.unit.candidates.solve import trees
from tests.unit.candidates.solve.trees import Search, all_of

SEEDS = range(int(os.environ.get("PLACEMENT_WORLDS", "50")) * 3)


def searches(shares):
    """Yield searches in random worlds of hosts; with sharing providers or without."""
    for seed in SEEDS:
        draw = worlds.Drawn(seed)
        providers = draw.hosts(random.Random(seed).randint(1, 8))
        if not shares:
            for one in providers:
                one.traits -= {worlds.SHARING}
        search = trees.drawn(draw, providers, one_per_tree=seed % 3 == 0)
        if search is not None:
            yield search


def arrays_of(trees):
    """Return the arrays of trees, made from those of other trees."""
    before = FlatArrays.of(trees[::-1])
    half = len(trees) // 2
    for part in (range(half), range(half, len(trees))):
        rows = {row: trees[row] for row in part}
        before = before.changed(rows, rows)
    return before


def test_conditions_on_all_trees_equal_the_general_way():
    able = irregular = 0
    for search in searches(shares=False):
        conditions = FlatConditions.of(search.plan)
        expected = {tree.root.id: search.combined_alone(tree) for tree in search.trees}

        found = conditions.meeting(search.trees)
        by_arrays = conditions.meeting(search.trees, arrays_of(search.trees))

        assert by_arrays == found
        assert [tree.root.id for tree in found] == [
            root_id for root_id, placements in expected.items() if placements
        ]
        for tree in found:
            (only,) = expected[tree.root.id]
            assert search.named(tree, conditions.placement) == search.named(tree, only)
            irregular += not tree.root.inventories.is_regular
        able += len(found)
    assert able > len(SEEDS) * 0.9
    assert irregular > len(SEEDS) / 10


@pytest.mark.parametrize("slots_per_renumbering", [1, flat.SLOTS_PER_RENUMBERING])
def test_placements_with_sharing_providers_equal_the_general_way(
    monkeypatch, slots_per_renumbering
):
    monkeypatch.setattr(flat, "SLOTS_PER_RENUMBERING", slots_per_renumbering)
    compared = shared = 0
    for search in searches(shares=True):
        short = SharedFlat(search.plan, search.sharing, search.placements_of())
        if not short.is_possible:
            continue
        found = list(short.placements(search.trees))
        arrays = arrays_of(search.trees)
        by_arrays = list(short.placements_by_arrays(search.trees, arrays))

        assert [each and all_of(each) for each in by_arrays] == [
            each and all_of(each) for each in found
        ]
        assert len(found) == len(search.trees)
        for tree, placements in zip(search.trees, found, strict=True):
            choices = search.feasibility().choices(tree)
            assert (placements is None) == (choices is None)
            if placements is None:
                continue
            general = search.combiner().placements(tree, choices)
            expected = all_of(general)
            named = [search.named(tree, one) for one in all_of(placements)]
            assert named == [search.named(tree, one) for one in expected]
            assert placements.may_repeat == general.may_repeat
            compared += bool(expected) and bool(search.sharing.by_slot)
            shared += any(at > 0 for one in expected for at, _ in one.allocations)
    assert compared > len(SEEDS) / 8
    assert shared > len(SEEDS) / 20


@pytest.mark.parametrize(
    ("query", "is_possible"),
    [
        ("resources=VCPU:1", True),
        ("resources=VCPU:1,MEMORY_MB:1", True),
        ("resources=VCPU:1&resources_A=MEMORY_MB:1", True),
        ("resources=VCPU:1&resources_A=VCPU:1", False),
        ("resources=VCPU:1&required=CUSTOM_T1", True),
        ("resources=VCPU:1,MEMORY_MB:1&required=CUSTOM_T1", False),
        ("resources=VCPU:1,MEMORY_MB:1&required=!CUSTOM_T1", True),
    ],
)
def test_the_short_way_with_sharing_is_not_taken_where_slots_depend_on_each_other(
    query, is_possible
):
    search = Search([Provider("p", None, {"VCPU": Inventory(4)})], query)

    short = SharedFlat(search.plan, search.sharing, search.placements_of())

    assert short.is_possible is is_possible


@pytest.mark.parametrize(
    ("total", "max_unit", "expected"),
    [(3, 9, True), (2, 9, False), (9, 3, True), (9, 2, False)],
)
def test_groups_on_one_provider_need_the_sum_of_their_amounts(
    total, max_unit, expected
):
    groups = [Group("_A", {"VCPU": 1}), Group("_B", {"VCPU": 2})]
    host = Provider("p", None, {"VCPU": Inventory(total, max_unit=max_unit)})
    search = Search([host], worlds.query_of(Question(groups)))

    assert bool(FlatConditions.of(search.plan).meeting(search.trees)) is expected


@pytest.mark.parametrize(("step_size", "expected"), [(1, True), (2, False), (3, False)])
def test_each_group_meets_the_step_size_on_its_own(step_size, expected):
    groups = [Group("_A", {"VCPU": 1}), Group("_B", {"VCPU": 2})]
    host = Provider("p", None, {"VCPU": Inventory(9, step_size=step_size)})
    search = Search([host], worlds.query_of(Question(groups)))

    assert bool(FlatConditions.of(search.plan).meeting(search.trees)) is expected
