"""Transactions that are sent at once: what becomes of them, and of the connection."""

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
from tests.functional import databases, sessions, statements
from tests.functional.db import contexts

_names = map("CUSTOM_{}".format, itertools.count())


class Whole:
    """Traits of its own: one that is added at once, and one by ``work`` instead.

    ``before`` are statements that are sent first of all.
    """

    def __init__(self, *before: sa.Executable) -> None:
        self._before = [Step(each, {}) for each in before]
        self.at_once, self.in_steps = next(_names), next(_names)
        self.planned = self.worked = 0

    def plan(self, _conn: sa.Connection) -> list[Step] | None:
        self.planned += 1
        return [*self._before, lists.insert(tables.traits, [{"name": self.at_once}])]

    def work(self, conn: sa.Connection) -> None:
        self.worked += 1
        conn.execute(sa.insert(tables.traits).values(name=self.in_steps))

    def write(self, context: typing.Any, *keys: str) -> list[str]:
        """Have it written, and return the statements that were sent."""
        with statements.recorded() as sent:
            transaction.write_at_once(context, keys, self.plan, self.work)
        return sent

    def found(self, context: typing.Any) -> tuple[bool, bool]:
        """Say whether there is what is added at once, and what is added instead."""
        names = [self.at_once, self.in_steps]
        select = sa.select(tables.traits.c.name).where(tables.traits.c.name.in_(names))
        there = transaction.read(context, lambda conn: set(conn.scalars(select)))
        return self.at_once in there, self.in_steps in there


DONE, DONE_IN_STEPS, NOT_DONE = (True, False), (False, True), (False, False)

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


def test_who_cannot_send_it_at_once_does_it_in_steps(context) -> None:
    is_able = context.engine.dialect.name == "postgresql"
    whole = Whole()

    whole.write(context)

    assert whole.found(context) == (DONE if is_able else DONE_IN_STEPS)
    assert (whole.planned, whole.worked) == ((1, 0) if is_able else (0, 1))


def test_it_is_one_text_and_there_for_others(postgresql) -> None:
    Whole().write(postgresql)
    whole = Whole()

    assert len(whole.write(postgresql)) == 1
    assert whole.found(postgresql) == DONE


def test_what_has_no_plan_is_done_in_steps(postgresql) -> None:
    whole = Whole()
    whole.plan = lambda _conn: None
    after = Whole()

    whole.write(postgresql)
    after.write(postgresql)

    assert whole.found(postgresql) == DONE_IN_STEPS
    assert after.found(postgresql) == DONE


def test_every_statement_sees_what_is_committed_whatever_the_server_is_set_to(
    postgresql,
) -> None:
    change = f"ALTER DATABASE {postgresql.engine.url.database} SET"
    with postgresql.engine.begin() as conn:
        conn.execute(sa.text(f"{change} default_transaction_isolation = serializable"))
    postgresql.engine.dispose()
    level = sa.func.current_setting("transaction_isolation")
    whole = Whole(batch.required(level == sa.literal_column("'read committed'")))

    whole.write(postgresql)

    assert whole.found(postgresql) == DONE


def test_of_what_is_refused_nothing_is_left(postgresql) -> None:
    first = Whole(sa.text("INSERT INTO traits (name) VALUES ('CUSTOM_FIRST')"), REFUSED)

    first.write(postgresql)

    assert first.found(postgresql) == DONE_IN_STEPS
    assert (first.planned, first.worked) == (1, 1)
    count = sa.text("SELECT count(*) FROM traits WHERE name = 'CUSTOM_FIRST'")
    assert transaction.read(postgresql, lambda conn: conn.scalar(count)) == 0


def fail(_conn: sa.Connection) -> None:
    raise exception.Conflict(reason="There is no room.")


def refuse(context: typing.Any, *keys: str) -> Whole:
    """Write what is refused at once and in steps; return it."""
    whole = Whole(REFUSED)
    whole.work = fail
    with pytest.raises(exception.Conflict):
        whole.write(context, *keys)
    return whole


def test_a_refusal_does_not_concern_writes_with_other_keys(postgresql) -> None:
    refuse(postgresql, "this", "that")
    other, without = Whole(), Whole()

    other.write(postgresql, "other")
    without.write(postgresql)

    found = [each.found(postgresql) for each in (other, without)]
    assert found == [DONE, DONE]


def test_a_refused_key_is_written_in_steps_until_one_succeeds(postgresql) -> None:
    refused = [refuse(postgresql, "this", "that"), refuse(postgresql, "this")]
    first, second, third = Whole(), Whole(), Whole()

    first.write(postgresql, "other", "that")
    second.write(postgresql, "that")
    third.write(postgresql, "this")

    assert [each.planned for each in refused] == [1, 0]
    found = [each.found(postgresql) for each in (first, second, third)]
    assert found == [DONE_IN_STEPS, DONE, DONE_IN_STEPS]


def test_a_write_that_succeeds_in_steps_leaves_nothing_refused(postgresql) -> None:
    Whole(REFUSED).write(postgresql, "this")
    after = Whole()

    after.write(postgresql, "this")

    assert after.found(postgresql) == DONE


def test_refused_keys_are_bounded(postgresql, monkeypatch) -> None:
    monkeypatch.setattr(transaction, "REFUSED_KEYS_MAX", 3)
    for keys in (["one", "two"], ["three"], ["four"]):
        refuse(postgresql, *keys)
    dropped, kept = Whole(), Whole()

    dropped.write(postgresql, "one", "two", "three")
    kept.write(postgresql, "four")

    assert dropped.found(postgresql) == DONE
    assert kept.found(postgresql) == DONE_IN_STEPS


@pytest.mark.parametrize("code", ["40001", "40P01", "23505", "55P03"])
def test_what_loses_a_race_is_sent_once(postgresql, code: str) -> None:
    whole = Whole(fails(code))

    whole.write(postgresql)

    assert whole.found(postgresql) == DONE_IN_STEPS
    assert (whole.planned, whole.worked) == (1, 1)


def test_our_own_mistake_is_not_tried_in_another_way(postgresql) -> None:
    whole = Whole(sa.text("SELECT 1 FROM nothing_like_that"))

    with pytest.raises(sa.exc.ProgrammingError):
        whole.write(postgresql)

    assert whole.found(postgresql) == NOT_DONE
    assert whole.worked == 0


def test_a_server_that_takes_no_writes_has_done_nothing(postgresql) -> None:
    whole = Whole(CANNOT_WRITE)

    whole.write(postgresql)

    assert whole.found(postgresql) == DONE_IN_STEPS
    assert (whole.planned, whole.worked) == (1, 1)


def test_of_what_is_lost_on_its_way_nobody_knows(postgresql) -> None:
    whole = Whole(DIES)

    with pytest.raises(exception.Unavailable, match="not known"):
        whole.write(postgresql)

    assert whole.found(postgresql) == NOT_DONE
    assert (whole.planned, whole.worked) == (1, 0)


def test_a_connection_that_was_lost_before_is_found_out(
    postgresql, url, caplog
) -> None:
    caplog.set_level(logging.CRITICAL)
    Whole().write(postgresql)
    sessions.end_all(url)
    whole = Whole()

    whole.write(postgresql)

    assert whole.found(postgresql) == DONE
    assert (whole.planned, whole.worked) == (1, 0)


def test_only_who_was_silent_for_a_while_is_asked_before(
    postgresql, monkeypatch
) -> None:
    Whole().write(postgresql)
    lately = Whole().write(postgresql)
    monkeypatch.setattr(connections, "_IN_USE_SECONDS", 0)
    long_ago = Whole().write(postgresql)

    assert (len(lately), len(long_ago)) == (1, 2)


def test_the_connection_serves_others_after_all_of_this(postgresql, caplog) -> None:
    caplog.set_level(logging.CRITICAL)
    for before in ([REFUSED], [fails("40001")], [CANNOT_WRITE], []):
        Whole(*before).write(postgresql)

        in_steps = transaction.write(postgresql, sessions.own)
        reading = transaction.read(
            postgresql,
            lambda conn: conn.scalar(
                sa.text("SELECT current_setting('transaction_read_only')")
            ),
        )
        assert in_steps
        assert reading == "on"


def test_a_pooler_that_shares_connections_loses_nothing(postgresql, caplog) -> None:
    caplog.set_level(logging.CRITICAL)
    # Until its statements are prepared.
    for _ in range(4):
        Whole().write(postgresql)
    with postgresql.engine.connect() as conn:
        conn.execute(sa.text("DEALLOCATE ALL"))
        conn.commit()
    whole, after = Whole(), Whole()

    whole.write(postgresql)
    after.write(postgresql)

    assert whole.found(postgresql) == DONE_IN_STEPS
    assert after.found(postgresql) == DONE
