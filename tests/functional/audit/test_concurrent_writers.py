"""Audits and repairs are correct while other transactions write."""

import collections
import concurrent.futures
import typing

import pytest
import sqlalchemy as sa

from placement.db import tables, transaction
from placement.objects import resource_provider
from tests.functional import invariants
from tests.functional.audit import audits, clients
from tests.functional.db import worlds
from tests.servers import sessions


def test_an_audit_beside_writers_finds_nothing(
    module_database_url: str, engine: sa.Engine
) -> None:
    load = clients.Clients(module_database_url)
    found: list[tuple[str, audits.Document]] = []

    load.run_beside(lambda: found.extend(audits.findings(engine)))

    assert found == []
    assert set(load.statuses) == {204}


def test_repairs_beside_writers_are_correct(
    module_database_url: str, engine: sa.Engine
) -> None:
    load = clients.Clients(module_database_url)
    repaired: collections.Counter[str] = collections.Counter()
    found: list[tuple[str, audits.Document]] = []

    def work() -> None:
        transaction.write_to(
            engine, lambda conn: make_inconsistent(conn, load.consumers)
        )
        repaired.update(audits.repair(engine))
        found.extend(audits.findings(engine))

    load.run_beside(work)

    # Deleting the record of a consumer in use would cause ``consumer_missing``.
    assert {"used"} <= repaired.keys() <= {"used", "consumer_idle"}
    assert found == []
    assert set(load.statuses) == {204}
    assert audits.findings(engine) == []
    assert invariants.violations(module_database_url) == []


def make_inconsistent(conn: sa.Connection, consumers: list[str]) -> None:
    """Add records of consumers without allocations, and lower the usages."""
    table = tables.consumers
    present = set(conn.scalars(sa.select(table.c.uuid)))
    # At generation 0 the service treats a record as absent.
    record = {"project_id": 1, "user_id": 1, "generation": 0}
    for consumer in sorted(set(consumers) - present):
        conn.execute(sa.insert(table).values(uuid=consumer, **record))
    resource_provider.lock(
        conn, conn.scalars(sa.select(tables.resource_providers.c.id))
    )
    # A usage that is too high could make a claim fail.
    conn.execute(sa.text("UPDATE inventories SET used = used - 1"))


class Change(typing.NamedTuple):
    """An inconsistency, and a transaction that changes the same rows.

    ``lock`` is the first statement of the transaction.
    """

    inconsistency: str
    lock: str
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
def test_a_repair_waits_for_a_transaction_that_changes_its_rows(
    world: sa.Engine, change: Change
) -> None:
    if world.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    worlds.execute(world, change.inconsistency)

    with (
        concurrent.futures.ThreadPoolExecutor(1) as pool,
        world.connect() as conn,
    ):
        conn.execute(sa.text(change.lock)).all()
        for statement in change.statements:
            conn.execute(sa.text(statement))
        repairing = pool.submit(audits.repair, world)
        sessions.wait_until_blocked(world)
        assert not repairing.done()
        conn.commit()
        repairing.result()

    assert audits.findings(world) == []
