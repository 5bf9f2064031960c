"""What a database's refusal means: try again, gone away, or our own mistake."""

import enum
import typing

import sqlalchemy as sa

# SQLSTATEs of PostgreSQL: serialization failure, deadlock detected, unique and
# foreign key violation, lock not available.
_POSTGRESQL_RETRY = {"40001", "40P01", "23505", "23503", "55P03"}

# PostgreSQL shuts down, starts up, or is a standby that takes no writes.
_POSTGRESQL_LOST = {"57P01", "57P02", "57P03", "25006"}

# Deadlock, which is also what Galera calls a change that another node was faster
# with; lock wait timeout, record changed since last read, duplicate entry, foreign
# key from either side.
_MARIADB_RETRY = {1213, 1205, 1020, 1062, 1451, 1452}

# A Galera node that has lost its cluster or does not follow it yet.
_MARIADB_UNREADY = {1047}

# The server shuts down or takes no more, the connection was killed or broke, the
# server is a replica that takes no writes, or a COMMIT was interrupted.
_MARIADB_LOST = {
    *(1040, 1053, 1077, 1079, 1180, 1290, 1927),
    *(2002, 2003, 2006, 2013, 2055, 4031),
}

# Neither NOT NULL nor CHECK: those are mistakes of ours.
_SQLITE_RETRY = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_CONSTRAINT_UNIQUE",
    "SQLITE_CONSTRAINT_PRIMARYKEY",
    "SQLITE_CONSTRAINT_FOREIGNKEY",
)

_SQLITE_LOST = ("SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_FULL")

# Invalid text representation.
_POSTGRESQL_NO_NUMBER = "22P02"

# Ended by a limit on its time: PostgreSQL, MariaDB, SQLite.
_POSTGRESQL_TIMED_OUT = "57014"
_MARIADB_TIMED_OUT = 1969
_SQLITE_TIMED_OUT = "SQLITE_INTERRUPT"

# A server that ends may have done before what it was asked.
_POSTGRESQL_ENDING = ("57P01", "57P02")


class Meaning(enum.Enum):
    """What to do about a failed statement or COMMIT."""

    RETRY = "retry"
    UNREADY = "unready"
    LOST = "lost"
    BUG = "bug"


def meaning(failure: sa.exc.SQLAlchemyError) -> Meaning:
    """Tell what ``failure`` means for the transaction that it ended.

    A unique or foreign key violation is a race: the transaction had looked first,
    and when it runs again it finds what the other one has committed.
    """
    if isinstance(failure, sa.exc.TimeoutError):
        return Meaning.LOST
    if not isinstance(failure, sa.exc.DBAPIError):
        return Meaning.BUG
    original = failure.orig
    if failure.connection_invalidated:
        # A node that is not ready is left, but it has said that it does nothing.
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
    if original.pgcode in _POSTGRESQL_LOST:
        return Meaning.LOST
    # Without a code it is libpq that speaks: there was no server to answer.
    is_libpq = original.pgcode is None and type(original).__name__ == "OperationalError"
    return Meaning.LOST if is_libpq else Meaning.BUG


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
    """Return what MariaDB's failures begin with; those of others have a text there."""
    arguments = getattr(original, "args", ())
    return arguments[0] if arguments else None


def is_invalid_text(failure: sa.exc.DBAPIError) -> bool:
    """Say whether PostgreSQL was given a text to make a number of that is none."""
    return getattr(failure.orig, "pgcode", None) == _POSTGRESQL_NO_NUMBER


def is_timed_out(failure: Exception) -> bool:
    """Say whether the database ended a statement that took too long.

    An operator who ends one by hand looks the same on PostgreSQL. ``failure`` may be
    the driver's own.
    """
    original = getattr(failure, "orig", failure)
    return (
        getattr(original, "pgcode", None) == _POSTGRESQL_TIMED_OUT
        or getattr(original, "sqlite_errorname", None) == _SQLITE_TIMED_OUT
        or _number(original) == _MARIADB_TIMED_OUT
    )


def is_outcome_unknown(failure: sa.exc.SQLAlchemyError) -> bool:
    """Say whether what was sent to PostgreSQL may have been done all the same.

    So it is when there was no answer; a failure that the server tells has undone it.
    """
    original = getattr(failure, "orig", None)
    code = getattr(original, "pgcode", None)
    return code is None or code in _POSTGRESQL_ENDING


def mark_lost_connection(context: sa.engine.ExceptionContext) -> None:
    """Let the pool drop its connections when the server says that it stops."""
    original = context.original_exception
    if (
        getattr(original, "pgcode", None) in _POSTGRESQL_LOST
        or _number(original) in _MARIADB_LOST | _MARIADB_UNREADY
    ):
        context.is_disconnect = True
