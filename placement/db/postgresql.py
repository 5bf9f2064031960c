"""PostgreSQL: how it is connected to, and what can be sent without a transaction."""

import collections.abc
import contextlib
import math
import select
import time
import typing

import sqlalchemy as sa
from sqlalchemy import event

from placement import exception
from placement.db import prepared

# Whatever the URL says: names have any characters.
ALWAYS = {"client_encoding": "utf8"}
# A server that went away silently is noticed within half a minute. What the URL says
# of it wins.
CONNECT = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# As libpq counts versions.
_WITH_JIT = 110_000
# What searches read stays in memory. By default a row that an index finds is thought
# to come from a disk, and a table of 100,000 hosts is read to find 1,000 of them.
_IN_MEMORY = """
SELECT set_config('random_page_cost', '1.1', false)
WHERE current_setting('random_page_cost') = '4'
"""
_ENCODING = "UTF8"
# Of a server that has been told to stop writing, or has not yet been told to begin,
# nobody knows whether it has all that was acknowledged.
PRIMARY = {"target_session_attrs": "read-write"}
# Where another server can answer instead, nobody waits for long.
REPLICA = {
    "connect_timeout": 2,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "tcp_user_timeout": 5_000,
}

# Set in the ``info`` of a connection: when, by the monotonic clock, it was last given
# back to its pool.
_GIVEN_BACK = "placement_given_back"

# A connection that was in use so lately has not been lost without a sign.
_IN_USE_SECONDS = 1.0


def listen(engine: sa.Engine) -> None:
    """Let the connections of an engine be set up, and be looked after."""
    event.listen(engine, "connect", _opened)
    event.listen(engine, "checkin", _given_back)
    if engine.dialect.driver == "psycopg2":
        prepared.listen(engine)


@contextlib.contextmanager
def autocommit(conn: sa.Connection) -> collections.abc.Iterator[bool]:
    """Let each statement of the block be a transaction of its own, if that is cheaper.

    So it is on PostgreSQL, which need not be told of the beginning and the end. What is
    sent only reads, or is a whole transaction in one text. After the block ``conn`` is
    as if it had not been used yet. Yields False where it is not so: then the statements
    are the first of a transaction.
    """
    driver: typing.Any = conn.connection.dbapi_connection
    if conn.dialect.driver != "psycopg2":
        yield False
        return
    level, readonly = driver.isolation_level, driver.readonly
    # In this order, there and back, the driver has nothing to tell the server.
    driver.isolation_level = driver.readonly = None
    driver.autocommit = True
    try:
        yield True
    finally:
        if not driver.closed:
            driver.autocommit = False
            driver.isolation_level, driver.readonly = level, readonly


def ping(conn: sa.Connection) -> None:
    """See to it that the server is there, whom the connection may have lost long ago.

    For who is going to send what may not be sent twice, in a block of ``alone``. A
    server that has answered a moment ago, and said nothing since, is not asked.
    """
    since = conn.info.get(_GIVEN_BACK, -math.inf)
    is_old = time.monotonic() - since > _IN_USE_SECONDS
    # The end of a connection can be read, like whatever is said before it.
    if is_old or _has_more(conn.connection.dbapi_connection):
        conn.exec_driver_sql("SELECT 1").close()


def _has_more(driver: typing.Any) -> bool:
    poll = select.poll()
    poll.register(driver, select.POLLIN)
    return bool(poll.poll(0))


def _given_back(_connection: object, record: typing.Any) -> None:
    record.info[_GIVEN_BACK] = time.monotonic()


def _opened(connection: typing.Any, _record: object) -> None:
    _require_encoding(connection)
    with connection.cursor() as cursor:
        cursor.execute(_IN_MEMORY)
        # Compiling a question takes longer than answering it: all that is asked
        # here stops at a limit.
        if connection.server_version >= _WITH_JIT:
            cursor.execute("SET jit = off")
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
