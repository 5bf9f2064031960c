"""Connections: how each database is opened, and what a transaction begins with."""

import collections.abc
import logging
import socket
import sqlite3
import time
import typing
import uuid

import sqlalchemy as sa
from sqlalchemy import event

from placement import exception
from placement.db import conflicts, postgresql, revision, tables, time_limit

if typing.TYPE_CHECKING:
    from placement.conf.settings import DatabaseSettings

LOG = logging.getLogger(__name__)

# How long a SQLite writer waits for the one before it, in milliseconds.
SQLITE_WAIT_MS = 20_000

# How long until SQLite is asked again where it does not wait by itself.
SQLITE_PAUSE_SECONDS = 0.02

# Since when connections can share a database in memory.
_SHARED_MEMORY_SINCE = (3, 36, 0)

# What connection_debug must be for statements, and for rows, to be logged.
_DEBUG_STATEMENTS, _DEBUG_ROWS = 50, 100

# Options of a connection: its transaction is going to write; it reads one snapshot.
WRITES = "placement_writes"
READS = "placement_reads"

# Set in the ``info`` of a connection to a node of a Galera cluster.
_OF_CLUSTER = "placement_of_cluster"

# As many as SQLAlchemy opens by default. It would keep five of them, and a worker that
# has more threads would open and drop the others with every few requests, which takes
# the database longer than what they are opened for.
_KEPT_CONNECTIONS = {"pool_size": 15, "max_overflow": 0}

# What SQLAlchemy calls MariaDB, after the URL.
MARIADB = ("mysql", "mariadb")

# The drivers that come with the service, for URLs that name none.
_DRIVERS = {
    "postgresql": "postgresql+psycopg2",
    "postgres": "postgresql+psycopg2",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}

# Unless the URL says otherwise.
_MARIADB_DEFAULTS = {"connect_timeout": 10}
# Whatever the URL says: names have any characters.
_MARIADB_ALWAYS = {"charset": "utf8mb4", "use_unicode": True}
# Modes that change what a statement means, and modes that include one of them. Those
# that only decide which values are refused are left as configured.
_MARIADB_OTHER_SQL = frozenset(
    (
        *("ANSI", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL"),
        *("MYSQL323", "MYSQL40", "NO_FIELD_OPTIONS", "NO_KEY_OPTIONS"),
        *("NO_TABLE_OPTIONS", "ANSI_QUOTES", "EMPTY_STRING_IS_NULL"),
        *("HIGH_NOT_PRECEDENCE", "IGNORE_SPACE", "NO_BACKSLASH_ESCAPES"),
        *("NO_UNSIGNED_SUBTRACTION", "PAD_CHAR_TO_FULL_LENGTH", "PIPES_AS_CONCAT"),
        *("REAL_AS_FLOAT", "SIMULTANEOUS_ASSIGNMENT"),
    )
)
_MARIADB_KEEPALIVE = {
    socket.TCP_KEEPIDLE: 10,
    socket.TCP_KEEPINTVL: 5,
    socket.TCP_KEEPCNT: 3,
    socket.TCP_USER_TIMEOUT: 30_000,
}


def exact_collation(dialect: sa.Dialect) -> str:
    """Return the collation of MariaDB, or MySQL, that compares text exactly."""
    if getattr(dialect, "is_mariadb", False):
        return tables.EXACT_COLLATION
    return "utf8mb4_0900_bin"


def create_engine(database: "DatabaseSettings") -> sa.Engine:
    """Return an engine for the configured database; connects to nothing yet.

    Raises ConfigurationError when the URL cannot be read or its driver is missing.
    """
    return _create(database, "connection", postgresql.PRIMARY)


def create_replica_engine(database: "DatabaseSettings") -> sa.Engine:
    """Return an engine for ``slave_connection``, a PostgreSQL that may be away.

    Connects to nothing yet. Whoever does is told soon when there is no answer.

    Raises ConfigurationError when the URL cannot be read or is of something else.
    """
    engine = _create(database, "slave_connection", postgresql.REPLICA)
    if engine.dialect.name != "postgresql":
        raise _unusable("slave_connection", "it is not PostgreSQL, as connection is")
    return engine


def _create(
    database: "DatabaseSettings", option: str, to_postgresql: dict[str, typing.Any]
) -> sa.Engine:
    # Before there is an engine, which looks at the level only then.
    _log_statements(database.connection_debug)
    try:
        url = _with_driver(_url(getattr(database, option), database))
        if is_in_memory(url):
            # All such databases are opened alike.
            url = sa.make_url(f"{url.drivername}://")
        engine = sa.create_engine(url, **_options(url, database, to_postgresql))
    except (
        sa.exc.ArgumentError,
        sa.exc.NoSuchModuleError,
        ImportError,
        # A port that is no number.
        ValueError,
    ) as unusable:
        raise _unusable(option, unusable) from unusable
    _listen(engine, database)
    return engine


def _log_statements(connection_debug: int) -> None:
    """Let SQLAlchemy log statements, and rows, where all else is logged.

    Its own ``echo`` prints everything on stdout besides.
    """
    if connection_debug >= _DEBUG_STATEMENTS:
        logs_rows = connection_debug >= _DEBUG_ROWS
        level = logging.DEBUG if logs_rows else logging.INFO
        logging.getLogger("sqlalchemy.engine").setLevel(level)


def _unusable(option: str, why: object) -> exception.ConfigurationError:
    return exception.ConfigurationError(
        reason=f"[placement_database] {option} cannot be used: {why}"
    )


def is_in_memory(url: sa.URL) -> bool:
    """Say whether the URL is of a SQLite database that ends with its process."""
    if url.get_backend_name() != "sqlite":
        return False
    name = url.database or ":memory:"
    is_memory_file = name.startswith("file:") and url.query.get("mode") == "memory"
    return name in (":memory:", "file::memory:") or is_memory_file


def _opens_memory() -> collections.abc.Callable[[], sqlite3.Connection]:
    """Return what opens connections to a new database in memory.

    Connections of all threads lock as those to a file do. The database lives as long
    as what is returned; a process that is forked gets a copy of its own.

    Raises ConfigurationError where SQLite is too old for it.
    """
    if sqlite3.sqlite_version_info < _SHARED_MEMORY_SINCE:
        needed = ".".join(map(str, _SHARED_MEMORY_SINCE))
        raise _unusable(
            "connection",
            f"a database in memory needs SQLite {needed}, and this is "
            f"{sqlite3.sqlite_version}. Name a file",
        )
    # The slash at the beginning lets connections share it.
    uri = f"file:/{uuid.uuid4()}?vfs=memdb"

    def opens() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, check_same_thread=False)

    # Without any connection the database would be gone.
    kept = opens()

    def creator(_kept: sqlite3.Connection = kept) -> sqlite3.Connection:
        return opens()

    return creator


def for_writing(conn: sa.Connection) -> sa.Connection:
    """Return ``conn``, whose next transaction is going to write."""
    return conn.execution_options(**{WRITES: True})


def for_reading(conn: sa.Connection) -> sa.Connection:
    """Return ``conn``, whose next transaction reads one snapshot and cannot write."""
    if conn.dialect.name == "postgresql":
        return conn.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
    return conn.execution_options(**{READS: True})


def is_of_cluster(conn: sa.Connection) -> bool:
    """Say whether the connection is to a node of a Galera cluster."""
    return _OF_CLUSTER in conn.info


def wait_until_reachable(engine: sa.Engine, database: "DatabaseSettings") -> None:
    """Connect once, trying again as ``max_retries`` and ``retry_interval`` say.

    Raises ConfigurationError, which names the database but not its password.
    """
    failures = 0
    while True:
        try:
            with engine.connect():
                return
        except TypeError as refused:
            # The driver has no such parameter.
            raise _unusable("connection", refused) from refused
        except sa.exc.DBAPIError as unreachable:
            failures += 1
            if -1 < database.max_retries < failures or not _may_come_back(unreachable):
                raise exception.ConfigurationError(
                    reason=f"The database {engine.url.render_as_string()} cannot be "
                    f"reached: {str(unreachable.orig).strip()}. "
                    "See [placement_database] connection."
                ) from unreachable
            LOG.warning(
                "The database %s cannot be reached, attempt %d; the next one is in %d "
                "seconds: %s",
                engine.url.render_as_string(),
                failures,
                database.retry_interval,
                str(unreachable.orig).strip(),
            )
            time.sleep(database.retry_interval)


def _may_come_back(failure: sa.exc.DBAPIError) -> bool:
    """A file that cannot be opened stays so; a server may be starting."""
    return not isinstance(failure.orig, sqlite3.Error)


def _url(given: str, database: "DatabaseSettings") -> sa.URL:
    url = sa.make_url(given)
    if database.connection_parameters:
        url = url.update_query_string(database.connection_parameters, append=True)
    return url


def _with_driver(url: sa.URL) -> sa.URL:
    return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))


def _options(
    url: sa.URL, database: "DatabaseSettings", to_postgresql: dict[str, typing.Any]
) -> dict[str, typing.Any]:
    options: dict[str, typing.Any] = {
        "pool_recycle": database.connection_recycle_time,
    }
    if url.get_backend_name() == "sqlite":
        if is_in_memory(url):
            options["creator"] = _opens_memory()
            options["poolclass"] = sa.pool.QueuePool
        return options
    pool = {
        "pool_size": database.max_pool_size,
        "max_overflow": database.max_overflow,
        "pool_timeout": database.pool_timeout,
    }
    options |= {name: value for name, value in pool.items() if value is not None}
    if database.max_pool_size is None and database.max_overflow is None:
        options |= _KEPT_CONNECTIONS
    # Writers lock what they touch and then look again, so each statement has to
    # see what was committed while it waited.
    options["isolation_level"] = "READ COMMITTED"
    if url.get_backend_name() == "postgresql":
        options["connect_args"] = _with_url(
            url, postgresql.CONNECT | to_postgresql, postgresql.ALWAYS
        )
    else:
        options["connect_args"] = _with_url(url, _MARIADB_DEFAULTS, _MARIADB_ALWAYS)
    return options


def _with_url(
    url: sa.URL, defaults: dict[str, typing.Any], always: dict[str, typing.Any]
) -> dict[str, typing.Any]:
    """Return arguments for the driver: those of the URL win over ``defaults``."""
    unsaid = {name: defaults[name] for name in defaults.keys() - url.query.keys()}
    return unsaid | always


def _listen(engine: sa.Engine, database: "DatabaseSettings") -> None:
    event.listen(engine, "handle_error", conflicts.mark_lost_connection)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _opens_sqlite(database.sqlite_synchronous))
        event.listen(engine, "begin", _begin_sqlite)
    elif engine.dialect.name == "postgresql":
        postgresql.listen(engine)
    elif engine.dialect.name in MARIADB:
        # Before SQLAlchemy looks at the session to see how to quote.
        opens = _opens_mariadb(database.mysql_sql_mode)
        event.listen(engine, "connect", opens, insert=True)
        event.listen(engine, "begin", _begin_mariadb)
    time_limit.listen(engine)


def _opens_sqlite(synchronous: bool) -> typing.Callable[..., None]:
    def opened(connection: sqlite3.Connection, _record: object) -> None:
        # The driver would begin and commit when it thinks best; we do.
        connection.isolation_level = None
        # Before anything that may have to wait for another process.
        connection.execute(f"PRAGMA busy_timeout = {SQLITE_WAIT_MS}")
        connection.create_function(revision.SQLITE_CLOCK, 0, revision.sqlite_clock)
        _use_wal(connection)
        if not synchronous:
            connection.execute("PRAGMA synchronous = OFF")

    return opened


def _use_wal(connection: sqlite3.Connection) -> None:
    """Let readers go on while another process writes.

    The first connection to a new file changes it, and SQLite does not wait with
    that for another process that does the same; so it is tried again.
    """
    deadline = time.monotonic() + SQLITE_WAIT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as failure:
            is_busy = failure.sqlite_errorname.startswith("SQLITE_BUSY")
            if not is_busy or time.monotonic() > deadline:
                raise
        time.sleep(SQLITE_PAUSE_SECONDS)


def _begin_sqlite(conn: sa.Connection) -> None:
    # A reader that becomes a writer may find that it reads what is stale, and
    # fail; a transaction that is going to write says so at its beginning.
    writes = conn.get_execution_options().get(WRITES)
    conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


# A session begins with what the server and the URL are set to. Some of that would
# commit more than a transaction, hide rows, refuse our statements, skip checks, or
# create tables without transactions.
_SET_SESSION = """
SET NAMES utf8mb4,
    SESSION sql_mode = %s,
    completion_type = 'NO_CHAIN',
    default_storage_engine = InnoDB,
    foreign_key_checks = 1,
    unique_checks = 1,
    sql_big_selects = 1,
    sql_safe_updates = 0,
    sql_select_limit = 18446744073709551615
"""


def _our_sql_mode(mode: str) -> str:
    """Return a mode of MariaDB in which our statements mean what they say."""
    names = [name.strip() for name in mode.split(",")]
    kept = [name for name in names if name.upper() not in _MARIADB_OTHER_SQL]
    # Or the id 0, which is VCPU's, would mean "the next free one".
    return ",".join([*filter(None, kept), "NO_AUTO_VALUE_ON_ZERO"])


def _opens_mariadb(sql_mode: str) -> typing.Callable[..., None]:
    def opened(connection: typing.Any, record: typing.Any) -> None:
        _notice_silence(connection)
        with connection.cursor() as cursor:
            mode = sql_mode
            if not mode:
                cursor.execute("SELECT @@SESSION.sql_mode")
                (mode,) = cursor.fetchone()
            cursor.execute(_SET_SESSION, (_our_sql_mode(mode),))
            cursor.execute("SET SESSION TRANSACTION READ WRITE")
            cursor.execute("SHOW VARIABLES WHERE variable_name = 'wsrep_on'")
            if cursor.fetchone() == ("wsrep_on", "ON"):
                record.info[_OF_CLUSTER] = True
                # Whatever another node has acknowledged is there before this one
                # is asked, by readers (1) and by the first statement of writers.
                cursor.execute("SET SESSION wsrep_sync_wait = 7")

    return opened


def _notice_silence(connection: typing.Any) -> None:
    """Let the system notice a server that is gone, as PostgreSQL's library does.

    A limit for answers would end what takes long for a good reason, such as a
    migration.
    """
    # The driver has no option for it, and other drivers have no such thing.
    opened: socket.socket | None = getattr(connection, "_sock", None)
    if opened and opened.family in (socket.AF_INET, socket.AF_INET6):
        for option, value in _MARIADB_KEEPALIVE.items():
            opened.setsockopt(socket.IPPROTO_TCP, option, value)


def _begin_mariadb(conn: sa.Connection) -> None:
    # For this transaction only, which costs less than to set it and set it back.
    if conn.get_execution_options().get(READS):
        conn.exec_driver_sql(
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        )
