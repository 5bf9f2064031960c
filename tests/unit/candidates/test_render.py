"""The document of each version, on both sides of every change."""

import dataclasses
import json

import hypothesis
import orjson
import pytest

from placement.api.microversion import Version
from placement.candidates import render, search
from tests.unit.candidates import worlds
from tests.unit.candidates.model import Inventory, Model, Provider
from tests.unit.candidates.test_search import SEED, SEEDS, drawn_worlds

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

    summaries = json.loads(document)["provider_summaries"]
    assert set(summaries[B]["resources"]) == classes


def test_traits_ascend_by_id(engine):
    worlds.store(engine, WORLD)

    document = worlds.ask(worlds.context_of(engine), "resources=VCPU:2")

    summaries = json.loads(document)["provider_summaries"]
    assert summaries[A]["traits"] == ["CUSTOM_T2", "CUSTOM_T1"]


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


VERSIONS = [Version(1, minor) for minor in range(10, 40)]


def candidates_of(found):
    """Yield the allocations and mappings of each candidate, with its providers."""
    for run in found.runs:
        for placement, tree in zip(*run, strict=True):
            providers = tree.providers + found.sharing
            yield (
                [(providers[at], amounts) for at, amounts in placement.allocations],
                [[providers[at] for at in group] for group in placement.mappings],
            )


def plain(found, version, model, names):
    """The twin: build the whole document, and encode it."""
    requests = []
    for allocations, mappings in candidates_of(found):
        resources = {
            provider.uuid: {
                "resources": {found.resource_classes[id_]: n for id_, n in amounts}
            }
            for provider, amounts in allocations
        }
        document = {"allocations": resources}
        if not version.matches(Version(1, 12)):
            document["allocations"] = [
                {"resource_provider": {"uuid": uuid}, **given}
                for uuid, given in resources.items()
            ]
        if version.matches(Version(1, 34)):
            document["mappings"] = {
                suffix: [provider.uuid for provider in of_group]
                for suffix, of_group in zip(found.suffixes, mappings, strict=True)
            }
        requests.append(document)
    summaries = {}
    for provider in found.summarized:
        whole = worlds.summary_of(model, names[provider.uuid])
        # By id, as everything that a search shows.
        classes = sorted(whole["resources"], key=worlds.CLASSES.__getitem__)
        if not version.matches(Version(1, 27)):
            asked = found.resource_classes.values()
            classes = [name for name in classes if name in asked]
        summary = {"resources": {name: whole["resources"][name] for name in classes}}
        if version.matches(Version(1, 17)):
            summary["traits"] = whole["traits"]
        if version.matches(Version(1, 29)):
            for name in ("parent_provider_uuid", "root_provider_uuid"):
                summary[name] = whole[name]
        summaries[provider.uuid] = summary
    return orjson.dumps(
        {"allocation_requests": requests, "provider_summaries": summaries}
    )


@drawn_worlds
@hypothesis.seed(SEED)
@hypothesis.given(seed=SEEDS, is_alike=hypothesis.strategies.booleans())
def test_every_version_is_encoded_as_plain_json_is(engine, seed, is_alike):
    draw = worlds.Drawn(seed)
    providers = draw.alike_trees(5) if is_alike else draw.providers()
    question = draw.question()
    worlds.store(engine, providers)
    context = worlds.context_of(engine, max_allocation_candidates=200)
    names = {worlds.uuid_of(one.name): one.name for one in providers}
    asked = worlds.parse(worlds.query_of(question), worlds.LATEST)
    for nested_aware in (False, True):
        request = dataclasses.replace(asked, nested_aware=nested_aware)
        found = search.search(context, request)
        for version in VERSIONS:
            if version.matches(Version(1, 29)) is nested_aware:
                expected = plain(found, version, Model(providers), names)
                assert render.document(found, version) == expected
    hypothesis.event(f"candidates: {bool(found.runs)}, shared: {bool(found.sharing)}")
