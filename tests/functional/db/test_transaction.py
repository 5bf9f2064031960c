"""``transaction``: what is retried, how often, and what is reported."""

import threading
import typing

import pymysql
import pytest
import sqlalchemy as sa

from placement import exception
from placement.db import tables, transaction
from tests.functional.db import contexts
from tests.servers import sessions

SECONDS = 60
_providers = tables.resource_providers


@pytest.fixture
def server(context):
    if context.engine.dialect.name == "sqlite":
        pytest.skip("what only a server can do")
    return context


def add_trait(conn: sa.Connection, name: str) -> None:
    conn.execute(sa.insert(tables.traits).values(name=name))


def has_trait(context: typing.Any, name: str) -> bool:
    select = sa.select(tables.traits.c.id).where(tables.traits.c.name == name)
    return transaction.read(context, lambda conn: conn.scalar(select)) is not None


def at_once(*works: typing.Callable[[], object]) -> list[object]:
    """Run each in its own thread; return what each returned or raised."""
    results: list[object] = [None] * len(works)

    def run(place: int) -> None:
        try:
            results[place] = works[place]()
        except Exception as failure:
            results[place] = failure

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    return results


def test_work_is_committed_unless_it_raises(context) -> None:
    def refused(conn: sa.Connection) -> None:
        add_trait(conn, "CUSTOM_B")
        raise exception.Conflict(reason="no")

    transaction.write(context, lambda conn: add_trait(conn, "CUSTOM_A"))
    with pytest.raises(exception.Conflict, match="no"):
        transaction.write(context, refused)

    assert has_trait(context, "CUSTOM_A")
    assert not has_trait(context, "CUSTOM_B")


def test_retry_rolls_back_and_runs_the_work_again(context) -> None:
    attempts = []

    def work(conn: sa.Connection) -> int:
        attempts.append(1)
        add_trait(conn, "CUSTOM_A")
        if len(attempts) < 3:
            raise transaction.Retry(exception.ConcurrentUpdate(reason="gone"))
        return len(attempts)

    assert transaction.write(context, work) == 3
    assert has_trait(context, "CUSTOM_A")


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_the_number_of_attempts_is_limited(database_url, retries: int) -> None:
    attempts = []

    def work(_conn: sa.Connection) -> None:
        attempts.append(1)
        raise transaction.Retry(exception.ConcurrentUpdate(reason="gone"))

    with (
        contexts.context(database_url, retries) as context,
        pytest.raises(exception.ConcurrentUpdate, match="gone"),
    ):
        transaction.write(context, work)

    assert len(attempts) == retries + 1


def test_a_duplicate_key_is_found_at_the_second_attempt(context) -> None:
    """Two writers miss the row and insert it; on SQLite, one waits for the other."""
    barrier = threading.Barrier(2)
    looked = []

    def ensure(conn: sa.Connection) -> bool:
        select = sa.select(tables.traits.c.id)
        found = conn.scalar(select.where(tables.traits.c.name == "CUSTOM_A"))
        looked.append(found)
        if len(looked) <= 2 and conn.dialect.name != "sqlite":
            barrier.wait(SECONDS)
        if found is None:
            add_trait(conn, "CUSTOM_A")
        return found is None

    added = at_once(*[lambda: transaction.write(context, ensure)] * 2)

    assert sorted(added, key=str) == [False, True]
    if context.engine.dialect.name != "sqlite":
        assert len(looked) == 3


def test_a_duplicate_key_at_every_attempt_is_a_conflict(database_url) -> None:
    with contexts.context(database_url, retries=2) as context:
        transaction.write(context, lambda conn: add_trait(conn, "CUSTOM_A"))
        with pytest.raises(exception.ConcurrentUpdate, match="concurrently updated"):
            transaction.write(context, lambda conn: add_trait(conn, "CUSTOM_A"))


def test_a_server_that_is_not_ready_is_retried_and_then_unavailable(
    database_url,
) -> None:
    attempts = []

    def work(_conn: sa.Connection) -> None:
        attempts.append(1)
        refused = pymysql.err.OperationalError(1047, "not yet prepared")
        raise sa.exc.OperationalError("SELECT 1", {}, refused)

    with (
        contexts.context(database_url, retries=2) as context,
        pytest.raises(exception.Unavailable, match="takes no work"),
    ):
        transaction.write(context, work)

    assert len(attempts) == 3


def test_a_faulty_statement_is_not_retried(context) -> None:
    attempts = []

    def work(conn: sa.Connection) -> None:
        attempts.append(1)
        conn.execute(sa.insert(tables.traits).values(name=None))

    with pytest.raises(sa.exc.IntegrityError):
        transaction.write(context, work)

    assert len(attempts) == 1


def test_the_victim_of_a_deadlock_is_retried(server) -> None:
    transaction.write(server, lambda conn: add_trait(conn, "CUSTOM_A"))
    transaction.write(server, lambda conn: add_trait(conn, "CUSTOM_B"))
    barrier = threading.Barrier(2)
    attempts = []

    def touch(conn: sa.Connection, name: str) -> None:
        changed = sa.update(tables.traits).where(tables.traits.c.name == name)
        conn.execute(changed.values(updated_at=tables.utcnow()))

    def crossing(first: str, second: str) -> typing.Callable[[sa.Connection], str]:
        def work(conn: sa.Connection) -> str:
            attempts.append(first)
            touch(conn, first)
            if len(attempts) <= 2:
                barrier.wait(SECONDS)
            touch(conn, second)
            return first

        return work

    done = at_once(
        lambda: transaction.write(server, crossing("CUSTOM_A", "CUSTOM_B")),
        lambda: transaction.write(server, crossing("CUSTOM_B", "CUSTOM_A")),
    )

    assert done == ["CUSTOM_A", "CUSTOM_B"]
    assert len(attempts) == 3


@pytest.fixture
def mariadb(context):
    if context.engine.dialect.name != "mysql":
        pytest.skip("about MariaDB")
    return context


def test_a_lock_wait_timeout_is_retried(mariadb) -> None:
    transaction.write(mariadb, add_provider)
    attempts = []

    def work(conn: sa.Connection) -> None:
        attempts.append(1)
        conn.execute(sa.text("SET SESSION innodb_lock_wait_timeout = 1"))
        if len(attempts) > 1:
            holder.rollback()
        conn.execute(sa.select(_providers.c.id).with_for_update())

    with mariadb.engine.connect() as holder:
        holder.execute(sa.select(_providers.c.id).with_for_update())
        transaction.write(mariadb, work)

    assert len(attempts) == 2


def test_locking_a_row_that_has_changed_since_it_was_read_is_retried(mariadb) -> None:
    transaction.write(mariadb, add_provider)
    attempts = []
    step = sa.update(_providers).values(generation=_providers.c.generation + 1)

    def work(conn: sa.Connection) -> None:
        attempts.append(1)
        conn.execute(sa.text("ROLLBACK"))
        conn.execute(sa.text("SET SESSION innodb_snapshot_isolation = ON"))
        conn.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        conn.execute(sa.select(_providers.c.generation)).all()
        if len(attempts) == 1:
            transaction.write(mariadb, lambda other: other.execute(step) and None)
        conn.execute(sa.select(_providers.c.id).with_for_update())

    transaction.write(mariadb, work)

    assert len(attempts) == 2


def test_a_connection_lost_before_commit_is_replaced(server, database_url) -> None:
    numbers = []

    def work(conn: sa.Connection) -> None:
        numbers.append(sessions.own(conn))
        add_trait(conn, "CUSTOM_A")
        if len(numbers) == 1:
            sessions.end(database_url, numbers[0])
        add_trait(conn, "CUSTOM_B")

    transaction.write(server, work)

    assert len(set(numbers)) == 2
    assert has_trait(server, "CUSTOM_A")
    assert has_trait(server, "CUSTOM_B")


def test_a_connection_that_is_lost_again_is_reported_as_unavailable(
    server, database_url
) -> None:
    numbers = []

    def work(conn: sa.Connection) -> None:
        numbers.append(sessions.own(conn))
        sessions.end(database_url, numbers[-1])
        add_trait(conn, "CUSTOM_A")

    with pytest.raises(exception.Unavailable, match="Nothing was changed"):
        transaction.write(server, work)

    assert len(numbers) == 2
    assert not has_trait(server, "CUSTOM_A")


def test_a_connection_lost_in_commit_is_reported_and_not_retried(
    server, database_url
) -> None:
    numbers = []

    def work(conn: sa.Connection) -> None:
        numbers.append(sessions.own(conn))
        add_trait(conn, "CUSTOM_A")
        sessions.end(database_url, numbers[-1])

    with pytest.raises(exception.Unavailable, match="not known"):
        transaction.write(server, work)

    assert len(numbers) == 1


def test_a_read_is_repeated_when_its_connection_is_lost(server, database_url) -> None:
    numbers = []

    def work(conn: sa.Connection) -> int:
        numbers.append(sessions.own(conn))
        if len(numbers) == 1:
            sessions.end(database_url, numbers[0])
        return len(numbers)

    assert transaction.read(server, work) == 2


def test_a_reader_sees_one_snapshot(context) -> None:
    select = sa.select(sa.func.count()).select_from(tables.traits)

    def work(conn: sa.Connection) -> tuple[int, int]:
        before = conn.execute(select).scalar_one()
        writes = at_once(
            lambda: transaction.write(
                context, lambda inner: add_trait(inner, "CUSTOM_A")
            )
        )
        assert writes == [None]
        return before, conn.execute(select).scalar_one()

    before, after = transaction.read(context, work)

    assert before == after
    assert has_trait(context, "CUSTOM_A")


def test_a_reader_cannot_write(server) -> None:
    # PostgreSQL reports the same error as a standby does.
    with pytest.raises((exception.Unavailable, sa.exc.OperationalError)):
        transaction.read(server, lambda conn: add_trait(conn, "CUSTOM_A"))

    assert not has_trait(server, "CUSTOM_A")


def test_a_writer_that_waited_for_a_lock_sees_the_committed_change(server) -> None:
    """The value is read after the lock was granted, so no update is lost."""
    transaction.write(server, add_provider)
    barrier = threading.Barrier(4)

    def work(conn: sa.Connection) -> None:
        conn.execute(sa.select(_providers.c.generation))
        barrier.wait(SECONDS)
        step = sa.update(_providers).values(generation=_providers.c.generation + 1)
        conn.execute(step)

    results = at_once(*[lambda: transaction.write(server, work)] * 4)

    assert results == [None] * 4
    generation = sa.select(_providers.c.generation)
    assert transaction.read(server, lambda conn: conn.scalar(generation)) == 4


def add_provider(conn: sa.Connection) -> None:
    conn.execute(sa.insert(_providers).values(uuid="a", name="a", generation=0))


# A limit set by an operator for a role or a server, and a statement that exceeds it.
_LONG = {
    "postgresql": ("SET LOCAL statement_timeout = 100", "SELECT pg_sleep(20)"),
    "mysql": (
        "SELECT 1",
        "SET STATEMENT max_statement_time = 0.1 FOR SELECT SLEEP(20)",
    ),
}


def test_a_write_ended_by_a_limit_of_the_database_is_unavailable(server) -> None:
    limit, long = _LONG[server.engine.dialect.name]

    def work(conn: sa.Connection) -> None:
        add_trait(conn, "CUSTOM_LIMITED")
        conn.exec_driver_sql(limit).close()
        conn.exec_driver_sql(long).close()

    with pytest.raises(exception.Unavailable, match="longer than it allows"):
        transaction.write(server, work)

    assert not has_trait(server, "CUSTOM_LIMITED")
