"""Prefetching by one statement gives the values that separate reads give."""

import itertools

import pytest
import sqlalchemy as sa

from placement.candidates.sql import reader, statements
from placement.candidates.sql.reader import (
    NAMES_REVISION,
    Batches,
    Prefetch,
    Read,
    Reader,
    SnapshotRequiredError,
)
from placement.db import tables
from tests.functional.statements import recorded
from tests.unit.candidates import worlds
from tests.unit.candidates.model import Inventory, Provider

CLOUD = [
    Provider("a", None, {"VCPU": Inventory(8)}),
    Provider("b", "a", {"CUSTOM_A": Inventory(2)}),
    Provider("c", None, {"VCPU": Inventory(4)}),
]
_ID = sa.select(tables.resource_providers.c.id).where(
    tables.resource_providers.c.name == sa.bindparam("name")
)
PAGE = statements.members_after(0, 10)


def named(name):
    return Read.of(_ID, name=name)


# The last has no row.
VALUES = (
    NAMES_REVISION,
    statements.any_nested(),
    *(named(name) for name in ("a", "b", "c", "d")),
    statements.any_sharing(5),
    statements.greatest_id(),
    statements.any_sharing(6),
)


@pytest.mark.parametrize("has_page", [False, True])
def test_a_batch_returns_what_separate_reads_return(engine, has_page):
    worlds.store(engine, CLOUD)
    for count in range(1, len(VALUES) + 1):
        prefetch = Prefetch(VALUES[:count], PAGE if has_page else None)
        with engine.connect() as conn:
            batch, alone = Reader(conn, prefetch, Batches()), Reader(conn)
            for read in VALUES:
                assert batch.value(read) == alone.value(read)
            assert batch.page(PAGE) == alone.page(PAGE)


def test_a_prefetched_read_runs_no_statement(engine):
    worlds.store(engine, CLOUD)
    with engine.connect() as conn:
        batches = Batches()
        with recorded() as sent:
            prefetched = Reader(conn, Prefetch(VALUES[:4], PAGE), batches)
            for read in VALUES[:4]:
                prefetched.value(read)
            prefetched.page(PAGE)
        assert len(sent) == 1
        with recorded() as sent:
            prefetched.value(VALUES[5])
            prefetched.value(VALUES[5])
        assert len(sent) == 1


def test_a_batch_is_compiled_once_for_all_values(engine, monkeypatch):
    worlds.store(engine, CLOUD)
    compiled = []
    monkeypatch.setattr(
        reader, "batch_of", lambda *given: compiled.append(1) or _batch_of(*given)
    )
    batches = Batches()
    with engine.connect() as conn:
        for one, other in itertools.permutations("abcd", 2):
            found = Reader(conn, Prefetch((named(one), named(other))), batches)
            assert found.value(named(one)) == Reader(conn).value(named(one))
            assert found.value(named(other)) == Reader(conn).value(named(other))

    assert len(compiled) == 1


_batch_of = reader.batch_of


def test_another_page_than_the_prefetched_one_is_read(engine):
    worlds.store(engine, CLOUD)
    other = statements.members_after(1, 10)
    with engine.connect() as conn:
        prefetched = Reader(conn, Prefetch(VALUES[:1], PAGE), Batches())

        assert prefetched.page(other) == Reader(conn).page(other)
        assert prefetched.first_page == other
        assert not prefetched.has_read_more

        prefetched.page(PAGE)
        assert prefetched.has_read_more


def test_without_a_snapshot_only_the_batch_can_be_used(engine):
    worlds.store(engine, CLOUD)
    with engine.connect() as conn:
        batch = Reader(conn, Prefetch(VALUES[:2], PAGE), Batches(), only_batch=True)

        assert batch.value(VALUES[1]) is not None
        assert batch.page(PAGE)
        with pytest.raises(SnapshotRequiredError):
            batch.value(VALUES[2])
        with pytest.raises(SnapshotRequiredError):
            batch.page(statements.members_after(1, 10))
        with pytest.raises(SnapshotRequiredError):
            batch.conn.execute(sa.select(1))


def test_details_come_for_newer_revisions_only(engine):
    worlds.store(engine, CLOUD)
    with engine.begin() as conn:
        conn.execute(sa.text("UPDATE resource_providers SET revision = 5 WHERE id = 2"))
    with engine.connect() as conn:
        if not reader.has_fast_batches(conn):
            pytest.skip("details are for PostgreSQL only")
        found = Reader(conn, Prefetch(VALUES[:1], PAGE, newest=4), Batches())

        assert found.details.keys() == {2}
        assert found.page(PAGE) == Reader(conn).page(PAGE)
