"""Classify failures of a database: retry, lost connection, or bug."""

import enum
import typing

import sqlalchemy as sa

# SQLSTATEs: serialization failure, deadlock detected, unique and foreign key
# violation, lock not available.
_POSTGRESQL_RETRY = {"40001", "40P01", "23505", "23503", "55P03"}

# The server shuts down, starts up, or is a read-only standby.
_POSTGRESQL_LOST = {"57P01", "57P02", "57P03", "25006"}

# Deadlock, also reported by Galera if another node commits a conflicting change first;
# lock wait timeout, record changed since last read, duplicate entry, foreign key
# violation on either side.
_MARIADB_RETRY = {1213, 1205, 1020, 1062, 1451, 1452}

# A Galera node is not connected to its cluster, or not synchronized yet.
_MARIADB_UNREADY = {1047}

# The server shuts down or refuses connections, the connection was killed or broke, the
# server is read-only, or a COMMIT was interrupted.
_MARIADB_LOST = {
    *(1040, 1053, 1077, 1079, 1180, 1290, 1927),
    *(2002, 2003, 2006, 2013, 2055, 4031),
}

# Without NOT NULL and CHECK, which only bugs violate.
_SQLITE_RETRY = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_CONSTRAINT_UNIQUE",
    "SQLITE_CONSTRAINT_PRIMARYKEY",
    "SQLITE_CONSTRAINT_FOREIGNKEY",
)

_SQLITE_LOST = ("SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_FULL")

# Invalid text representation.
_POSTGRESQL_INVALID_TEXT = "22P02"

# Statement timeouts.
_POSTGRESQL_TIMED_OUT = "57014"
_MARIADB_TIMED_OUT = 1969
_SQLITE_TIMED_OUT = "SQLITE_INTERRUPT"

_POSTGRESQL_LOCK_TIMEOUT = "55P03"
_MARIADB_LOCK_TIMEOUT = 1205
_SQLITE_BUSY = "SQLITE_BUSY"

# The server may have committed before it shut down.
_POSTGRESQL_SHUTDOWN = ("57P01", "57P02")

# Class of SQLSTATEs: connection exceptions. A pooler reports with one of them that it
# has lost the server, or refuses to connect to it.
_POSTGRESQL_CONNECTION = "08"


class Meaning(enum.Enum):
    """What to do about a failed statement or COMMIT."""

    RETRY = "retry"
    UNREADY = "unready"
    LOST = "lost"
    BUG = "bug"


def meaning(failure: sa.exc.SQLAlchemyError) -> Meaning:
    """Return what to do about ``failure``.

    A unique or foreign key violation is a race: the transaction had checked before,
    and finds the other's change when it runs again.
    """
    if isinstance(failure, sa.exc.TimeoutError):
        return Meaning.LOST
    if not isinstance(failure, sa.exc.DBAPIError):
        return Meaning.BUG
    original = failure.orig
    if failure.connection_invalidated:
        # The connection to a node that is not ready is closed, but nothing was done.
        is_unready = _number(original) in _MARIADB_UNREADY
        return Meaning.UNREADY if is_unready else Meaning.LOST
    of_server = _mariadb
    if hasattr(original, "pgcode"):
        of_server = _postgresql
    elif hasattr(original, "sqlite_errorname"):
        of_server = _sqlite
    return of_server(original)


def _postgresql(original: typing.Any) -> Meaning:
    if original.pgcode in _POSTGRESQL_RETRY:
        return Meaning.RETRY
    if _is_lost_postgresql(original):
        return Meaning.LOST
    # Failures without a code come from libpq: the server did not answer.
    is_libpq = original.pgcode is None and type(original).__name__ == "OperationalError"
    return Meaning.LOST if is_libpq else Meaning.BUG


def _is_lost_postgresql(original: object) -> bool:
    code = getattr(original, "pgcode", None) or ""
    return code in _POSTGRESQL_LOST or code.startswith(_POSTGRESQL_CONNECTION)


def _sqlite(original: typing.Any) -> Meaning:
    name = original.sqlite_errorname
    if name.startswith(_SQLITE_RETRY):
        return Meaning.RETRY
    if name.startswith(_SQLITE_LOST):
        return Meaning.LOST
    return Meaning.BUG


def _mariadb(original: typing.Any) -> Meaning:
    number = _number(original)
    if number in _MARIADB_RETRY:
        return Meaning.RETRY
    if number in _MARIADB_UNREADY:
        return Meaning.UNREADY
    if number in _MARIADB_LOST:
        return Meaning.LOST
    return Meaning.BUG


def _number(original: typing.Any) -> typing.Any:
    """Return the error number of MariaDB; other drivers have a text at its place."""
    arguments = getattr(original, "args", ())
    return arguments[0] if arguments else None


def is_invalid_text(failure: sa.exc.DBAPIError) -> bool:
    """Return whether PostgreSQL refused to cast a text, see ``batch.required``."""
    return getattr(failure.orig, "pgcode", None) == _POSTGRESQL_INVALID_TEXT


def is_timed_out(failure: Exception) -> bool:
    """Return whether the database ended a statement because of a timeout.

    On PostgreSQL, a statement that an operator canceled counts, too. ``failure`` may be
    an exception of the driver.
    """
    original = getattr(failure, "orig", failure)
    return (
        getattr(original, "pgcode", None) == _POSTGRESQL_TIMED_OUT
        or getattr(original, "sqlite_errorname", None) == _SQLITE_TIMED_OUT
        or _number(original) == _MARIADB_TIMED_OUT
    )


def is_lock_timeout(failure: sa.exc.DBAPIError) -> bool:
    """Return whether a lock of another transaction was not free in time."""
    original = failure.orig
    return (
        getattr(original, "pgcode", None) == _POSTGRESQL_LOCK_TIMEOUT
        or str(getattr(original, "sqlite_errorname", "")).startswith(_SQLITE_BUSY)
        or _number(original) == _MARIADB_LOCK_TIMEOUT
    )


def is_outcome_unknown(failure: sa.exc.SQLAlchemyError) -> bool:
    """Return whether PostgreSQL may have committed despite the failure.

    True if the server did not answer, or shut down, or a pooler lost it; any other
    failure that the server reports has rolled back.
    """
    original = getattr(failure, "orig", None)
    code = getattr(original, "pgcode", None)
    return (
        code is None
        or code in _POSTGRESQL_SHUTDOWN
        or code.startswith(_POSTGRESQL_CONNECTION)
    )


def mark_lost_connection(context: sa.engine.ExceptionContext) -> None:
    """Make the pool drop its connections when the server stops or is not ready."""
    original = context.original_exception
    if (
        _is_lost_postgresql(original)
        or _number(original) in _MARIADB_LOST | _MARIADB_UNREADY
    ):
        context.is_disconnect = True
