"""``used`` and revisions are reconciled with what other services wrote."""

import collections.abc
import concurrent.futures
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa

from placement.db import adoption, migrations, reconcile, tables
from tests import waiting
from tests.functional import invariants
from tests.functional.db import worlds
from tests.servers import configuration, programs, server, sessions

SECONDS = 60
STARTS = 3
PROVIDERS = 3 * reconcile.BATCH_PROVIDERS

_inventories = tables.inventories
_providers = tables.resource_providers

# Ends itself when it has reported half of the providers.
_KILLED_HALFWAY = """
import os, signal, sys
from placement.conf.settings import DatabaseSettings
from placement.db import engine, migrations

def report(done, total):
    if done > total / 2:
        os.kill(os.getpid(), signal.SIGKILL)

migrations.sync(engine.create_engine(DatabaseSettings(sys.argv[1])), report=report)
"""


@pytest.fixture
def uncounted(engine):
    """Many providers whose allocations are not counted in ``used``."""
    ids = range(1, PROVIDERS + 1)
    unit = {"min_unit": 1, "max_unit": 9, "step_size": 1, "allocation_ratio": 1.0}
    with engine.begin() as conn:
        conn.execute(
            sa.insert(_providers),
            [
                {
                    "id": id_,
                    "uuid": f"p{id_}",
                    "name": f"p{id_}",
                    "root_provider_id": id_,
                }
                for id_ in ids
            ],
        )
        conn.execute(
            sa.insert(_inventories),
            [
                {
                    "resource_provider_id": id_,
                    "resource_class_id": 0,
                    "total": 9,
                    "reserved": 0,
                    **unit,
                }
                for id_ in ids
            ],
        )
        conn.execute(
            sa.insert(tables.allocations),
            [
                {
                    "resource_provider_id": id_,
                    "resource_class_id": 0,
                    "consumer_id": f"c{id_}",
                    "used": 1 + id_ % 3,
                }
                for id_ in ids
            ],
        )
    return engine


def counted(engine: sa.Engine) -> int:
    """Return how many inventories and providers have values in our columns."""
    with engine.connect() as conn:
        used = sa.select(sa.func.count()).where(_inventories.c.used > 0)
        return conn.scalar(used) or 0


def revisions(engine: sa.Engine) -> dict[int, int]:
    with engine.connect() as conn:
        return dict(
            conn.execute(sa.select(_providers.c.id, _providers.c.revision)).all()
        )


def wrong(engine: sa.Engine) -> list[str]:
    with engine.connect() as conn:
        return invariants.violations_in(conn)


def test_uncounted_allocations_are_counted(uncounted) -> None:
    progress = []

    assert (
        reconcile.reconcile_all(uncounted, lambda *numbers: progress.append(numbers))
        == PROVIDERS
    )

    assert wrong(uncounted) == []
    assert min(revisions(uncounted).values()) > 10**15
    size = reconcile.BATCH_PROVIDERS
    assert progress == [(done, PROVIDERS) for done in range(size, PROVIDERS + 1, size)]


def test_nothing_is_written_if_nothing_is_wrong(world) -> None:
    statements: list[str] = []
    before = revisions(world)
    sa.event.listen(
        world,
        "before_cursor_execute",
        lambda _conn, _cursor, statement, *_: statements.append(statement),
    )

    assert reconcile.reconcile_all(world) == 0

    assert revisions(world) == before
    assert not [
        statement
        for statement in statements
        if statement.startswith(("UPDATE", "BEGIN IMMEDIATE"))
        or "FOR UPDATE" in statement
    ]
    assert statements


def test_only_corrected_providers_get_a_new_revision(world) -> None:
    worlds.execute(
        world,
        "UPDATE inventories SET used = 5 WHERE id = 3",
        "UPDATE resource_providers SET revision = 0 WHERE id = 3",
    )
    before = revisions(world)

    assert reconcile.reconcile_all(world) == 1

    after = revisions(world)
    assert wrong(world) == []
    assert after[1] == before[1]
    assert after[2] > before[2]
    assert after[3] > 10**15


def test_reconciling_does_not_change_updated_at(world) -> None:
    long_ago = "UPDATE {} SET updated_at = '2001-02-03 04:05:06', {} = 0"
    worlds.execute(
        world,
        long_ago.format("inventories", "used"),
        long_ago.format("resource_providers", "revision"),
    )

    reconcile.reconcile_all(world)

    assert wrong(world) == []
    with world.connect() as conn:
        for table in (_inventories, _providers):
            years = {each.year for each in conn.scalars(sa.select(table.c.updated_at))}
            assert years == {2001}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE inventories SET used = used + 1 WHERE id = 2",
        "DELETE FROM allocations WHERE id = 3",
        "UPDATE allocations SET resource_provider_id = 2 WHERE id = 1",
    ],
)
def test_a_start_counts_what_another_service_has_written(
    world, statement, caplog
) -> None:
    worlds.execute(world, statement)
    before = revisions(world)

    start(world)

    assert wrong(world) == []
    after = revisions(world)
    assert {id_ for id_ in after if after[id_] > before[id_]} <= {1, 2}
    (line,) = repairs_logged(caplog)
    assert re.search("usage of [12] inventories and 0 limits, wrote 0 uuids", line)


def test_a_start_locks_nothing_if_nothing_is_wrong(world, caplog) -> None:
    with locking() as statements:
        start(world)

    assert not statements
    assert repairs_logged(caplog) == []


def test_one_of_several_starting_processes_repairs(
    uncounted, caplog, monkeypatch
) -> None:
    if uncounted.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    together = threading.Barrier(STARTS)
    is_needed = adoption._is_needed

    def all_need_it(engine: sa.Engine) -> bool:
        needed = is_needed(engine)
        together.wait(SECONDS)
        return needed

    monkeypatch.setattr(adoption, "_is_needed", all_need_it)

    with locking() as statements, concurrent.futures.ThreadPoolExecutor() as pool:
        for done in [pool.submit(start, uncounted) for _ in range(STARTS)]:
            done.result()

    assert wrong(uncounted) == []
    (line,) = repairs_logged(caplog)
    assert f"usage of {PROVIDERS} inventories" in line
    # The other processes wait, and then have nothing to lock.
    locks = [each for each in statements if "FOR UPDATE" in each]
    assert len(locks) == PROVIDERS / reconcile.BATCH_PROVIDERS


def test_a_start_needs_no_second_connection(uncounted) -> None:
    url = uncounted.url.render_as_string(hide_password=False)
    pool = {"max_pool_size": "1", "max_overflow": "0", "pool_timeout": "2"}

    with server.in_process(url, {"placement_database": pool}):
        pass

    assert wrong(uncounted) == []


def test_a_start_beside_a_claim_counts_it_once(world) -> None:
    if world.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    worlds.execute(world, "UPDATE inventories SET used = 50 WHERE id = 2")

    with (
        concurrent.futures.ThreadPoolExecutor(1) as pool,
        world.connect() as conn,
    ):
        # The statements of a claim of five units, without COMMIT.
        for text in (
            "INSERT INTO allocations (resource_provider_id, consumer_id,"
            " resource_class_id, used) VALUES (1, 'c1', 1, 5)",
            "UPDATE resource_providers SET generation = 4 WHERE id = 1",
            "UPDATE inventories SET used = used + 5 WHERE id = 2",
        ):
            conn.execute(sa.text(text))
        starting = pool.submit(start, world)
        sessions.wait_until_blocked(world)
        assert not starting.done()
        conn.commit()
        starting.result()

    assert wrong(world) == []


def repairs_logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the log lines about repairs."""
    return [r.message for r in caplog.records if "has written to" in r.message]


@contextlib.contextmanager
def locking() -> collections.abc.Iterator[list[str]]:
    """Yield a list that collects the statements that lock or write."""
    found: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        words = ("UPDATE", "INSERT", "BEGIN IMMEDIATE", "advisory", "get_lock")
        if any(word in statement for word in words):
            found.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


def start(engine: sa.Engine) -> None:
    with server.in_process(engine.url.render_as_string(hide_password=False)):
        pass


def test_a_sync_killed_between_two_transactions_can_be_repeated(uncounted) -> None:
    url = uncounted.url.render_as_string(hide_password=False)

    done = subprocess.run(
        [sys.executable, "-c", _KILLED_HALFWAY, url], check=False, timeout=SECONDS
    )

    assert done.returncode == -signal.SIGKILL
    assert counted(uncounted) == 2 * reconcile.BATCH_PROVIDERS
    migrations.sync(uncounted)
    assert wrong(uncounted) == []


def test_a_sync_killed_in_a_transaction_can_be_repeated(
    uncounted, tmp_path: pathlib.Path
) -> None:
    if uncounted.dialect.name == "sqlite":
        pytest.skip("on SQLite, no other transaction can hold a lock meanwhile")
    url = uncounted.url.render_as_string(hide_password=False)
    configuration.write(tmp_path, url)

    with held(uncounted, PROVIDERS):
        process = subprocess.Popen(
            [
                programs.THIS.with_name("placement-manage"),
                *("--config-file", tmp_path / "placement.conf", "db", "sync"),
            ],
            env=programs.environment(tmp_path),
            stderr=subprocess.DEVNULL,
        )
        wait_until_counted(uncounted, PROVIDERS - reconcile.BATCH_PROVIDERS)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(SECONDS)

    assert counted(uncounted) == PROVIDERS - reconcile.BATCH_PROVIDERS
    migrations.sync(uncounted)
    assert wrong(uncounted) == []


@contextlib.contextmanager
def held(engine: sa.Engine, provider_id: int):
    """Hold a lock on a provider, so that other writers wait."""
    with engine.connect() as conn:
        select = sa.select(_providers.c.id).where(_providers.c.id == provider_id)
        conn.execute(select.with_for_update())
        yield
        conn.rollback()


def wait_until_counted(engine: sa.Engine, wanted: int) -> None:
    waiting.until(lambda: counted(engine) >= wanted)
