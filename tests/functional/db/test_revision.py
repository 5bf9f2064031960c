"""The next revision is the last one plus one or the time, whichever is greater."""

import time

import pytest
import sqlalchemy as sa

from placement.db import engine as engines
from placement.db import reconcile, revision, tables
from placement.objects import tree

_providers = tables.resource_providers

# Maximum difference of two clocks of one machine.
SECONDS = 5
FUTURE = 2**60


def now() -> int:
    return time.time_ns() // 1000


def is_now(number: int) -> bool:
    return abs(number - now()) < SECONDS * 1_000_000


def advanced(conn: sa.Connection, last: int) -> int:
    """Return the revision that follows ``last``."""
    changes = tables.name_changes
    conn.execute(sa.update(changes).values(revision=last))
    following = revision.next_of(changes.c.revision)
    conn.execute(sa.update(changes).values(revision=following))
    found: int = conn.execute(sa.select(changes.c.revision)).scalar_one()
    return found


@pytest.mark.parametrize("last", [0, 1, -7, 10**15])
def test_the_next_revision_is_the_time(write, last) -> None:
    assert is_now(write(lambda conn: advanced(conn, last)))


@pytest.mark.parametrize("last", [FUTURE, FUTURE + 1])
def test_a_revision_beyond_the_time_becomes_a_greater_even_one(write, last) -> None:
    following = write(lambda conn: advanced(conn, last))

    assert last < following < last + 4
    assert following % 2 == 0


def test_usage_changes_keep_the_revision_of_the_definition(write) -> None:
    def change(conn: sa.Connection) -> list[tuple[int, int]]:
        tree.create(conn, "new", None, None)
        is_new = _providers.c.name == "new"
        select = sa.select(
            _providers.c.revision, revision.of_definition(_providers)
        ).where(is_new)
        found = [conn.execute(select).one()]
        for values in (
            revision.usage_changed(_providers),
            revision.usage_changed(_providers),
            {"revision": revision.next_of(_providers.c.revision)},
            revision.usage_changed(_providers),
        ):
            conn.execute(sa.update(_providers).where(is_new).values(values))
            found.append(conn.execute(select).one())
        return [(row[0], row[1]) for row in found]

    found = write(change)

    revisions = [last for last, _ in found]
    assert revisions == sorted(set(revisions))
    assert all(map(is_now, revisions))
    assert [last % 2 for last in revisions] == [0, 1, 1, 0, 1]
    created, changed = revisions[0], revisions[3]
    definitions = [definition for _, definition in found]
    assert definitions == [created, created, created, changed, changed]


def test_two_revisions_in_one_transaction_have_different_times(write) -> None:
    def both(conn: sa.Connection) -> tuple[int, int]:
        before = advanced(conn, 0)
        time.sleep(0.01)
        return before, advanced(conn, 0)

    before, after = write(both)

    assert after - before >= 10_000


def test_the_time_zone_of_the_database_does_not_matter(engine) -> None:
    settings = {
        "postgresql": "SET TIME ZONE 'Pacific/Kiritimati'",
        "mysql": "SET time_zone = '+13:00'",
    }
    with engine.connect() as fresh:
        conn = engines.for_writing(fresh)
        if conn.dialect.name in settings:
            conn.exec_driver_sql(settings[conn.dialect.name])
        assert is_now(advanced(conn, 0))
        conn.rollback()
        conn.invalidate()


def test_the_first_revision_of_a_provider_is_the_time(write) -> None:
    def create(conn: sa.Connection) -> int:
        tree.create(conn, "new", None, None)
        of_new = sa.select(_providers.c.revision).where(_providers.c.name == "new")
        found: int = conn.execute(of_new).scalar_one()
        return found

    assert is_now(write(create))


def test_a_provider_without_revision_gets_the_time(world: sa.Engine) -> None:
    with world.begin() as conn:
        conn.execute(sa.update(_providers).values(revision=0))

    reconcile.reconcile_all(world)

    with world.connect() as conn:
        assert all(map(is_now, conn.scalars(sa.select(_providers.c.revision))))
