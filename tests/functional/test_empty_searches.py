"""At level DEBUG an empty search logs the condition that leaves no provider."""

import logging
import types

import pytest

from placement import client
from placement.candidates import explain
from placement.client import Inventory
from tests.servers import server

LOGGER = "placement.candidates.search"
PREFIX = "No allocation candidates: "

HOST, NIC, GPU, OTHER, POOL, CONSUMER, ZONE, ELSEWHERE, UNKNOWN = (
    f"00000000-0000-4000-8000-00000000000{number}" for number in range(1, 10)
)
FAST, SLOW, SHARING = "CUSTOM_FAST", "CUSTOM_SLOW", "MISC_SHARES_VIA_AGGREGATE"

# Provider: its parent, inventories, traits and aggregates.
CLOUD = {
    HOST: (
        None,
        {"VCPU": Inventory(total=8, min_unit=2, max_unit=6, step_size=2)},
        {FAST},
        {ZONE},
    ),
    NIC: (HOST, {"SRIOV_NET_VF": Inventory(total=2)}, set(), set()),
    GPU: (HOST, {"PGPU": Inventory(total=2)}, set(), set()),
    OTHER: (None, {"MEMORY_MB": Inventory(total=1024)}, set(), {ELSEWHERE}),
    POOL: (None, {"DISK_GB": Inventory(total=10)}, {SHARING}, {ZONE}),
}
HELD = {HOST: {"VCPU": 6}, POOL: {"DISK_GB": 8}}

ALONE = "unsuffixed group, "
LEFT_OF_ONE = "(0 of 1 root providers left)"
VCPU = f"{ALONE}VCPU:2: "

REASONS = {
    "resources=VGPU:1": f"{ALONE}VGPU:1: offers VGPU (0 of 3 root providers left)",
    f"resources=VCPU:2&in_tree={OTHER}": f"{VCPU}in_tree={OTHER} {LEFT_OF_ONE}",
    f"resources=VCPU:2&in_tree={UNKNOWN}": (
        f"unsuffixed group: in_tree={UNKNOWN} is no provider"
    ),
    f"resources=VCPU:2&member_of=!{ZONE}": f"{VCPU}member_of=!{ZONE} {LEFT_OF_ONE}",
    f"resources=VCPU:2&member_of={ELSEWHERE}": (
        f"{VCPU}member_of={ELSEWHERE} {LEFT_OF_ONE}"
    ),
    f"resources=VCPU:2&member_of={UNKNOWN}": (
        f"unsuffixed group: member_of={UNKNOWN} has no provider"
    ),
    f"resources=VCPU:2&required=!{FAST}": f"{VCPU}required=!{FAST} {LEFT_OF_ONE}",
    f"resources=VCPU:2&required={FAST},{SLOW}": f"{VCPU}required={SLOW} {LEFT_OF_ONE}",
    "resources=VCPU:1": f"{ALONE}VCPU:1: min_unit for VCPU:1 {LEFT_OF_ONE}",
    "resources=VCPU:3": f"{ALONE}VCPU:3: step_size for VCPU:3 {LEFT_OF_ONE}",
    "resources=VCPU:8": f"{ALONE}VCPU:8: max_unit for VCPU:8 {LEFT_OF_ONE}",
    "resources=VCPU:3000000000": (
        "unsuffixed group: no inventory can have max_unit for VCPU:3000000000"
    ),
    "resources=MEMORY_MB:2048": (
        f"{ALONE}MEMORY_MB:2048: size for MEMORY_MB:2048 {LEFT_OF_ONE}"
    ),
    "resources_A=VCPU:4": f"group '_A', VCPU:4: room for VCPU:4 {LEFT_OF_ONE}",
    # The host has disks through the pool, which is full.
    "resources=VCPU:2,DISK_GB:5": (
        f"{ALONE}DISK_GB:5: room for DISK_GB:5 (0 of 2 root providers left)"
    ),
    f"resources=DISK_GB:2&in_tree={HOST}": (
        f"{ALONE}DISK_GB:2: in_tree={HOST} (0 of 2 root providers left)"
    ),
    f"resources=VCPU:2&root_required={SLOW}": (
        f"root_required={SLOW} after the conditions before it "
        "(0 of 3 root providers left)"
    ),
    f"resources=VCPU:2&root_required=!{FAST}": (
        f"{ALONE}VCPU:2 after the conditions before it (0 of 2 root providers left)"
    ),
    "resources=VCPU:2,MEMORY_MB:16": (
        f"{ALONE}MEMORY_MB:16 after the conditions before it {LEFT_OF_ONE}"
    ),
    # Forbidden of the root, so of all of its tree in the unsuffixed group.
    f"resources=PGPU:1&member_of=!{ZONE}": (
        f"{ALONE}PGPU:1 after the conditions before it {LEFT_OF_ONE}"
    ),
    "resources_A=PGPU:1&resources_B=SRIOV_NET_VF:1&same_subtree=_A,_B"
    "&group_policy=none": f"combining the groups by same_subtree {LEFT_OF_ONE}",
    "resources_A=PGPU:1&resources_B=PGPU:1&group_policy=isolate": (
        f"combining the groups by sum, isolate {LEFT_OF_ONE}"
    ),
    "resources_A=PGPU:2&resources_B=PGPU:2&group_policy=none": (
        f"combining the groups by sum {LEFT_OF_ONE}"
    ),
    f"resources=PGPU:1,SRIOV_NET_VF:1&required={SLOW}": (
        "combining the groups by required traits of several providers " + LEFT_OF_ONE
    ),
}


@pytest.fixture
def api(application: server.Application) -> client.Client:
    return client.Client(client.WSGITransport(application))


@pytest.fixture
def cloud(api: client.Client) -> client.Client:
    for trait in (FAST, SLOW):
        api.ensure_trait(trait)
    for uuid, (parent, inventories, traits, aggregates) in CLOUD.items():
        api.create_provider(uuid, uuid, parent)
        offered = api.replace_inventories(uuid, client.Inventories(0, inventories))
        given = client.ProviderTraits(offered.generation, frozenset(traits))
        changed = api.replace_provider_traits(uuid, given)
        member_of = client.Aggregates(changed.generation, frozenset(aggregates))
        api.replace_aggregates(uuid, member_of)
    assert api.claim(
        CONSUMER,
        client.AllocationRequest(HELD),
        project_id="project",
        user_id="user",
        consumer_type="INSTANCE",
    )
    return api


class Log:
    """What searches log while this is in use."""

    def __init__(self, api: client.Client, caplog: pytest.LogCaptureFixture) -> None:
        self._api = api
        self._caplog = caplog

    def reasons(self, query: str, found: int = 0) -> list[str]:
        """Search, and return the reasons that were logged."""
        self._caplog.clear()
        candidates = self._api.get_candidates_by_query(query)
        assert len(candidates.requests) == found, query
        logged = [
            each.getMessage() for each in self._caplog.records if each.name == LOGGER
        ]
        assert all(each.startswith(PREFIX) for each in logged)
        return [each.removeprefix(PREFIX) for each in logged]


@pytest.fixture
def log(cloud: client.Client, caplog: pytest.LogCaptureFixture) -> Log:
    caplog.set_level(logging.DEBUG, LOGGER)
    return Log(cloud, caplog)


def test_the_condition_that_leaves_no_provider_is_logged(log: Log) -> None:
    logged = {query: log.reasons(query) for query in REASONS}

    assert logged == {query: [reason] for query, reason in REASONS.items()}


def test_only_empty_searches_are_explained_each_time_they_are_asked(log: Log) -> None:
    assert log.reasons("resources=VCPU:2", found=1) == []
    for _ in range(4):
        assert log.reasons("resources=VCPU:4") == [
            f"{ALONE}VCPU:4: room for VCPU:4 {LEFT_OF_ONE}"
        ]


def test_nothing_is_counted_unless_the_level_is_debug(
    log: Log, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    monkeypatch.setattr(explain, "why_empty", None)

    assert log.reasons("resources=VCPU:4") == []


def test_counting_ends_with_the_time_of_a_search(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter((0, 29, 31))
    clock = types.SimpleNamespace(monotonic=lambda: next(seconds))
    monkeypatch.setattr(explain, "time", clock)

    assert log.reasons("resources=VCPU:4") == [
        "the reason was not found within 30 seconds"
    ]


def test_long_values_are_cut(log: Log) -> None:
    many = ",".join(f"00000000-0000-4000-9000-{number:012}" for number in range(100))

    [reason] = log.reasons(f"resources=VCPU:2&member_of=in:{many}")

    assert len(reason) < 300
