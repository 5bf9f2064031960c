"""A time limit for the statements of a reader, enforced by the database.

The server ends a statement that takes longer, even if its client has gone. The limit
is sent with the statements, in the same round trip, and ends with the statement or the
transaction: the next user of a connection, also behind a pooler, has none.
"""

import collections.abc
import contextlib
import sqlite3
import time
import typing

import sqlalchemy as sa
from sqlalchemy import event

from placement import exception
from placement.db import conflicts, mariadb

# Execution option with the limit in seconds.
_LIMIT = "placement_seconds_max"

# Key in ``Connection.info``: the limit in seconds that the operator has set in the
# database, if any.
_OPERATOR_LIMIT = "placement_seconds_max_operator_limit"

_POSTGRESQL_LIMIT = """
SELECT extract(epoch FROM current_setting('statement_timeout')::interval)
"""
# Transaction status of libpq.
_IDLE = 0
_MARIADB_LIMIT = "SELECT @@max_statement_time"

# SQLite checks the clock after this number of instructions; it runs about ten million
# per second.
_SQLITE_STEPS = 10_000

_Context = typing.Any


@contextlib.contextmanager
def limited(conn: sa.Connection, seconds: float) -> collections.abc.Iterator[None]:
    """Limit each statement that ``conn`` runs in the block to ``seconds``.

    A lower limit set in the database by the operator takes precedence.

    Raises DatabaseTooSlow when a statement was ended.
    """
    limits = conn.get_execution_options()
    conn.execution_options(**{_LIMIT: seconds})
    try:
        yield
    except (sa.exc.DBAPIError, sqlite3.Error) as failure:
        if conflicts.is_timed_out(failure):
            raise exception.DatabaseTooSlow(seconds=f"{seconds:g}") from failure
        raise
    finally:
        conn.execution_options(**{_LIMIT: limits.get(_LIMIT)})
        if conn.dialect.name == "sqlite" and not conn.closed:
            _driver(conn).set_progress_handler(None, 0)


def listen(engine: sa.Engine) -> None:
    """Apply the limits of ``limited`` on the connections of an engine."""
    kind = engine.dialect.name
    if kind == "sqlite":
        event.listen(engine, "do_execute", _execute_sqlite)
    elif kind == "postgresql" and engine.dialect.driver == "psycopg2":
        event.listen(engine, "connect", _reads_limit(_POSTGRESQL_LIMIT))
        event.listen(engine, "do_execute", _execute_postgresql)
        event.listen(engine, "do_execute_no_params", _execute_postgresql)
    elif kind in mariadb.DIALECTS:
        event.listen(engine, "first_connect", _listens_to_mariadb(engine))


def _listens_to_mariadb(engine: sa.Engine) -> collections.abc.Callable[..., None]:
    def connected(connection: typing.Any, record: typing.Any) -> None:
        # MySQL, which is not supported, has neither the variable nor the statement.
        if "MariaDB" in connection.get_server_info():
            reads = _reads_limit(_MARIADB_LIMIT)
            reads(connection, record)
            event.listen(engine, "connect", reads)
            event.listen(engine, "do_execute", _execute_mariadb)
            event.listen(engine, "do_execute_no_params", _execute_mariadb)

    return connected


def _reads_limit(sql: str) -> collections.abc.Callable[..., None]:
    def connected(connection: typing.Any, record: typing.Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            (seconds,) = cursor.fetchone()
        connection.commit()
        if seconds > 0:
            record.info[_OPERATOR_LIMIT] = float(seconds)

    return connected


def _limit(context: _Context) -> float | None:
    limit: float | None = context.execution_options.get(_LIMIT)
    if limit is None:
        return None
    operator_limit = context.root_connection.info.get(_OPERATOR_LIMIT, limit)
    return min(limit, float(operator_limit))


def _execute_postgresql(cursor: typing.Any, sql: str, *more: typing.Any) -> bool:
    """Set the limit for a transaction, together with its first statement."""
    limit = _limit(more[-1])
    status = cursor.connection.info.transaction_status
    if limit is None or status != _IDLE:
        return False
    milliseconds = max(1, int(limit * 1000))
    sql = f"SET LOCAL statement_timeout = {milliseconds}; {sql}"
    cursor.execute(sql, *more[:-1])
    return True


def _execute_mariadb(cursor: typing.Any, sql: str, *more: typing.Any) -> bool:
    limit = _limit(more[-1])
    if limit is None or not sql.startswith(("SELECT", "WITH")):
        return False
    sql = f"SET STATEMENT max_statement_time = {limit:f} FOR {sql}"
    cursor.execute(sql, *more[:-1])
    return True


def _execute_sqlite(
    _cursor: object, _sql: str, _parameters: object, context: _Context
) -> None:
    limit = _limit(context)
    if limit is not None:
        end = time.monotonic() + limit
        _driver(context.root_connection).set_progress_handler(
            lambda: time.monotonic() > end, _SQLITE_STEPS
        )


def _driver(conn: sa.Connection) -> typing.Any:
    return conn.connection.dbapi_connection
