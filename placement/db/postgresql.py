"""Connections to PostgreSQL: driver arguments, session settings, autocommit."""

import collections.abc
import contextlib
import math
import select
import time
import typing

import sqlalchemy as sa
from sqlalchemy import event

from placement import exception
from placement.db import pooler, prepared

# Driver arguments whatever the URL sets: names can have any characters.
ALWAYS = {"client_encoding": "utf8"}
# Driver arguments, unless the URL sets them. They detect a server that is gone within
# half a minute.
CONNECT = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# The process id of the session, and whether it has settings that have to change.
# Servers before version 11 have no jit.
_SESSION = """
SELECT
    pg_backend_pid(),
    current_setting('random_page_cost') = '4',
    coalesce(current_setting('jit', true), 'off') <> 'off'
"""
# The tables fit in memory. With the default cost of reading a page from disk, the
# planner reads a table of 100,000 hosts completely to find 1,000 of them.
_PAGE_COST = "random_page_cost = 1.1"
# Compiling takes longer than running statements that stop at a LIMIT.
_NO_JIT = "jit = off"
_ENCODING = "UTF8"
# A read-only server may lack transactions that the primary has committed.
PRIMARY = {"target_session_attrs": "read-write"}
# Short timeouts, because the primary can answer instead.
REPLICA = {
    "connect_timeout": 2,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "tcp_user_timeout": 5_000,
}

# For a check of a server that must not take long. Two seconds is the least for libpq.
PROBE = PRIMARY | {
    "connect_timeout": 2,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "tcp_user_timeout": 2_000,
}

# Key in ``Connection.info``: monotonic time of the last return to the pool.
_RETURNED = "placement_returned"

# A connection that was used within this time is not pinged.
_IDLE_SECONDS = 1.0


def listen(engine: sa.Engine) -> None:
    """Set up each new connection, and note when it returns to the pool."""
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "checkin", _note_return)
    if engine.dialect.driver == "psycopg2":
        prepared.listen(engine)


@contextlib.contextmanager
def autocommit(conn: sa.Connection) -> collections.abc.Iterator[bool]:
    """Run each statement of the block in a transaction of its own, on PostgreSQL.

    This saves the round trips of BEGIN and ROLLBACK. For statements that only read, or
    for several that are sent together as one transaction. After the block, ``conn`` is
    as if unused. On other databases this does nothing and yields False: the statements
    of the block begin a transaction.
    """
    driver: typing.Any = conn.connection.dbapi_connection
    if conn.dialect.driver != "psycopg2":
        yield False
        return
    level, readonly = driver.isolation_level, driver.readonly
    # In this order, and reversed below, the driver sends nothing to the server.
    driver.isolation_level = driver.readonly = None
    driver.autocommit = True
    try:
        yield True
    finally:
        if not driver.closed:
            driver.autocommit = False
            driver.isolation_level, driver.readonly = level, readonly


def ping(conn: sa.Connection) -> None:
    """Detect a lost connection before statements that must not be sent twice.

    Must be called in a block of ``autocommit``. Runs a statement only if the connection
    was idle, or if there is something to read from its socket, such as its end.
    """
    since = conn.info.get(_RETURNED, -math.inf)
    is_idle = time.monotonic() - since > _IDLE_SECONDS
    if is_idle or _is_readable(conn.connection.dbapi_connection):
        conn.exec_driver_sql("SELECT 1").close()


def _is_readable(driver: typing.Any) -> bool:
    poll = select.poll()
    poll.register(driver, select.POLLIN)
    return bool(poll.poll(0))


def _note_return(_connection: object, record: typing.Any) -> None:
    record.info[_RETURNED] = time.monotonic()


def _set_up(connection: typing.Any, record: typing.Any) -> None:
    _require_encoding(connection)
    with connection.cursor() as cursor:
        cursor.execute(_SESSION)
        process_id, has_page_cost, has_jit = cursor.fetchone()
        unset = [_PAGE_COST] * has_page_cost + [_NO_JIT] * has_jit
        announced = connection.info.backend_pid
        if not pooler.note(record.info, announced, process_id, unset) and unset:
            cursor.execute("; ".join(f"SET {setting}" for setting in unset))
    connection.commit()


def _require_encoding(connection: typing.Any) -> None:
    name = connection.info.dbname
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != _ENCODING:
        raise exception.ConfigurationError(
            reason=f"The database {name} has the encoding {encoding}, which cannot "
            "store every name. Create one with ENCODING 'UTF8' TEMPLATE template0, and "
            "name it in [placement_database] connection."
        )
