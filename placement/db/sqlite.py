"""Connections to SQLite: databases in memory, WAL, and how transactions begin."""

import collections.abc
import sqlite3
import time
import typing
import uuid

import sqlalchemy as sa
from sqlalchemy import event

from placement.db import revision

# How long a writer waits for the write lock.
WAIT_MS = 20_000

# Pause between attempts where SQLite itself does not wait.
PAUSE_SECONDS = 0.02

# Since this version connections can share a database in memory.
SHARED_MEMORY_SINCE = (3, 36, 0)

# Execution option of a connection whose next transaction writes.
WRITES = "placement_sqlite_writes"


def is_in_memory(url: sa.URL) -> bool:
    """Return whether the URL names a SQLite database that ends with its process."""
    if url.get_backend_name() != "sqlite":
        return False
    name = url.database or ":memory:"
    is_memory_file = name.startswith("file:") and url.query.get("mode") == "memory"
    return name in (":memory:", "file::memory:") or is_memory_file


def memory_creator() -> collections.abc.Callable[[], sqlite3.Connection]:
    """Return a function that opens connections to one new database in memory.

    Connections of different threads lock each other out as they do on a file. The
    database lives as long as the function; a forked process gets its own copy.
    Requires ``SHARED_MEMORY_SINCE``.
    """
    # The leading slash makes the database shared between connections.
    uri = f"file:/{uuid.uuid4()}?vfs=memdb"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, check_same_thread=False)

    # The database is dropped with its last connection.
    kept_open = connect()

    def creator(_kept_open: sqlite3.Connection = kept_open) -> sqlite3.Connection:
        return connect()

    return creator


def listen(engine: sa.Engine, is_synchronous: bool) -> None:
    """Set up each new connection, and begin transactions as their purpose requires."""
    event.listen(engine, "connect", _set_up(is_synchronous))
    event.listen(engine, "begin", _begin)


def _set_up(is_synchronous: bool) -> typing.Callable[..., None]:
    def connected(connection: sqlite3.Connection, _record: object) -> None:
        # The driver must not begin or commit on its own.
        connection.isolation_level = None
        # First, because the statements below may wait for another process.
        connection.execute(f"PRAGMA busy_timeout = {WAIT_MS}")
        connection.create_function(revision.SQLITE_CLOCK, 0, revision.sqlite_clock)
        _use_wal(connection)
        if not is_synchronous:
            connection.execute("PRAGMA synchronous = OFF")

    return connected


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL, so that readers go on while another process writes.

    The first connection to a new file changes it. SQLite does not wait if another
    process does that at the same time, so this retries.
    """
    deadline = time.monotonic() + WAIT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as failure:
            is_busy = failure.sqlite_errorname.startswith("SQLITE_BUSY")
            if not is_busy or time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_SECONDS)


def _begin(conn: sa.Connection) -> None:
    # A transaction that reads first and then writes fails if another one has written
    # in between, so a writer takes the write lock when it begins.
    is_writing = conn.get_execution_options().get(WRITES)
    conn.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")
