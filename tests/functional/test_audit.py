"""What ``placement-manage db audit`` finds, mends and leaves, beside a service too."""

import collections
import collections.abc
import concurrent.futures
import json
import random
import re
import threading
import types
import typing
import uuid

import pytest
import sqlalchemy as sa
import webob

from placement.cmd import audit as command
from placement.db import tables, transaction
from placement.objects import audit, resource_provider
from tests.functional import api_ref, invariants
from tests.functional.db import worlds
from tests.servers import server

SETTINGS: typing.Any = types.SimpleNamespace(
    incomplete_consumer_project_id="nobody", incomplete_consumer_user_id="nobody"
)
# As much as there is at least of what happens side by side.
REQUESTS = 100
TIMES = 3
# Mending takes a small part of it, if nothing is in its way.
SECONDS_OF_PATIENCE = 1.5
CLIENTS = 4
HOSTS = 6

Document = dict[str, typing.Any]

# Two spellings of one uuid.
CANONICAL = "abcdef01-0000-4000-8000-000000000001"
SPELLED = CANONICAL.upper().replace("-", "")


class Broken(typing.NamedTuple):
    """Statements that break one fact, and what each finding says, in part."""

    fact: str
    statements: tuple[str, ...]
    about: tuple[Document, ...]
    is_mended: bool


BROKEN = (
    Broken(
        "consumer_missing",
        ("DELETE FROM consumers WHERE uuid = 'c1'",),
        ({"consumer": "c1"},),
        True,
    ),
    Broken(
        "consumer_idle",
        (
            "INSERT INTO consumers (uuid, project_id, user_id, generation)"
            " VALUES ('c8', 1, 1, 2), ('c9', 1, 1, 0)",
        ),
        ({"consumer": "c8", "generation": 2}, {"consumer": "c9", "generation": 0}),
        True,
    ),
    Broken(
        "consumer_generation",
        ("UPDATE consumers SET generation = -1 WHERE uuid = 'c2'",),
        ({"consumer": "c2", "generation": -1},),
        True,
    ),
    Broken(
        "inventory_of_nobody",
        (
            "INSERT INTO inventories (resource_provider_id, resource_class_id, total,"
            " reserved, min_unit, max_unit, step_size, allocation_ratio)"
            " VALUES (99, 0, 10, 0, 1, 10, 1, 1.0)",
        ),
        ({"provider_id": 99, "resource_class_id": 0, "total": 10},),
        True,
    ),
    Broken(
        "aggregate_of_nobody",
        (
            "INSERT INTO resource_provider_aggregates"
            " (resource_provider_id, aggregate_id) VALUES (99, 1), (99, 2)",
        ),
        ({"provider_id": 99, "aggregate_id": 1}, {"aggregate_id": 2}),
        True,
    ),
    Broken(
        "trait_of_nobody",
        (
            "INSERT INTO resource_provider_traits (resource_provider_id, trait_id)"
            " SELECT 99, min(id) FROM traits",
        ),
        ({"provider_id": 99},),
        True,
    ),
    Broken(
        "provider_generation",
        (
            "UPDATE resource_providers SET generation = NULL WHERE id = 1",
            "UPDATE resource_providers SET generation = -2 WHERE id = 2",
        ),
        (
            {"provider": "one", "generation": None},
            {"provider": "two", "generation": -2},
        ),
        True,
    ),
    Broken(
        "root",
        ("UPDATE resource_providers SET root_provider_id = 3 WHERE id = 2",),
        ({"provider": "two", "root": "three", "top": "one"},),
        True,
    ),
    Broken(
        "root",
        (
            "UPDATE resource_providers SET root_provider_id = NULL WHERE id < 3",
            "UPDATE resource_providers SET root_provider_id = 99 WHERE id = 3",
        ),
        (
            {"provider": "one", "root": None, "top": "one"},
            {"provider": "two", "root": None, "top": "one"},
            {"provider": "three", "root": None, "top": "three"},
        ),
        True,
    ),
    Broken(
        "used",
        ("UPDATE inventories SET used = used - 1 WHERE resource_provider_id = 1",),
        (
            {
                "provider": "one",
                "resource_class": "VCPU",
                "used": 8,
                "allocated": 9,
            },
            {"resource_class": "MEMORY_MB", "used": -1, "allocated": 0},
        ),
        True,
    ),
    Broken(
        "revision",
        ("UPDATE resource_providers SET revision = 0 WHERE id = 2",),
        ({"provider": "two", "revision": 0},),
        True,
    ),
    Broken(
        "consumer_spelling",
        (
            f"UPDATE consumers SET uuid = '{SPELLED}' WHERE uuid = 'c2'",
            f"UPDATE allocations SET consumer_id = '{SPELLED}'"
            " WHERE consumer_id = 'c2'",
        ),
        ({"consumer": SPELLED, "id": 2, "canonical": CANONICAL},),
        True,
    ),
    Broken(
        "consumer_twice",
        (
            f"UPDATE consumers SET uuid = '{SPELLED}' WHERE uuid = 'c2'",
            f"UPDATE allocations SET consumer_id = '{SPELLED}'"
            " WHERE consumer_id = 'c2'",
            f"UPDATE consumers SET uuid = '{CANONICAL}' WHERE uuid = 'c1'",
            f"UPDATE allocations SET consumer_id = '{CANONICAL}'"
            " WHERE consumer_id = 'c1'",
        ),
        ({"consumer": SPELLED, "canonical": CANONICAL},),
        False,
    ),
    Broken(
        "provider_spelling",
        (f"UPDATE resource_providers SET uuid = '{SPELLED}' WHERE id = 3",),
        ({"provider": SPELLED, "id": 3, "canonical": CANONICAL},),
        True,
    ),
    Broken(
        "provider_twice",
        (
            f"UPDATE resource_providers SET uuid = '{SPELLED}' WHERE id = 3",
            f"UPDATE resource_providers SET uuid = '{CANONICAL}' WHERE id = 1",
        ),
        ({"provider": SPELLED, "canonical": CANONICAL},),
        False,
    ),
    Broken(
        "aggregate_spelling",
        (
            "INSERT INTO placement_aggregates (id, uuid) VALUES"
            f" (7, '{SPELLED}'), (8, '{CANONICAL}')",
            "INSERT INTO resource_provider_aggregates"
            " (resource_provider_id, aggregate_id) VALUES (1, 7), (2, 7), (2, 8)",
        ),
        (
            {"provider": "one", "provider_id": 1, "aggregate": SPELLED},
            {"provider": "two", "provider_id": 2, "aggregate": SPELLED},
        ),
        True,
    ),
    Broken(
        "parents",
        ("UPDATE resource_providers SET parent_provider_id = 2 WHERE id = 1",),
        ({"provider": "one", "parent": "two"}, {"provider": "two", "parent": "one"}),
        False,
    ),
    Broken(
        "parents",
        ("UPDATE resource_providers SET parent_provider_id = 99 WHERE id = 3",),
        ({"provider": "three", "parent": None, "parent_id": 99},),
        False,
    ),
    Broken(
        "over_capacity",
        ("UPDATE inventories SET reserved = 1 WHERE id = 1",),
        (
            {
                "provider": "one",
                "resource_class": "VCPU",
                "allocated": 9,
                "capacity": 8,
            },
        ),
        False,
    ),
    Broken(
        "inventory_missing",
        ("DELETE FROM inventories WHERE id = 3",),
        ({"provider": "two", "resource_class": "VCPU", "allocated": 6},),
        False,
    ),
    Broken(
        "allocation_of_nobody",
        (
            "INSERT INTO allocations (resource_provider_id, consumer_id,"
            " resource_class_id, used) VALUES (99, 'c1', 0, 3)",
        ),
        ({"provider_id": 99, "consumer": "c1", "used": 3},),
        False,
    ),
    Broken(
        "allocation_doubled",
        (
            "UPDATE allocations SET used = 3 WHERE id = 3",
            "INSERT INTO allocations (resource_provider_id, consumer_id,"
            " resource_class_id, used) VALUES (2, 'c1', 0, 3)",
        ),
        ({"consumer": "c1", "provider": "two", "resource_class": "VCPU", "times": 2},),
        False,
    ),
    Broken(
        "allocation_empty",
        (
            "INSERT INTO allocations (resource_provider_id, consumer_id,"
            " resource_class_id, used) VALUES (1, 'c1', 1, 0)",
        ),
        ({"consumer": "c1", "resource_class": "MEMORY_MB", "used": 0},),
        False,
    ),
    Broken(
        "owner_missing",
        (
            "UPDATE consumers SET project_id = 99 WHERE uuid = 'c1'",
            "UPDATE consumers SET user_id = 99, consumer_type_id = 9 WHERE uuid = 'c2'",
        ),
        (
            {"consumer": "c1", "project": None, "user": "u", "consumer_type": None},
            {"consumer": "c2", "project": "p", "user": None},
        ),
        False,
    ),
    Broken(
        "owner_missing",
        ("UPDATE consumers SET consumer_type_id = 9 WHERE uuid = 'c2'",),
        ({"consumer": "c2", "project": "p", "user": "u", "consumer_type": None},),
        False,
    ),
    Broken(
        "class_missing",
        (
            "INSERT INTO inventories (resource_provider_id, resource_class_id, total,"
            " reserved, min_unit, max_unit, step_size, allocation_ratio)"
            " VALUES (3, 7777, 10, 0, 1, 10, 1, 1.0)",
        ),
        ({"resource_class_id": 7777},),
        False,
    ),
)


@pytest.fixture
def run(capsys) -> collections.abc.Callable[..., tuple[int, Document]]:
    def run(engine: sa.Engine, is_fixing: bool = False) -> tuple[int, Document]:
        capsys.readouterr()
        status = command.run(engine, SETTINGS, is_fixing, is_json=True)
        return status, json.loads(capsys.readouterr().out)

    return run


def found(engine: sa.Engine) -> list[tuple[str, Document]]:
    """Return what an audit finds now: names of facts, and what it says of each."""
    with transaction.snapshot(engine) as conn:
        return [(fact.name, about) for fact, about in command.findings(conn)]


def test_a_database_that_is_right_has_no_findings(world, run) -> None:
    status, document = run(world)

    assert status == 0
    assert document == {
        "database": world.url.render_as_string(),
        "mended": {},
        "findings": [],
        "left": {},
    }
    assert run(world, is_fixing=True) == (0, document)


def test_every_fact_is_broken_here() -> None:
    # Not every database has statistics; db/test_statistics.py takes them away.
    facts = {fact.name for fact in audit.FACTS} - {"statistics"}
    assert {each.fact for each in BROKEN} == facts
    assert all(
        each.is_mended is (fact.repair is not None)
        for each in BROKEN
        for fact in audit.FACTS
        if fact.name == each.fact
    )


def test_every_fact_is_told_to_operators() -> None:
    page = (api_ref.DIRECTORY / "adoption.md").read_text()
    table = page.partition("| fact | finding |")[2].partition("\n\n")[0]
    told = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in table.splitlines()[2:]]

    assert {name for names in told for name in names} == {
        fact.name for fact in audit.FACTS
    }


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.fact)
def test_what_is_broken_is_found_and_nothing_else(world, run, broken: Broken) -> None:
    worlds.execute(world, *broken.statements)

    status, document = run(world)

    assert status == 1
    assert document["left"] == {broken.fact: len(broken.about)}
    for finding, about in zip(document["findings"], broken.about, strict=True):
        assert finding["fact"] == broken.fact
        assert finding["can_be_mended"] is broken.is_mended
        assert about.items() <= finding["about"].items()


@pytest.mark.parametrize(
    "broken",
    [each for each in BROKEN if each.is_mended],
    ids=lambda broken: broken.fact,
)
def test_what_has_one_right_answer_is_mended(world, run, broken: Broken) -> None:
    worlds.execute(world, *broken.statements)

    status, document = run(world, is_fixing=True)

    assert (status, document["findings"]) == (0, [])
    assert document["mended"] == {broken.fact: len(broken.about)}
    with world.connect() as conn:
        assert invariants.violations_in(conn) == []


@pytest.mark.parametrize(
    "broken",
    [each for each in BROKEN if not each.is_mended],
    ids=lambda broken: broken.fact,
)
def test_what_has_no_one_right_answer_is_left_as_it_is(
    world, run, broken: Broken
) -> None:
    worlds.execute(world, *broken.statements)
    before = content(world)

    status, document = run(world, is_fixing=True)

    assert (status, document["mended"]) == (1, {})
    assert document["left"] == {broken.fact: len(broken.about)}
    assert content(world) == before


def content(engine: sa.Engine) -> dict[str, list[typing.Any]]:
    with engine.connect() as conn:
        return {
            name: conn.execute(sa.select(table).order_by(*table.primary_key)).all()
            for name, table in tables.metadata.tables.items()
        }


def test_what_is_mended_is_what_was_meant(world, run) -> None:
    mendable = (each for each in BROKEN if each.is_mended)
    statements = {each.fact: each.statements for each in mendable}
    # Twice in the list: each of the providers has a root that is wrong.
    worlds.execute(world, *(text for each in statements.values() for text in each))
    before = content(world)["resource_providers"]

    assert run(world, is_fixing=True)[0] == 0

    after = content(world)
    providers = after["resource_providers"]
    assert [row.root_provider_id for row in providers] == [1, 1, 3]
    assert [row.generation for row in providers] == [0, 0, 0]
    assert all(
        old.revision < new.revision for old, new in zip(before, providers, strict=True)
    )
    assert [row.used for row in after["inventories"]] == [9, 0, 6]
    consumers = {row.uuid: row.generation for row in after["consumers"]}
    assert consumers == {"c1": 0, CANONICAL: 0}
    owners = {row.id: row.external_id for row in after["projects"]}
    assert [owners[row.project_id] for row in after["consumers"]] == ["p", "nobody"]


def test_more_than_one_batch_is_mended(engine, run) -> None:
    size = 2 * command._BATCH + 1
    worlds.execute(
        engine,
        "INSERT INTO projects (id, external_id) VALUES (1, 'p')",
        "INSERT INTO users (id, external_id) VALUES (1, 'u')",
        "INSERT INTO consumers (id, uuid, project_id, user_id, generation) VALUES "
        + ", ".join(f"({id_}, 'c{id_}', 1, 1, 1)" for id_ in range(1, size + 1)),
    )

    assert run(engine, is_fixing=True) == (
        0,
        {
            "database": engine.url.render_as_string(),
            "mended": {"consumer_idle": size},
            "findings": [],
            "left": {},
        },
    )


@pytest.mark.parametrize("seed", range(8))
def test_drawn_forests_are_judged_as_by_walking_them(engine, seed: int) -> None:
    """Parents and roots at random, also in circles and to where nobody is."""
    draw = random.Random(seed)
    ids = range(1, 9)
    parents = {id_: draw.choice([None, None, *ids, 99]) for id_ in ids}
    roots = {id_: draw.choice([None, *ids]) for id_ in ids}
    worlds.execute(
        engine,
        "INSERT INTO resource_providers"
        " (id, uuid, name, revision, generation, parent_provider_id, root_provider_id)"
        " VALUES "
        + ", ".join(
            f"({id_}, 'p{id_}', 'p{id_}', 1, 0, {parents[id_] or 'NULL'},"
            f" {roots[id_] or 'NULL'})"
            for id_ in ids
        ),
    )
    tops = {id_: top_of(parents, id_) for id_ in ids}

    judged = found(engine)

    lost = [id_ for id_ in ids if tops[id_] is None]
    wrong = [id_ for id_ in ids if tops[id_] not in (None, roots[id_])]
    assert [about["id"] for fact, about in judged if fact == "parents"] == lost
    assert [about["id"] for fact, about in judged if fact == "root"] == wrong
    command.repair(engine, SETTINGS)
    assert {fact for fact, _ in found(engine)} <= {"parents"}
    after = {row.id: row for row in content(engine)["resource_providers"]}
    assert [after[id_].root_provider_id for id_ in wrong] == [tops[i] for i in wrong]
    assert [after[id_].root_provider_id for id_ in lost] == [roots[i] for i in lost]


def top_of(parents: dict[int, int | None], id_: int) -> int | None:
    """Walk up as many steps as there are providers; None if that does not end."""
    for _ in parents:
        if id_ not in parents:
            return None
        above = parents[id_]
        if above is None:
            return id_
        id_ = above
    return None


class Load:
    """A service in this process, and clients that claim, release and move trees."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ends = threading.Event()
        self.consumers = [str(uuid.uuid4()) for _ in range(CLIENTS)]
        self.statuses: list[tuple[str, int]] = []

    def while_running(self, work: collections.abc.Callable[[], None]) -> None:
        """Repeat ``work`` until it and the clients have met often enough."""
        with (
            server.in_process(self._url) as app,
            concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool,
        ):
            hosts = [self._host(app) for _ in range(HOSTS)]
            clients = [pool.submit(self._act, app, hosts, n) for n in range(CLIENTS)]
            times = 0
            try:
                while times < TIMES or len(self.statuses) < REQUESTS:
                    assert not any(client.done() for client in clients)
                    work()
                    times += 1
            finally:
                self._ends.set()
                for client in clients:
                    client.result()

    def _host(self, app: server.Application) -> str:
        host = str(uuid.uuid4())
        self._send(app, "POST", "/resource_providers", {"uuid": host, "name": host})
        body = {
            "resource_provider_generation": 0,
            "inventories": {"VCPU": {"total": 1000}, "DISK_GB": {"total": 1000}},
        }
        self._send(app, "PUT", f"/resource_providers/{host}/inventories", body)
        return host

    def _act(self, app: server.Application, hosts: list[str], number: int) -> None:
        draw = random.Random(number)
        consumer = self.consumers[number]
        while not self._ends.is_set():
            body = {
                "allocations": {
                    host: {"resources": {"VCPU": 1, "DISK_GB": draw.randrange(1, 9)}}
                    for host in draw.sample(hosts, 2)
                },
                "project_id": "p",
                "user_id": "u",
                "consumer_type": "INSTANCE",
                "consumer_generation": None,
            }
            self._send(app, "PUT", f"/allocations/{consumer}", body)
            self._send(app, "DELETE", f"/allocations/{consumer}")
            below, above = draw.sample(hosts, 2)
            name = {"name": below, "parent_provider_uuid": above}
            # What would make a circle is refused, and that is no matter here.
            self._ask(app, "PUT", f"/resource_providers/{below}", name)
            name["parent_provider_uuid"] = None
            self._ask(app, "PUT", f"/resource_providers/{below}", name)

    def _send(
        self, app: server.Application, method: str, path: str, body: object = None
    ) -> None:
        self.statuses.append((method, self._ask(app, method, path, body)))

    def _ask(
        self, app: server.Application, method: str, path: str, body: object = None
    ) -> int:
        request = webob.Request.blank(
            path,
            method=method,
            headers={
                "X-Auth-Token": "admin",
                "X-Roles": "admin,service",
                "Accept": "application/json",
                "OpenStack-API-Version": "placement 1.39",
            },
        )
        if body is not None:
            request.content_type = "application/json"
            request.json = body
        status: int = request.get_response(app).status_int
        return status


def test_beside_writers_nothing_is_found_that_is_not_so(database_url, engine) -> None:
    load = Load(database_url)
    wrong: list[tuple[str, Document]] = []

    load.while_running(lambda: wrong.extend(found(engine)))

    assert wrong == []
    assert {status for _, status in load.statuses} <= {200, 204}


def test_mending_beside_writers_breaks_nothing(database_url, engine) -> None:
    load = Load(database_url)
    mended: collections.Counter[str] = collections.Counter()
    wrong: list[tuple[str, Document]] = []

    def work() -> None:
        transaction.write_to(engine, lambda conn: break_some(conn, load.consumers))
        mended.update(command.repair(engine, SETTINGS))
        wrong.extend(found(engine))

    load.while_running(work)

    # Had one been deleted that was just used again, its record would be missing.
    assert {"used"} <= mended.keys() <= {"used", "consumer_idle"}
    assert wrong == []
    assert {status for _, status in load.statuses} <= {200, 204}
    assert found(engine) == []
    assert invariants.violations(database_url) == []


def break_some(conn: sa.Connection, consumers: list[str]) -> None:
    """Do what another Placement may do, to the consumers that clients use as well."""
    table = tables.consumers
    present = set(conn.scalars(sa.select(table.c.uuid)))
    # At generation 0 a record counts as none.
    record = {"project_id": 1, "user_id": 1, "generation": 0}
    for consumer in sorted(set(consumers) - present):
        conn.execute(sa.insert(table).values(uuid=consumer, **record))
    resource_provider.lock(
        conn, conn.scalars(sa.select(tables.resource_providers.c.id))
    )
    # Too little rather than too much, so that no claim is refused.
    conn.execute(sa.text("UPDATE inventories SET used = used - 1"))


class Change(typing.NamedTuple):
    """What is broken, and what a writer is just doing to it."""

    broken: str
    locked: str
    statements: tuple[str, ...]


CHANGES = {
    "used": Change(
        "UPDATE inventories SET used = 50 WHERE id = 2",
        "SELECT id FROM resource_providers WHERE id = 1 FOR UPDATE",
        (
            "INSERT INTO allocations (resource_provider_id, consumer_id,"
            " resource_class_id, used) VALUES (1, 'c1', 1, 5)",
            "UPDATE inventories SET used = used + 5 WHERE id = 2",
        ),
    ),
    "consumer_idle": Change(
        "INSERT INTO consumers (uuid, project_id, user_id, generation)"
        " VALUES ('c9', 1, 1, 0)",
        "SELECT id FROM consumers WHERE uuid = 'c9' FOR UPDATE",
        (
            "INSERT INTO allocations (resource_provider_id, consumer_id,"
            " resource_class_id, used) VALUES (1, 'c9', 1, 5)",
            "UPDATE inventories SET used = used + 5 WHERE id = 2",
        ),
    ),
    "root": Change(
        "UPDATE resource_providers SET root_provider_id = NULL WHERE id = 2",
        "SELECT id FROM resource_providers WHERE id IN (1, 3) ORDER BY id FOR UPDATE",
        (
            "UPDATE resource_providers SET parent_provider_id = 3,"
            " root_provider_id = 3 WHERE id = 1",
        ),
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_just_being_changed_is_waited_for(world, change: Change) -> None:
    if world.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    worlds.execute(world, change.broken)

    with (
        concurrent.futures.ThreadPoolExecutor(1) as pool,
        world.connect() as conn,
    ):
        conn.execute(sa.text(change.locked)).all()
        for statement in change.statements:
            conn.execute(sa.text(statement))
        mending = pool.submit(command.repair, world, SETTINGS)
        with pytest.raises(concurrent.futures.TimeoutError):
            mending.result(SECONDS_OF_PATIENCE)
        conn.commit()
        mending.result()

    assert found(world) == []
