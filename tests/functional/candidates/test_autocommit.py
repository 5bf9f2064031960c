"""On PostgreSQL a repeated search is one statement without a transaction."""

import contextlib
import json

import pytest
import sqlalchemy as sa

from placement.candidates import search
from placement.db import engine as engines
from placement.db import postgresql
from tests.unit.candidates import worlds
from tests.unit.candidates.worlds import flat_cloud


@pytest.fixture
def context(engine):
    """The context of a process that has searched a cloud of three hosts twice."""
    if engine.dialect.name != "postgresql":
        pytest.skip("is about PostgreSQL")
    worlds.store(engine, flat_cloud(3))
    context = worlds.context_of(engine)
    for _ in range(2):
        worlds.ask(context, "resources=VCPU:1")
    return context


def used_of(document):
    summaries = json.loads(document)["provider_summaries"]
    return [one["resources"]["VCPU"]["used"] for one in summaries.values()]


def use(engine, used, ids):
    listed = ",".join(map(str, ids))
    of_some = f"UPDATE inventories SET used = {used} WHERE resource_provider_id IN"
    worlds.change(engine, f"{of_some} ({listed})", ids=ids)


@pytest.fixture
def isolation_levels(monkeypatch):
    """The isolation level of each statement of the search, as the server says it."""
    found = []
    run = search.Reader

    class Recording(run):
        def __init__(self, conn, *others):
            found.append(
                conn.exec_driver_sql(
                    "SELECT current_setting('transaction_isolation')"
                ).scalar()
            )
            super().__init__(conn, *others)

    monkeypatch.setattr(search, "Reader", Recording)
    return found


@pytest.mark.parametrize("changed", [[], [2], [1, 2, 3]])
def test_a_repeated_search_needs_no_transaction(context, isolation_levels, changed):
    if changed:
        use(context.engine, 1, changed)

    used = used_of(worlds.ask(context, "resources=VCPU:1"))

    assert used == [int(id_ in changed) for id_ in (1, 2, 3)]
    assert isolation_levels == ["read committed"]


def test_a_search_that_needs_more_than_its_batch_reads_a_snapshot(
    context, isolation_levels
):
    worlds.ask(context, "resources=MEMORY_MB:1&member_of=" + worlds.uuid_of("A"))
    isolation_levels.clear()
    # The room for more is not known, so that it is counted.
    worlds.ask(context, "resources=VCPU:7")

    assert isolation_levels == ["read committed", "repeatable read"]


def test_a_change_after_the_batch_is_read_in_one_snapshot(context, monkeypatch):
    """Between the batch, which is not enough, and the transaction after it."""
    engine = context.engine
    autocommit = postgresql.autocommit

    @contextlib.contextmanager
    def changed_after(conn):
        with autocommit(conn) as is_autocommit:
            yield is_autocommit
        use(engine, 2, [1, 2])

    monkeypatch.setattr(postgresql, "autocommit", changed_after)

    used = used_of(worlds.ask(context, "resources=VCPU:6"))

    assert used == [2, 2, 0]


def test_after_autocommit_a_transaction_is_a_snapshot(context):
    engine = context.engine
    show = sa.text("SELECT current_setting('transaction_isolation')")
    began = sa.text("SELECT now() = statement_timestamp()")
    for _ in range(2):
        with engine.connect() as fresh:
            conn = engines.for_reading(fresh)
            with postgresql.autocommit(conn) as is_autocommit:
                assert is_autocommit
                assert conn.scalar(show) == "read committed"
                assert conn.scalar(began)
            assert conn.scalar(show) == "repeatable read"
            assert not conn.scalar(began)
        with engine.begin() as conn:
            assert conn.scalar(show) == "read committed"
            conn.execute(sa.text("UPDATE resource_providers SET revision = 9"))
