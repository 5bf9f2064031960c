"""``transaction.write_pipelined``: what is written, and the state of the connection."""

import collections.abc
import itertools
import logging
import typing

import pytest
import sqlalchemy as sa

from placement import exception
from placement.db import batch, lists, tables, transaction
from placement.db import postgresql as connections
from placement.db.batch import Step
from tests.functional import statements
from tests.functional.db import contexts
from tests.servers import databases, sessions

_names = map("CUSTOM_{}".format, itertools.count())


class Write:
    """A write whose plan inserts one trait, and whose work inserts another.

    ``before`` are statements that the plan runs first.
    """

    def __init__(self, *before: sa.Executable) -> None:
        self._before = [Step(each, {}) for each in before]
        self.by_plan, self.by_work = next(_names), next(_names)
        self.planned = self.worked = 0

    def plan(self, _conn: sa.Connection) -> list[Step] | None:
        self.planned += 1
        return [*self._before, lists.insert(tables.traits, [{"name": self.by_plan}])]

    def work(self, conn: sa.Connection) -> None:
        self.worked += 1
        conn.execute(sa.insert(tables.traits).values(name=self.by_work))

    def write(self, context: typing.Any, *keys: str) -> list[str]:
        """Write it, and return the statements that were sent."""
        with statements.recorded() as sent:
            transaction.write_pipelined(
                context, keys, self.plan, self.work, lambda _rows: None
            )
        return sent

    def found(self, context: typing.Any) -> tuple[bool, bool]:
        """Return whether the trait of the plan exists, and that of the work."""
        names = [self.by_plan, self.by_work]
        select = sa.select(tables.traits.c.name).where(tables.traits.c.name.in_(names))
        there = transaction.read(context, lambda conn: set(conn.scalars(select)))
        return self.by_plan in there, self.by_work in there


BY_PLAN, BY_WORK, NEITHER = (True, False), (False, True), (False, False)

REFUSED = batch.required(sa.literal_column("1") == sa.literal_column("2"))
DIES = sa.text("SELECT pg_terminate_backend(pg_backend_pid())")
CANNOT_WRITE = sa.text("SET LOCAL transaction_read_only = on")


def fails(code: str) -> sa.TextClause:
    return sa.text(f"DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$")


@pytest.fixture
def url(postgresql_server: databases.Databases) -> collections.abc.Iterator[str]:
    with postgresql_server.new() as url:
        yield url


@pytest.fixture
def postgresql(url: str) -> collections.abc.Iterator[typing.Any]:
    with contexts.context(url) as context:
        yield context


def test_only_postgresql_runs_the_plan(context) -> None:
    is_able = context.engine.dialect.name == "postgresql"
    write = Write()

    write.write(context)

    assert write.found(context) == (BY_PLAN if is_able else BY_WORK)
    assert (write.planned, write.worked) == ((1, 0) if is_able else (0, 1))


def test_a_plan_is_one_statement_and_is_committed(postgresql) -> None:
    Write().write(postgresql)
    write = Write()

    assert len(write.write(postgresql)) == 1
    assert write.found(postgresql) == BY_PLAN


def test_without_a_plan_the_work_runs(postgresql) -> None:
    write = Write()
    write.plan = lambda _conn: None
    after = Write()

    write.write(postgresql)
    after.write(postgresql)

    assert write.found(postgresql) == BY_WORK
    assert after.found(postgresql) == BY_PLAN


def test_a_plan_runs_at_read_committed_whatever_the_database_is_set_to(
    postgresql,
) -> None:
    change = f"ALTER DATABASE {postgresql.engine.url.database} SET"
    with postgresql.engine.begin() as conn:
        conn.execute(sa.text(f"{change} default_transaction_isolation = serializable"))
    postgresql.engine.dispose()
    level = sa.func.current_setting("transaction_isolation")
    write = Write(batch.required(level == sa.literal_column("'read committed'")))

    write.write(postgresql)

    assert write.found(postgresql) == BY_PLAN


def test_a_refused_plan_is_rolled_back(postgresql) -> None:
    first = Write(sa.text("INSERT INTO traits (name) VALUES ('CUSTOM_FIRST')"), REFUSED)

    first.write(postgresql)

    assert first.found(postgresql) == BY_WORK
    assert (first.planned, first.worked) == (1, 1)
    count = sa.text("SELECT count(*) FROM traits WHERE name = 'CUSTOM_FIRST'")
    assert transaction.read(postgresql, lambda conn: conn.scalar(count)) == 0


def fail(_conn: sa.Connection) -> None:
    raise exception.Conflict(reason="No room.")


def refuse(context: typing.Any, *keys: str) -> Write:
    """Run a write whose plan and work are both refused; return it."""
    write = Write(REFUSED)
    write.work = fail
    with pytest.raises(exception.Conflict):
        write.write(context, *keys)
    return write


def test_a_refusal_does_not_affect_writes_with_other_keys(postgresql) -> None:
    refuse(postgresql, "this", "that")
    other, without = Write(), Write()

    other.write(postgresql, "other")
    without.write(postgresql)

    found = [each.found(postgresql) for each in (other, without)]
    assert found == [BY_PLAN, BY_PLAN]


def test_a_refused_key_skips_the_plan_until_a_write_succeeds(postgresql) -> None:
    refused = [refuse(postgresql, "this", "that"), refuse(postgresql, "this")]
    first, second, third = Write(), Write(), Write()

    first.write(postgresql, "other", "that")
    second.write(postgresql, "that")
    third.write(postgresql, "this")

    assert [each.planned for each in refused] == [1, 0]
    found = [each.found(postgresql) for each in (first, second, third)]
    assert found == [BY_WORK, BY_PLAN, BY_WORK]


def test_work_that_succeeds_clears_the_refused_keys(postgresql) -> None:
    Write(REFUSED).write(postgresql, "this")
    after = Write()

    after.write(postgresql, "this")

    assert after.found(postgresql) == BY_PLAN


def test_the_number_of_refused_keys_is_limited(postgresql, monkeypatch) -> None:
    monkeypatch.setattr(transaction, "REFUSED_KEYS_MAX", 3)
    for keys in (["one", "two"], ["three"], ["four"]):
        refuse(postgresql, *keys)
    dropped, kept = Write(), Write()

    dropped.write(postgresql, "one", "two", "three")
    kept.write(postgresql, "four")

    assert dropped.found(postgresql) == BY_PLAN
    assert kept.found(postgresql) == BY_WORK


@pytest.mark.parametrize("code", ["40001", "40P01", "23505", "55P03"])
def test_a_plan_that_loses_a_race_is_not_sent_again(postgresql, code: str) -> None:
    write = Write(fails(code))

    write.write(postgresql)

    assert write.found(postgresql) == BY_WORK
    assert (write.planned, write.worked) == (1, 1)


def test_a_faulty_statement_is_not_followed_by_the_work(postgresql) -> None:
    write = Write(sa.text("SELECT 1 FROM nothing_like_that"))

    with pytest.raises(sa.exc.ProgrammingError):
        write.write(postgresql)

    assert write.found(postgresql) == NEITHER
    assert write.worked == 0


def test_a_read_only_server_has_not_run_the_plan(postgresql) -> None:
    write = Write(CANNOT_WRITE)

    write.write(postgresql)

    assert write.found(postgresql) == BY_WORK
    assert (write.planned, write.worked) == (1, 1)


def test_the_outcome_of_a_plan_is_unknown_when_the_connection_is_lost(
    postgresql,
) -> None:
    write = Write(DIES)

    with pytest.raises(exception.Unavailable, match="not known"):
        write.write(postgresql)

    assert write.found(postgresql) == NEITHER
    assert (write.planned, write.worked) == (1, 0)


def test_a_connection_lost_earlier_is_replaced_before_the_plan_is_sent(
    postgresql, url, caplog
) -> None:
    caplog.set_level(logging.CRITICAL)
    Write().write(postgresql)
    sessions.end_all(url)
    write = Write()

    write.write(postgresql)

    assert write.found(postgresql) == BY_PLAN
    assert (write.planned, write.worked) == (1, 0)


def test_only_an_idle_connection_is_pinged(postgresql, monkeypatch) -> None:
    Write().write(postgresql)
    recent = Write().write(postgresql)
    monkeypatch.setattr(connections, "_IDLE_SECONDS", 0)
    idle = Write().write(postgresql)

    assert (len(recent), len(idle)) == (1, 2)


def test_the_connection_is_usable_after_every_outcome(postgresql, caplog) -> None:
    caplog.set_level(logging.CRITICAL)
    for before in ([REFUSED], [fails("40001")], [CANNOT_WRITE], []):
        Write(*before).write(postgresql)

        in_steps = transaction.write(postgresql, sessions.own)
        reading = transaction.read(
            postgresql,
            lambda conn: conn.scalar(
                sa.text("SELECT current_setting('transaction_read_only')")
            ),
        )
        assert in_steps
        assert reading == "on"


def test_a_pooler_that_drops_prepared_statements_loses_no_write(
    postgresql, caplog
) -> None:
    caplog.set_level(logging.CRITICAL)
    # Repeat until the statements are prepared.
    for _ in range(4):
        Write().write(postgresql)
    with postgresql.engine.connect() as conn:
        conn.execute(sa.text("DEALLOCATE ALL"))
        conn.commit()
    write, after = Write(), Write()

    write.write(postgresql)
    after.write(postgresql)

    assert write.found(postgresql) == BY_WORK
    assert after.found(postgresql) == BY_PLAN
