"""An empty search logs its cause and what to relax, after the answer is sent."""

import logging
import re
import types
import typing

import pytest
import sqlalchemy as sa
import webob
from oslo_context import context as log_context

from placement import client, metrics
from placement.candidates.explain import empty, explanation
from placement.client import Inventory
from placement.metrics import text
from tests.servers import server

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

ONE = "1 host can serve it "

# The cause and the best relaxation of each query.
REASONS = {
    "resources=VGPU:1": ("not_offered", "no small change helps"),
    f"resources=VCPU:2&in_tree={OTHER}": (
        "excluded",
        f"{ONE}without in_tree={OTHER} for VCPU:2",
    ),
    f"resources=VCPU:2&in_tree={UNKNOWN}": (
        "excluded",
        f"{ONE}without in_tree={UNKNOWN} for VCPU:2",
    ),
    f"resources=VCPU:2&member_of=!{ZONE}": (
        "excluded",
        f"{ONE}without not_member_of={ZONE} for VCPU:2",
    ),
    f"resources=VCPU:2&member_of={ELSEWHERE}": (
        "excluded",
        f"{ONE}without member_of={ELSEWHERE} for VCPU:2",
    ),
    f"resources=VCPU:2&member_of={UNKNOWN}": (
        "not_offered",
        f"{ONE}without member_of={UNKNOWN} for VCPU:2",
    ),
    f"resources=VCPU:2&required=!{FAST}": (
        "excluded",
        f"{ONE}without forbidden={FAST} for VCPU:2",
    ),
    f"resources=VCPU:2&required={FAST},{SLOW}": (
        "not_offered",
        f"{ONE}without required={SLOW} for VCPU:2",
    ),
    "resources=VCPU:1": ("too_large", f"{ONE}with VCPU:2 instead of 1"),
    "resources=VCPU:3": ("too_large", f"{ONE}with VCPU:2 instead of 3"),
    "resources=VCPU:8": ("too_large", f"{ONE}with VCPU:2 instead of 8"),
    "resources=VCPU:3000000000": (
        "too_large",
        f"{ONE}with VCPU:2 instead of 3000000000",
    ),
    "resources=MEMORY_MB:2048": (
        "too_large",
        f"{ONE}with MEMORY_MB:1024 instead of 2048",
    ),
    "resources_A=VCPU:4": ("full", f"{ONE}with VCPU:2 instead of 4"),
    # The host has disks through the pool, which is full.
    "resources=VCPU:2,DISK_GB:5": ("full", f"{ONE}with DISK_GB:2 instead of 5"),
    f"resources=DISK_GB:2&in_tree={HOST}": (
        "excluded",
        f"2 hosts can serve it without in_tree={HOST} for DISK_GB:2",
    ),
    f"resources=VCPU:2&root_required={SLOW}": (
        "not_offered",
        f"{ONE}without root_required={SLOW}",
    ),
    f"resources=VCPU:2&root_required=!{FAST}": (
        "excluded",
        f"{ONE}without root_forbidden={FAST}",
    ),
    "resources=VCPU:2,MEMORY_MB:16": ("excluded", "no small change helps"),
    # Forbidden of the root, so of all of its tree in the unsuffixed group.
    f"resources=PGPU:1&member_of=!{ZONE}": (
        "excluded",
        f"{ONE}without not_member_of={ZONE} for PGPU:1",
    ),
    "resources_A=PGPU:1&resources_B=SRIOV_NET_VF:1&same_subtree=_A,_B"
    "&group_policy=none": ("does_not_combine", f"{ONE}without same_subtree"),
    "resources_A=PGPU:1&resources_B=PGPU:1&group_policy=isolate": (
        "does_not_combine",
        f"{ONE}without isolate",
    ),
    "resources_A=PGPU:2&resources_B=PGPU:2&group_policy=none": (
        "too_large",
        "no small change helps",
    ),
    "resources_A=PGPU:2&resources_B=PGPU:1&group_policy=none": (
        "too_large",
        f"{ONE}with PGPU:1 instead of 2",
    ),
    f"resources=PGPU:1,SRIOV_NET_VF:1&required={SLOW}": (
        "not_offered",
        f"{ONE}without collective_traits",
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

    def __init__(
        self, application: server.Application, caplog: pytest.LogCaptureFixture
    ) -> None:
        self._application = application
        self._caplog = caplog
        self.request_id = ""

    def lines(self, query: str) -> list[str]:
        """Search, and return the lines that were logged."""
        self._caplog.clear()
        self.answer(query)()
        return [
            each.getMessage().removeprefix(PREFIX)
            for each in self._caplog.records
            if each.name == empty.LOG.name
        ]

    def answer(self, query: str) -> typing.Any:
        """Read the answer, and return what closes it."""
        headers = {"x-auth-token": "admin", "openstack-api-version": "placement 1.39"}
        path = f"/allocation_candidates?{query}"
        environ = webob.Request.blank(path, headers=headers).environ

        def start(
            status: str, headers: list[tuple[str, str]], *_: object
        ) -> typing.Any:
            assert status == "200 OK"
            self.request_id = dict(headers)["x-openstack-request-id"]

        body = self._application(environ, start)
        assert b"".join(body)
        return getattr(body, "close", lambda: None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> typing.Any:
    """The clock of explanations and of their lines, a long time after the last one."""
    found = types.SimpleNamespace(now=1e6)
    times = types.SimpleNamespace(monotonic=lambda: found.now)
    monkeypatch.setattr(empty, "time", times)
    return found


@pytest.fixture
def log(
    application: server.Application,
    cloud: client.Client,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Log:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(empty, "_SECONDS_BETWEEN", 0)
    monkeypatch.setattr(empty, "_CREDIT_SECONDS", 1000)
    return Log(application, caplog)


def test_the_cause_and_the_best_relaxation_of_an_empty_search_are_logged(
    log: Log,
) -> None:
    logged = {query: log.lines(query) for query in REASONS}

    found = {
        query: (line.partition(":")[0], line.rpartition("; ")[2])
        for query, (line,) in logged.items()
    }
    assert found == REASONS


def counted() -> dict[str, float]:
    """Return the numbers of empty searches by cause."""
    shown = text.render(is_openmetrics=False).decode()
    found = re.findall(r'placement_searches_empty_total{cause="(\w+)"} (\S+)', shown)
    return {cause: float(number) for cause, number in found}


def added(before: dict[str, float]) -> dict[str, float]:
    """Return what was counted since, by cause."""
    after = counted()
    return {cause: after[cause] - number for cause, number in before.items()}


def test_empty_searches_are_counted_by_cause_also_without_a_line(
    log: Log, clock: typing.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(empty, "_SECONDS_BETWEEN", 1.0)
    before = counted()
    lines = [log.lines(f"resources={each}") for each in ("VCPU:4", "VGPU:1", "VCPU:4")]

    assert list(map(len, lines)) == [1, 0, 0]
    assert added(before) == dict.fromkeys(before, 0) | {"full": 2, "not_offered": 1}


def test_empty_searches_are_counted_by_cause_above_the_level_info(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, empty.LOG.name)
    before = counted()

    assert log.lines("resources=VCPU:4") == []
    assert added(before) == dict.fromkeys(before, 0) | {"full": 1}


def test_the_line_names_what_most_hosts_lack(log: Log) -> None:
    assert log.lines("resources=VCPU:4") == [
        "full: 1 host lacks only VCPU; the most that any of them has free is 2; "
        "1 host can serve it with VCPU:2 instead of 4"
    ]


def test_a_search_with_candidates_is_not_explained(log: Log) -> None:
    assert log.lines("resources=VCPU:2") == []


def test_the_line_is_logged_after_the_answer_and_under_its_request_id(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    close = log.answer("resources=VCPU:4")
    request_id = log.request_id
    assert not [one for one in caplog.records if one.name == empty.LOG.name]
    log.lines("resources=VCPU:2")
    ids = []

    def note(record: logging.LogRecord) -> bool:
        if record.name == empty.LOG.name:
            ids.append(log_context.get_current().request_id)
        return True

    caplog.handler.addFilter(note)
    close()
    caplog.handler.removeFilter(note)

    assert ids == [request_id]
    assert request_id != log.request_id


def test_a_process_logs_at_most_one_line_a_second(
    log: Log, clock: typing.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(empty, "_SECONDS_BETWEEN", 1.0)

    assert len(log.lines("resources=VCPU:4")) == 1
    clock.now += 0.9
    assert log.lines("resources=VCPU:4") == []
    clock.now += 0.2
    assert len(log.lines("resources=VCPU:4")) == 1


def test_slow_explanations_are_followed_by_a_pause(
    log: Log, clock: typing.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(empty, "_CREDIT_SECONDS", 0.25)

    def slow(*arguments: typing.Any, **options: typing.Any) -> typing.Any:
        clock.now += 0.2
        return explanation.explain(*arguments, **options)

    monkeypatch.setattr(empty, "explain", slow)
    before = counted()

    for _ in range(3):
        log.lines("resources=VCPU:4")
    assert added(before)["full"] == 2
    # The credit is -0.146 seconds, and grows by a hundredth of the time.
    clock.now += 14
    log.lines("resources=VCPU:4")
    assert added(before)["full"] == 2
    clock.now += 1
    log.lines("resources=VCPU:4")
    assert added(before)["full"] == 3
    assert added(before)[metrics.UNEXPLAINED] == 2


def test_a_failure_of_the_database_is_logged(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(empty, "explain", fail)

    (line,) = log.lines("resources=VCPU:4")
    assert line.startswith("not explained: ")


@pytest.mark.unexpected_failure
def test_an_unexpected_failure_is_logged_and_not_raised(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> typing.NoReturn:
        raise RuntimeError("unexpected")

    monkeypatch.setattr(empty, "explain", fail)

    (line,) = log.lines("resources=VCPU:4")
    assert line.startswith("not explained. ")


def test_a_search_that_is_not_explained_in_time_has_no_cause(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(empty, "_SECONDS_MAX", 0)
    before = counted()[metrics.UNEXPLAINED]

    assert log.lines("resources=VCPU:4") == ["not explained within 0 seconds"]
    assert counted()[metrics.UNEXPLAINED] == before + 1


def test_long_values_are_cut(log: Log) -> None:
    many = ",".join(f"00000000-0000-4000-9000-{number:012}" for number in range(100))

    [line] = log.lines(f"resources=VCPU:2&member_of=in:{many}")

    assert len(line) < 1000
