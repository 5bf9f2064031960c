"""A time limit for a writer that waits for locks of other transactions.

PostgreSQL and MariaDB get it in the round trip of each statement. SQLite has one lock,
which a writer takes when its transaction begins.
"""

import collections.abc
import contextlib
import time
import typing

import sqlalchemy as sa
from sqlalchemy import event

from placement import exception
from placement.db import conflicts, mariadb, sqlite

# Execution option with the limit in seconds.
_LIMIT = "placement_lock_seconds_max"

# Databases measure the time themselves, some of them in coarse steps.
_TOLERANCE = 0.9

_WRITES = ("INSERT", "UPDATE", "DELETE")

_Context = typing.Any


@contextlib.contextmanager
def limited(
    conn: sa.Connection, seconds: float, failure: exception.PlacementError
) -> collections.abc.Iterator[None]:
    """Let statements of the block that write wait for locks for ``seconds`` at most.

    The limit is 1 at least, in whole seconds on MariaDB. On SQLite, the block must
    begin the transaction.

    Raises ``failure`` after that time. A lock that the database refuses earlier, for
    another reason, raises what it does without the block.
    """
    conn.execution_options(**{_LIMIT: seconds})
    is_sqlite = conn.dialect.name == "sqlite"
    if is_sqlite:
        _set_busy_timeout(conn, seconds * 1000)
    begun = time.monotonic()
    try:
        yield
    except sa.exc.DBAPIError as refused:
        has_waited = time.monotonic() - begun >= seconds * _TOLERANCE
        if has_waited and conflicts.is_lock_timeout(refused):
            raise failure from refused
        raise
    finally:
        conn.execution_options(**{_LIMIT: None})
        if is_sqlite and not conn.closed and not conn.invalidated:
            _set_busy_timeout(conn, sqlite.WAIT_MS)


def listen(engine: sa.Engine) -> None:
    """Apply the limits of ``limited`` on the connections of an engine."""
    if engine.dialect.name == "postgresql":
        event.listen(engine, "do_execute", _execute_postgresql)
    elif engine.dialect.name in mariadb.DIALECTS:
        event.listen(engine, "do_execute", _execute_mariadb)


def _execute_postgresql(
    cursor: typing.Any, sql: str, parameters: typing.Any, context: _Context
) -> bool:
    seconds = _limit(sql, context)
    if seconds is None:
        return False
    # What follows in the transaction waits as the operator has configured it.
    sql = (
        f"SET LOCAL lock_timeout = {int(seconds * 1000)}; {sql}; "
        "SET LOCAL lock_timeout TO DEFAULT"
    )
    context.dialect.do_execute(cursor, sql, parameters, context)
    return True


def _execute_mariadb(
    cursor: typing.Any, sql: str, parameters: typing.Any, context: _Context
) -> bool:
    seconds = _limit(sql, context)
    if seconds is None:
        return False
    sql = f"SET STATEMENT innodb_lock_wait_timeout = {int(seconds)} FOR {sql}"
    context.dialect.do_execute(cursor, sql, parameters, context)
    return True


def _limit(sql: str, context: _Context) -> float | None:
    limit: float | None = context.execution_options.get(_LIMIT)
    return limit if sql.startswith(_WRITES) else None


def _set_busy_timeout(conn: sa.Connection, milliseconds: float) -> None:
    driver: typing.Any = conn.connection.dbapi_connection
    driver.execute(f"PRAGMA busy_timeout = {int(milliseconds)}").close()
