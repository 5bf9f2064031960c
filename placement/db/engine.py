"""Engines: how each database is connected to, and what a transaction begins with.

``sqlite``, ``mariadb`` and ``postgresql`` set up the connections of their kind.
"""

import collections.abc
import logging
import sqlite3
import time
import typing

import sqlalchemy as sa
from sqlalchemy import event

from placement import exception, metrics
from placement.db import (
    conflicts,
    lock_limit,
    mariadb,
    pooler,
    postgresql,
    request_ids,
    sqlite,
    time_limit,
)

if typing.TYPE_CHECKING:
    from placement.conf.settings import DatabaseSettings

LOG = logging.getLogger(__name__)

# From these values of connection_debug on, statements and rows are logged.
_DEBUG_STATEMENTS, _DEBUG_ROWS = 50, 100

# SQLAlchemy opens 15 connections by default, but keeps only 5. A worker with more
# threads would open and close the others all the time, which costs the database more
# than the statements that they run.
_POOL_DEFAULTS = {"pool_size": 15, "max_overflow": 0}

# Drivers for URLs that name none.
_DRIVERS = {
    "postgresql": "postgresql+psycopg2",
    "postgres": "postgresql+psycopg2",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}


class _Kind(typing.NamedTuple):
    """What an engine is for: driver arguments, and whether it keeps connections."""

    to_postgresql: dict[str, typing.Any]
    to_mariadb: dict[str, typing.Any] = {}
    is_pooled: bool = True


_PRIMARY = _Kind(postgresql.PRIMARY)
_REPLICA = _Kind(postgresql.REPLICA)
_PROBE = _Kind(postgresql.PROBE, mariadb.PROBE, is_pooled=False)


def create_engine(database: "DatabaseSettings") -> sa.Engine:
    """Return an engine for the configured database, without connecting.

    Raises ConfigurationError when the URL is invalid or its driver is missing.
    """
    return _create(database, "connection", _PRIMARY)


def create_replica_engine(database: "DatabaseSettings") -> sa.Engine:
    """Return an engine for ``slave_connection``, a PostgreSQL standby.

    Does not connect. Its connections have short timeouts, because the primary can
    answer instead.

    Raises ConfigurationError when the URL is invalid or not of PostgreSQL.
    """
    engine = _create(database, "slave_connection", _REPLICA)
    if engine.dialect.name != "postgresql":
        raise _unusable("slave_connection", "it is not PostgreSQL, as connection is")
    return engine


def create_probe_engine(primary: sa.Engine, database: "DatabaseSettings") -> sa.Engine:
    """Return an engine without a pool and with short timeouts, without connecting.

    A database in memory exists only in the engine ``primary``, which is returned then.
    """
    if sqlite.is_in_memory(primary.url):
        return primary
    return _create(database, "connection", _PROBE)


def _create(database: "DatabaseSettings", option: str, kind: _Kind) -> sa.Engine:
    # The level of the logger is read only when an engine is created.
    _log_statements(database.connection_debug)
    try:
        url = _with_driver(_url(getattr(database, option), database))
        if sqlite.is_in_memory(url):
            _require_shared_memory(option)
            # The creator ignores the name in the URL.
            url = sa.make_url(f"{url.drivername}://")
        engine = sa.create_engine(url, **_options(url, database, kind))
    except (
        sa.exc.ArgumentError,
        sa.exc.NoSuchModuleError,
        ImportError,
        # A port that is not a number.
        ValueError,
    ) as unusable:
        raise _unusable(option, unusable) from unusable
    _listen(engine, database)
    return engine


def _log_statements(connection_debug: int) -> None:
    """Log SQLAlchemy's statements, and rows, to the log of the service.

    The option ``echo`` of an engine would print them on stdout as well.
    """
    if connection_debug >= _DEBUG_STATEMENTS:
        logs_rows = connection_debug >= _DEBUG_ROWS
        level = logging.DEBUG if logs_rows else logging.INFO
        logging.getLogger("sqlalchemy.engine").setLevel(level)


def _unusable(option: str, reason: object) -> exception.ConfigurationError:
    return exception.ConfigurationError(
        reason=f"[placement_database] {option} cannot be used: {reason}"
    )


def _require_shared_memory(option: str) -> None:
    if sqlite3.sqlite_version_info < sqlite.SHARED_MEMORY_SINCE:
        needed = ".".join(map(str, sqlite.SHARED_MEMORY_SINCE))
        raise _unusable(
            option,
            f"a database in memory needs SQLite {needed}, and this is "
            f"{sqlite3.sqlite_version}. Name a file",
        )


def for_writing(conn: sa.Connection) -> sa.Connection:
    """Return ``conn``, set to write in its next transaction."""
    return conn.execution_options(**{sqlite.WRITES: True})


def for_reading(conn: sa.Connection) -> sa.Connection:
    """Return ``conn``, set to read one snapshot in its next transaction.

    PostgreSQL and MariaDB refuse writes in it.
    """
    if conn.dialect.name == "postgresql":
        return conn.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
    return conn.execution_options(**{mariadb.READS: True})


def wait_until_reachable(engine: sa.Engine, database: "DatabaseSettings") -> None:
    """Connect once, with the retries of ``max_retries`` and ``retry_interval``.

    Raises ConfigurationError, which names the database but not its password.
    """
    failures = 0
    while True:
        try:
            with engine.connect() as conn:
                _report_pooler(conn)
                return
        except TypeError as refused:
            # The driver does not have a parameter that the URL sets.
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


def _report_pooler(conn: sa.Connection) -> None:
    found = pooler.find(conn)
    if found is not None:
        LOG.info("Connections to PostgreSQL go through a pooler: nothing is prepared.")
    if found is not None and found.unset:
        LOG.warning(
            "Searches may be slow: behind a pooler, settings for PostgreSQL have to be "
            "made in the pooler or with ALTER ROLE. Missing: %s",
            ", ".join(found.unset),
        )


def _may_come_back(failure: sa.exc.DBAPIError) -> bool:
    """Return whether to retry: a server may be starting, but a file does not appear."""
    return not isinstance(failure.orig, sqlite3.Error)


def _url(given: str, database: "DatabaseSettings") -> sa.URL:
    url = sa.make_url(given)
    if database.connection_parameters:
        url = url.update_query_string(database.connection_parameters, append=True)
    return url


def _with_driver(url: sa.URL) -> sa.URL:
    return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))


def _options(
    url: sa.URL, database: "DatabaseSettings", kind: _Kind
) -> dict[str, typing.Any]:
    options: dict[str, typing.Any] = {
        "pool_recycle": database.connection_recycle_time,
    }
    if not kind.is_pooled:
        options["poolclass"] = sa.pool.NullPool
    if url.get_backend_name() == "sqlite":
        if sqlite.is_in_memory(url):
            options["creator"] = sqlite.memory_creator()
            options["poolclass"] = sa.pool.QueuePool
        return options
    if kind.is_pooled:
        options |= _pool_options(database)
    # Writers lock rows and then read them again, so each statement has to see what
    # was committed while it waited.
    options["isolation_level"] = "READ COMMITTED"
    if url.get_backend_name() == "postgresql":
        options["connect_args"] = _driver_arguments(
            url, postgresql.CONNECT | kind.to_postgresql, postgresql.ALWAYS
        )
    else:
        options["connect_args"] = _driver_arguments(
            url, mariadb.DEFAULTS | kind.to_mariadb, mariadb.ALWAYS
        )
    return options


def _pool_options(database: "DatabaseSettings") -> dict[str, typing.Any]:
    pool = {
        "pool_size": database.max_pool_size,
        "max_overflow": database.max_overflow,
        "pool_timeout": database.pool_timeout,
    }
    options = {name: value for name, value in pool.items() if value is not None}
    if database.max_pool_size is None and database.max_overflow is None:
        options |= _POOL_DEFAULTS
    return options


def _driver_arguments(
    url: sa.URL, defaults: dict[str, typing.Any], always: dict[str, typing.Any]
) -> dict[str, typing.Any]:
    """Return arguments for the driver; parameters of the URL override ``defaults``."""
    unset = {name: defaults[name] for name in defaults.keys() - url.query.keys()}
    return unset | always


def _listen(engine: sa.Engine, database: "DatabaseSettings") -> None:
    event.listen(engine, "handle_error", conflicts.mark_lost_connection)
    if not isinstance(engine.pool, sa.pool.NullPool):
        _count_connections(engine)
    if engine.dialect.name == "sqlite":
        sqlite.listen(engine, database.sqlite_synchronous)
    elif engine.dialect.name == "postgresql":
        postgresql.listen(engine)
    elif engine.dialect.name in mariadb.DIALECTS:
        mariadb.listen(engine, database.mysql_sql_mode)
    time_limit.listen(engine)
    lock_limit.listen(engine)
    if database.request_id_comments:
        request_ids.listen(engine)


def _count_connections(engine: sa.Engine) -> None:
    """Count the open connections of the pool."""

    def add(number: int) -> collections.abc.Callable[..., None]:
        return lambda *_: metrics.CONNECTIONS.inc(metrics.OPEN, by=number)

    event.listen(engine, "connect", add(1))
    event.listen(engine, "close", add(-1))
    event.listen(engine, "detach", add(-1))
