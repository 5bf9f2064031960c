"""A request becomes slots; what nothing stored can match is found before a search."""

import pytest

from placement.api.microversion import Version
from placement.api.querystring import Query
from placement.candidates.query import plan, request
from placement.candidates.query.resolve import Ids
from placement.candidates.trait_bits import TraitBits

A = "6a1f4b54-9a5c-4d22-8f6f-0d4c3f2f6a01"
UNKNOWN = "6a1f4b54-9a5c-4d22-8f6f-0d4c3f2f6a09"
IDS = Ids(
    resource_classes={"VCPU": 0, "DISK_GB": 2, "VGPU": 8},
    traits={"T": 11, "U": 12, "V": 13},
    aggregates={A: 21},
    trees={A: 31},
)


def plan_of(query):
    asked = request.parse(Query.parse(query.encode()), Version(1, 39))
    return plan.plan(asked, IDS, TraitBits())


def test_each_class_of_the_unsuffixed_group_is_a_slot():
    planned = plan_of("resources=VGPU:1,VCPU:2&resources_A=VCPU:3,DISK_GB:4")

    assert [(slot.group.suffix, slot.amounts) for slot in planned.slots] == [
        ("", ((0, 2),)),
        ("", ((8, 1),)),
        ("_A", ((0, 3), (2, 4))),
    ]
    assert [slot.index for slot in planned.slots] == [0, 1, 2]
    assert planned.total == ((0, 5), (2, 4), (8, 1))
    assert planned.repeats


def test_slots_of_one_kind_have_the_same_conditions():
    planned = plan_of(
        "resources_A=VCPU:1&resources_B=VCPU:1&resources_C=VCPU:2"
        "&resources_D=VCPU:1&required_D=T&group_policy=isolate"
    )
    kinds = [slot.kind for slot in planned.slots]

    assert kinds[0] == kinds[1]
    assert len({kinds[0], kinds[2], kinds[3]}) == 3
    assert planned.isolates


@pytest.mark.parametrize(
    ("query", "all_of", "any_of"),
    [
        ("resources=VCPU:1&required=T&required=U&required=in:T,V", 2, 1),
        # Several providers may have the traits together.
        ("resources=VCPU:1,VGPU:1&required=T&required=in:T,V", 0, 0),
        ("resources_A=VCPU:1,VGPU:1&required_A=T&required_A=in:T,V", 1, 1),
    ],
)
def test_traits_of_a_slot_are_bits(query, all_of, any_of):
    for slot in plan_of(query).slots:
        assert slot.all_of.bit_count() == all_of
        assert [bits.bit_count() for bits in slot.any_of] == [2] * any_of


def test_a_subtree_of_one_group_is_no_condition():
    query = "resources_A=VCPU:1&resources_B=VCPU:1&group_policy=none&same_subtree="

    assert plan_of(f"{query}_A").subtrees == ()
    assert plan_of(f"{query}_B,_A").subtrees == ((0, 1),)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"resources=VCPU:1&in_tree={UNKNOWN}", ("in_tree", UNKNOWN)),
        (f"resources=VCPU:1&in_tree={A}", None),
        (f"resources=VCPU:1&member_of={UNKNOWN}", ("member_of", UNKNOWN)),
        (f"resources=VCPU:1&member_of=in:{A},{UNKNOWN}", None),
        (f"resources=VCPU:1&member_of=!{UNKNOWN}", None),
        (f"resources=VCPU:{2**31 - 1}", None),
        (f"resources=VCPU:{2**31}", ("max_unit", f"VCPU:{2**31}")),
    ],
)
def test_what_nothing_stored_can_match_has_a_reason(query, expected):
    asked = request.parse(Query.parse(query.encode()), Version(1, 39))

    assert plan.mismatch(asked.groups[0], IDS) == expected
    assert (plan_of(query) is None) is (expected is not None)
    assert (plan_of(f"resources_A=VCPU:1&{query}") is None) is (expected is not None)
