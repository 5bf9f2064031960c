"""Which providers fill a slot, and the reason why others do not."""

import itertools
import os

import pytest

from placement.candidates.solve import conditions, feasibility
from placement.candidates.solve.conditions import Choice
from tests.unit.candidates import worlds
from tests.unit.candidates.model import SHARING, Inventory, Model, Provider
from tests.unit.candidates.solve.trees import Search

SEEDS = range(int(os.environ.get("PLACEMENT_WORLDS", "50")) * 3)


def able(search, tree):
    """Return the ids of the providers that can fill each slot, or None."""
    choices = search.feasibility().choices(tree)
    if choices is None:
        return None
    providers = tree.providers + search.sharing.providers
    return [[providers[at].id for at in of_slot] for of_slot in choices]


def test_suffixed_groups_have_the_choices_of_the_model():
    compared = 0
    for seed in SEEDS:
        draw = worlds.Drawn(seed)
        providers = draw.providers()
        model = Model(providers)
        question = draw.question()
        search = Search(providers, worlds.query_of(question))
        if search.plan is None:
            continue
        for tree in search.trees:
            anchor = providers[tree.root.id - 1].name
            expected = None
            if model.is_allowed(anchor, question):
                expected = [
                    sorted(
                        search.ids[name]
                        for at, _, (name,) in model.solutions_by_one(group)
                        if at == anchor
                    )
                    for group in question.groups
                    if group.suffix
                ]
            found = able(search, tree)
            if found is None:
                continue
            assert expected is not None
            of_suffixed = [
                ids
                for slot, ids in zip(search.plan.slots, found, strict=True)
                if slot.group.suffix
            ]
            assert of_suffixed == expected
            compared += bool(of_suffixed)
    assert compared > len(SEEDS) / 10


def test_a_tree_with_a_candidate_has_choices():
    compared = 0
    for seed in SEEDS:
        providers, question = worlds.draw(seed)
        model = Model(providers)
        search = Search(providers, worlds.query_of(question))
        for tree in search.trees:
            if model.candidates_at(question, providers[tree.root.id - 1].name):
                assert search.plan is not None
                assert able(search, tree) is not None
                compared += 1
    assert compared > len(SEEDS) / 3


QUERY = (
    "resources_A=VCPU:2&required_A=CUSTOM_T1,!CUSTOM_T2"
    f"&member_of_A={worlds.uuid_of('A')}&member_of_A=!{worlds.uuid_of('B')}"
)
GOOD = {
    "inventory": {"VCPU": Inventory(2)},
    "traits": frozenset(["CUSTOM_T1"]),
    "aggregates": frozenset("A"),
}
BROKEN = {
    "room": [
        {"inventory": {}},
        {"inventory": {"VCPU": Inventory(1)}},
        {"inventory": {"VCPU": Inventory(9, min_unit=3)}},
        {"inventory": {"VCPU": Inventory(9, max_unit=1)}},
        {"inventory": {"VCPU": Inventory(9, step_size=3)}},
        {"used": {"VCPU": 1}},
        {"state": 1},
        {"state": 2},
    ],
    "required": [{"traits": frozenset()}],
    "forbidden": [{"traits": frozenset(["CUSTOM_T1", "CUSTOM_T2"])}],
    "member_of": [{"aggregates": frozenset()}, {"aggregates": frozenset("C")}],
    "not_member_of": [{"aggregates": frozenset("AB")}],
}
# A rule of slots without amounts.
STATE = "state"
WITHOUT_AMOUNTS = (
    "required_A=CUSTOM_T1&resources_B=VCPU:1&same_subtree=_A,_B&group_policy=none"
)


def test_the_reason_is_the_first_rule_that_the_provider_breaks():
    providers, expected = [Provider("good", **GOOD)], []
    for rule, variants in BROKEN.items():
        for values in variants:
            providers.append(Provider(f"p{len(providers)}", **GOOD | values))
            expected.append((len(providers), rule))
    search = Search(providers, QUERY)
    (slot,) = search.plan.slots
    rules = feasibility.rules_of(slot)

    reasons = [
        (tree.root.id, feasibility.infeasible_reason(slot, tree.root, rules))
        for tree in search.trees
    ]
    assert reasons == [(1, None), *expected]
    assert [rule.name for rule in feasibility.RULES] == [*BROKEN, STATE]


def test_only_the_rules_of_a_slot_are_applied():
    names = {
        "resources=VCPU:1": ["room"],
        "resources=VCPU:1&required=CUSTOM_T1": ["room", "required"],
        QUERY: list(BROKEN),
        "resources=VCPU:1,MEMORY_MB:1&required=CUSTOM_T1": ["room"],
        WITHOUT_AMOUNTS: ["required", STATE],
    }
    for query, expected in names.items():
        search = Search([Provider("p")], query)
        rules = feasibility.rules_of(search.plan.slots[0])
        assert [rule.name for rule in rules] == expected


def sharing(name, **values):
    given = {"inventory": {"DISK_GB": Inventory(9)}, "aggregates": frozenset("A")}
    return Provider(name, traits=frozenset([SHARING]), **given | values)


def test_sharing_providers_of_other_trees_are_choices_in_the_order_of_ids():
    providers = [
        sharing("first"),
        Provider("h", None, {"DISK_GB": Inventory(9)}, aggregates=frozenset("A")),
        sharing("last"),
        sharing("elsewhere", aggregates=frozenset("B")),
        sharing("nowhere", aggregates=frozenset()),
        sharing("full", used={"DISK_GB": 9}),
    ]
    search = Search(providers, "resources=DISK_GB:1")

    assert [able(search, tree) for tree in search.trees] == [
        [[1, 3]],
        [[1, 2, 3]],
        [[1, 3]],
        [[4]],
        [[5]],
        [[1, 3]],
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("root_required=CUSTOM_T1", [1]),
        ("root_required=!CUSTOM_T1", [2]),
        (f"member_of=!{worlds.uuid_of('B')}", [1]),
        # The child of the second root is barred by itself, and its root is not.
        (f"member_of=!{worlds.uuid_of('C')}", [1]),
        ("required=!CUSTOM_T2", [1, 2]),
    ],
)
def test_the_root_decides_what_is_asked_of_the_root(query, expected):
    providers = [
        Provider("a", traits=frozenset(["CUSTOM_T1"])),
        Provider("b", aggregates=frozenset("B")),
        Provider("a1", "a", {"VCPU": Inventory(2)}),
        Provider("b1", "b", {"VCPU": Inventory(2)}, aggregates=frozenset("C")),
    ]
    search = Search(providers, f"resources=VCPU:1&{query}")

    assert [tree.root.id for tree in search.trees if able(search, tree)] == expected


def test_equal_groups_are_decided_once(monkeypatch):
    decided = []
    reason = feasibility.infeasible_reason

    def counted(slot, *rest):
        decided.append(slot.index)
        return reason(slot, *rest)

    groups = "&".join(f"resources_{n}=VCPU:1" for n in range(5))
    search = Search(
        [Provider("p", None, {"VCPU": Inventory(9)})], f"{groups}&group_policy=none"
    )
    monkeypatch.setattr(feasibility, "infeasible_reason", counted)

    assert able(search, search.trees[0]) == [[1]] * 5
    assert decided == [0]


def test_the_checks_of_a_search_agree_with_the_conditions_one_by_one():
    compared = 0
    for seed in SEEDS:
        draw = worlds.Drawn(seed)
        providers = draw.alike_trees(seed % 5 + 1) if seed % 2 else draw.providers()
        search = Search(providers, worlds.query_of(draw.question()))
        if search.plan is None:
            continue
        for tree, slot in itertools.product(search.trees, search.plan.slots):
            found = able(search, tree)
            if found is None:
                continue
            assert found[slot.index] == met_one_by_one(search, slot, tree)
            compared += len(found[slot.index])
    assert compared > len(SEEDS) / 4


def met_one_by_one(search, slot, tree):
    """Return the ids of the providers that meet each condition, ascending."""
    sharing = [
        one
        for other in search.sharing_trees
        if other is not tree
        for one in other.providers
        if one.is_sharing and one.aggregates & tree.aggregates
    ]
    return sorted(
        one.id
        for one in (*tree.providers, *sharing)
        if is_met(slot, Choice(one, tree.root, one))
        or (
            is_spread_in(slot, one, tree)
            and is_met(slot, Choice(one, tree.root, tree.root))
        )
    )


def is_spread_in(slot, provider, tree):
    return slot.group.is_spread and provider.root_id == tree.root.id


def is_met(slot, choice):
    return all(
        condition.holds(slot, value, choice)
        for condition in conditions.OF_PROVIDER
        for value in condition.values(slot)
    )
