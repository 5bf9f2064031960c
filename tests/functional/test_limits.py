"""Limits: random requests against a model, and counters that have missed claims."""

import collections
import collections.abc
import random
import uuid

import pytest
import sqlalchemy as sa

from placement import client
from placement.db import revision, tables, usage_counters
from placement.objects import limited_usage
from tests.functional import invariants
from tests.functional.db import contexts
from tests.servers import server

PROJECTS = ("p", "q", "r")
CLASSES = ("VCPU", "MEMORY_MB")
HOSTS = [str(uuid.UUID(int=number)) for number in (1, 2)]
CONSUMERS = [str(uuid.UUID(int=number)) for number in range(10, 16)]
REQUESTS = 60

Held = dict[str, tuple[str, dict[str, int]]]
Limits = dict[str, dict[str, int]]


@pytest.fixture
def api(application: server.Application) -> client.Client:
    """A client of a service with two hosts that have much room."""
    api = client.Client(client.WSGITransport(application))
    for host in HOSTS:
        api.create_provider(host, host)
        offer = {name: client.Inventory(total=10_000) for name in CLASSES}
        api.replace_inventories(host, client.Inventories(0, offer))
    return api


class Model:
    """What consumers hold, by project and class, and which claims limits allow."""

    def __init__(self) -> None:
        self.held: Held = {}
        self.limits: Limits = {}
        self.generations: collections.Counter[str] = collections.Counter()

    def usages(self, held: Held) -> "collections.Counter[tuple[str, str]]":
        found: collections.Counter[tuple[str, str]] = collections.Counter()
        for project, amounts in held.values():
            found[project, "consumers"] += 1
            for name, units in amounts.items():
                found[project, name] += units
        return found

    def allows(self, changes: Held) -> bool:
        before = self.usages(self.held)
        after = self.usages({**self.held, **changes})
        defaults = self.limits.get("default", {})
        for (project, name), units in after.items():
            limit = (defaults | self.limits.get(project, {})).get(name)
            if limit is not None and limit < units > before[project, name]:
                return False
        return True

    def write(self, changes: Held) -> None:
        self.held |= changes
        for consumer in changes:
            self.generations[consumer] += 1

    def release(self, consumer: str) -> None:
        del self.held[consumer]
        del self.generations[consumer]


def draw_claims(draw: random.Random) -> Held:
    consumers = draw.sample(CONSUMERS, draw.choice((1, 1, 1, 2, 3)))
    return {
        consumer: (
            draw.choice(PROJECTS),
            {
                name: draw.randint(1, 5)
                for name in draw.sample(CLASSES, 2)[: draw.randint(1, 2)]
            },
        )
        for consumer in consumers
    }


def send_claims(api: client.Client, model: Model, claims: Held, host: str) -> bool:
    holdings = {
        consumer: client.Allocations(
            {host: amounts}, model.generations.get(consumer), project, "user", "VM"
        )
        for consumer, (project, amounts) in claims.items()
    }
    try:
        if len(holdings) == 1:
            api.replace_allocations(*holdings.popitem())
        else:
            api.replace_many_allocations(holdings)
    except client.LimitExceeded:
        return False
    return True


@pytest.mark.parametrize("seed", range(3))
def test_random_claims_are_allowed_exactly_if_the_model_allows_them(
    api: client.Client, database_url: str, seed: int
) -> None:
    draw = random.Random(seed)
    model = Model()
    outcomes: collections.Counter[bool] = collections.Counter()
    for _ in range(REQUESTS):
        action = draw.random()
        if action < 0.2:
            project = draw.choice((*PROJECTS, "default"))
            names = draw.sample((*CLASSES, "consumers"), draw.randint(0, 3))
            model.limits[project] = {name: draw.randint(0, 8) for name in names}
            api.replace_limits(project, model.limits[project])
        elif action < 0.35 and model.held:
            consumer = draw.choice(sorted(model.held))
            api.delete_allocations(consumer)
            model.release(consumer)
        else:
            claims = draw_claims(draw)
            is_allowed = model.allows(claims)
            host = draw.choice(HOSTS)
            assert send_claims(api, model, claims, host) == is_allowed, claims
            outcomes[is_allowed] += 1
            if is_allowed:
                model.write(claims)
    assert min(outcomes[True], outcomes[False]) > 2
    usages = model.usages(model.held)
    for project in PROJECTS:
        try:
            found = api.get_limits(project).usages
        except client.NotFound:
            found = {}
        assert found == {name: usages[project, name] for name in found}
    assert not invariants.violations(database_url)


@pytest.fixture
def database(
    api: client.Client, database_url: str
) -> collections.abc.Iterator[sa.Engine]:
    """The database of ``api``, where project p has limits and holds 3 VCPU."""
    api.replace_limits("p", {"VCPU": 10, "consumers": 10})
    claims: Held = {CONSUMERS[0]: ("p", {"VCPU": 3})}
    assert send_claims(api, Model(), claims, HOSTS[0])
    with contexts.context(database_url) as context:
        yield context.engine


def counters(database: sa.Engine) -> dict[tuple[str, int], int]:
    usages = tables.limited_usages
    with database.connect() as conn:
        rows = conn.execute(
            sa.select(usages.c.project_id, usages.c.resource_class_id, usages.c.used)
        )
        return {(project, class_id): used for project, class_id, used in rows}


def sweep_after(database: sa.Engine, seconds: int) -> None:
    """Sweep as if the limits had been set ``seconds`` ago, and counters right then."""
    ago = revision.clock() - seconds * 1_000_000
    with database.begin() as conn:
        conn.execute(sa.update(tables.limits).values(set_at=ago))
        conn.execute(
            sa.update(tables.limited_usages).values(used=0, counted_at=ago + 1)
        )
    with database.begin() as conn:
        usage_counters.recount_early(conn)


def test_counters_that_may_have_missed_a_claim_are_counted_again(
    database: sa.Engine,
) -> None:
    right = {("p", 0): 3, ("p", tables.CONSUMERS): 1}
    assert counters(database) == right

    sweep_after(database, usage_counters.UNDER_WAY_SECONDS - 10)
    assert counters(database) == dict.fromkeys(right, 0)
    sweep_after(database, usage_counters.UNDER_WAY_SECONDS + 10)
    assert counters(database) == right


def test_counters_are_counted_again_only_once(database: sa.Engine) -> None:
    sweep_after(database, usage_counters.UNDER_WAY_SECONDS + 10)
    usages = tables.limited_usages
    with database.begin() as conn:
        conn.execute(sa.update(usages).values(used=7))
    with database.begin() as conn:
        usage_counters.recount_early(conn)

    assert set(counters(database).values()) == {7}


def test_counters_without_a_limit_are_deleted(
    api: client.Client, database_url: str, database: sa.Engine
) -> None:
    with database.begin() as conn:
        is_of_class = tables.limits.c.resource_class_id == 0
        conn.execute(sa.delete(tables.limits).where(is_of_class))
    with contexts.context(database_url) as context:
        limited_usage.sweep(context)

    assert counters(database) == {("p", tables.CONSUMERS): 1}


def test_another_service_makes_counters_wrong_until_they_are_repaired(
    api: client.Client, database: sa.Engine
) -> None:
    ago = revision.clock() - 3_600_000_000
    with database.begin() as conn:
        conn.execute(sa.update(tables.limits).values(set_at=ago))
        conn.execute(sa.update(tables.allocations).values(used=5))

    assert usage_counters.reconcile_all(database) == 1
    assert usage_counters.reconcile_all(database) == 0
    assert api.get_limits("p").usages == {"VCPU": 5, "consumers": 1}
