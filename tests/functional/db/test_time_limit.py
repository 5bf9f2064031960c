"""The database ends slow statements of readers, and no others."""

import collections.abc
import contextlib
import time
import typing

import pytest
import sqlalchemy as sa

from placement import exception
from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import postgresql, transaction

SECONDS = 0.5

# Counts about ten billion rows, which takes minutes.
SLOW = "SELECT count(*) FROM traits a, traits b, traits c, traits d"

# Takes about a second and succeeds; by dialect.
LONG = {
    "sqlite": """
        WITH RECURSIVE numbers (n) AS (
            SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 3000000
        )
        SELECT count(*) FROM numbers
    """,
    "postgresql": "SELECT 1 FROM pg_sleep(1)",
    "mysql": "SELECT SLEEP(1)",
}


def slow(conn: sa.Connection) -> object:
    return conn.exec_driver_sql(SLOW).scalar()


def long(conn: sa.Connection) -> object:
    return conn.exec_driver_sql(LONG[conn.dialect.name].strip()).scalar()


@contextlib.contextmanager
def is_quick() -> collections.abc.Iterator[None]:
    began = time.monotonic()
    yield
    assert SECONDS <= time.monotonic() - began < 20


def test_a_slow_statement_is_ended_and_not_retried(context: typing.Any) -> None:
    attempts = []

    def work(conn: sa.Connection) -> object:
        attempts.append(conn)
        return slow(conn)

    with is_quick(), pytest.raises(exception.DatabaseTooSlow, match=r"0\.5 seconds"):
        transaction.read_within(context, SECONDS, work)
    assert len(attempts) == 1


def test_a_later_statement_of_the_same_snapshot_is_ended(context: typing.Any) -> None:
    def work(conn: sa.Connection) -> object:
        conn.execute(sa.text("SELECT 1"))
        return slow(conn)

    with is_quick(), pytest.raises(exception.DatabaseTooSlow):
        transaction.read_within(context, SECONDS, work)


def test_a_statement_outside_of_a_transaction_is_ended(context: typing.Any) -> None:
    def work(conn: sa.Connection) -> object:
        with postgresql.autocommit(conn):
            return slow(conn)

    with is_quick(), pytest.raises(exception.DatabaseTooSlow):
        transaction.read_within(context, SECONDS, work)


def test_limits_on_postgresql_cause_no_notices(context: typing.Any) -> None:
    if context.engine.dialect.name != "postgresql":
        pytest.skip("is about PostgreSQL")

    def work(conn: sa.Connection) -> list[str]:
        with postgresql.autocommit(conn):
            conn.exec_driver_sql("SELECT 1")
        driver: typing.Any = conn.connection.dbapi_connection
        return list(driver.notices)

    assert transaction.read_within(context, SECONDS, work) == []


def test_the_limit_applies_to_each_statement_separately(context: typing.Any) -> None:
    if context.engine.dialect.name == "sqlite":
        pytest.skip("cannot sleep")

    def work(conn: sa.Connection) -> list[object]:
        return [long(conn) for _ in range(2)]

    assert len(transaction.read_within(context, 1.5, work)) == 2


def test_the_next_user_of_a_connection_has_no_limit(database_url: str) -> None:
    settings = DatabaseSettings(database_url, max_pool_size=1, max_overflow=0)
    engine = engines.create_engine(settings)
    context: typing.Any = type("Context", (), {"engine": engine, "replica": None})()

    for work in (slow, lambda conn: conn.execute(sa.text("SELECT 1")).scalar()):
        with contextlib.suppress(exception.DatabaseTooSlow):
            transaction.read_within(context, SECONDS, work)
        transaction.read(context, long)
        transaction.write_to(engine, long)
    engine.dispose()


def test_a_lower_limit_of_the_operator_takes_precedence(
    database_kind: str, database_url: str
) -> None:
    own = {
        "postgresql": {"options": "-c statement_timeout=500"},
        "mariadb": {"init_command": "SET max_statement_time=0.5"},
    }
    if database_kind not in own:
        pytest.skip("has no limit of the time of a statement")
    url = sa.make_url(database_url).update_query_dict(own[database_kind])
    engine = engines.create_engine(DatabaseSettings(url.render_as_string()))
    context: typing.Any = type("Context", (), {"engine": engine, "replica": None})()

    with is_quick(), pytest.raises(exception.DatabaseTooSlow):
        transaction.read_within(context, 40, slow)
    engine.dispose()
