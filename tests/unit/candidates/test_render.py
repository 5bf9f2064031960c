"""The document of each version, on both sides of every change."""

import json

import pytest

from tests.unit.candidates import worlds
from tests.unit.candidates.model import Inventory, Provider

A, B = worlds.uuid_of("a"), worlds.uuid_of("b")
WORLD = [
    Provider(
        "a",
        None,
        {"VCPU": Inventory(8, reserved=1, allocation_ratio=1.5)},
        {"VCPU": 3},
        frozenset(["CUSTOM_T1", "CUSTOM_T2"]),
    ),
    Provider("b", "a", {"VCPU": Inventory(1), "CUSTOM_A": Inventory(4)}),
]
RESOURCES = {"resources": {"VCPU": 2}}
ASKED = {"VCPU": {"capacity": 10, "used": 3}}
WHOLE = ASKED
TRAITS = {"traits": ["CUSTOM_T2", "CUSTOM_T1"]}
PLACE = {"parent_provider_uuid": None, "root_provider_uuid": A}
CHILD = {
    "resources": {
        "VCPU": {"capacity": 1, "used": 0},
        "CUSTOM_A": {"capacity": 4, "used": 0},
    },
    "traits": [],
    "parent_provider_uuid": A,
    "root_provider_uuid": A,
}
AS_LIST = {"allocations": [{"resource_provider": {"uuid": A}, **RESOURCES}]}
BY_PROVIDER = {"allocations": {A: RESOURCES}}


@pytest.mark.parametrize(
    ("version", "request_", "summaries"),
    [
        ("1.10", AS_LIST, {A: {"resources": ASKED}}),
        ("1.11", AS_LIST, {A: {"resources": ASKED}}),
        ("1.12", BY_PROVIDER, {A: {"resources": ASKED}}),
        ("1.16", BY_PROVIDER, {A: {"resources": ASKED}}),
        ("1.17", BY_PROVIDER, {A: {"resources": ASKED, **TRAITS}}),
        ("1.28", BY_PROVIDER, {A: {"resources": WHOLE, **TRAITS}}),
        (
            "1.29",
            BY_PROVIDER,
            {A: {"resources": WHOLE, **TRAITS, **PLACE}, B: CHILD},
        ),
        (
            "1.33",
            BY_PROVIDER,
            {A: {"resources": WHOLE, **TRAITS, **PLACE}, B: CHILD},
        ),
        (
            "1.34",
            {**BY_PROVIDER, "mappings": {"": [A]}},
            {A: {"resources": WHOLE, **TRAITS, **PLACE}, B: CHILD},
        ),
    ],
)
def test_the_document_of_a_version(engine, version, request_, summaries):
    worlds.store(engine, WORLD)

    document = worlds.ask(worlds.context_of(engine), "resources=VCPU:2", version)

    assert json.loads(document) == {
        "allocation_requests": [request_],
        "provider_summaries": summaries,
    }


@pytest.mark.parametrize(
    ("version", "classes"), [("1.26", {"VCPU"}), ("1.27", {"VCPU", "CUSTOM_A"})]
)
def test_the_whole_inventory_is_shown_since_1_27(engine, version, classes):
    worlds.store(engine, WORLD)

    document = worlds.ask(worlds.context_of(engine), "resources=VCPU:1", version)

    told = json.loads(document)["provider_summaries"]
    assert set(told[B]["resources"]) == classes


def test_traits_ascend_by_id(engine):
    worlds.store(engine, WORLD)

    document = worlds.ask(worlds.context_of(engine), "resources=VCPU:2")

    told = json.loads(document)["provider_summaries"]
    assert told[A]["traits"] == ["CUSTOM_T2", "CUSTOM_T1"]


@pytest.mark.parametrize("version", ["1.10", "1.12", "1.39"])
@pytest.mark.parametrize(
    "query",
    [
        "resources=VCPU:100",
        f"resources=VCPU:{2**31}",
        f"resources=VCPU:{2**80}",
        "resources=MEMORY_MB:1",
    ],
)
def test_nothing_found_is_an_empty_document(engine, version, query):
    worlds.store(engine, WORLD)

    document = worlds.ask(worlds.context_of(engine), query, version)

    assert document == b'{"allocation_requests":[],"provider_summaries":{}}'


def test_candidates_and_mappings_of_groups(engine):
    worlds.store(engine, WORLD)

    document = worlds.ask(
        worlds.context_of(engine),
        "resources=VCPU:2&resources_Z=CUSTOM_A:1&resources_B=VCPU:1&group_policy=isolate",
    )

    both = {"resources": {"VCPU": 3}}, {"resources": {"CUSTOM_A": 1}}
    assert json.loads(document)["allocation_requests"] == [
        {
            "allocations": {A: both[0], B: both[1]},
            "mappings": {"": [A], "_Z": [B], "_B": [A]},
        }
    ]
