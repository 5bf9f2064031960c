"""Revisions: numbers that are never assigned twice.

Processes cache content under its revision. A counter would assign the same number
again to other content after the database has lost commits or was restored from a
backup while the service runs; a clock does not. So the next revision is the last one
plus one, or the time of the database in microseconds, whichever is greater.

While that clock is behind the last revision, because it was set back or another server
with a slower clock has taken over, revisions grow by a few. Numbers can repeat if
commits are lost or a backup is restored in that time.

A claim changes nothing of a provider but its usage, so a cached provider can be updated
by reading its usage only. For that, the revision of its definition, which is everything
but the usage, is stored, too. A revision is odd if only the usage has changed since
``definition_revision``. An even revision is that of the definition itself.
"""

import time
import typing

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

# Function registered on connections to SQLite, whose own clock counts milliseconds.
SQLITE_CLOCK = "placement_clock"

_Compiler = typing.Any

_ONE = sa.literal_column("1", sa.BigInteger)


class _Clock(sa.sql.functions.FunctionElement[int]):
    """The time of the database, in microseconds since 1970."""

    type = sa.BigInteger()
    inherit_cache = True


class _Greatest(sa.sql.functions.FunctionElement[int]):
    """The greater of two numbers."""

    type = sa.BigInteger()
    inherit_cache = True


def clock() -> sa.ColumnElement[int]:
    """Return the time of the database, in microseconds since 1970."""
    return _Clock()


def next_of(last: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """Return the revision that follows ``last``, as an expression of an UPDATE."""
    return _even(_Greatest(last + _ONE, _Clock()))


def first() -> sa.ColumnElement[int]:
    """Return the revision of a new row, as an expression of an INSERT.

    Database ids can be reused, but not together with their revision.
    """
    return _even(_Clock())


def usage_changed(providers: sa.FromClause) -> dict[str, sa.ColumnElement[int]]:
    """Return what an UPDATE of providers sets if only their usage changes."""
    return {
        # MariaDB assigns in this order, which is that of the table's columns.
        "definition_revision": of_definition(providers),
        "revision": _odd(_Greatest(providers.c.revision + _ONE, _Clock())),
    }


def of_definition(providers: sa.FromClause) -> sa.ColumnElement[int]:
    """Return the revision of a provider's definition, as an expression."""
    last: sa.ColumnElement[int] = providers.c.revision
    is_odd = last.bitwise_and(_ONE) == _ONE
    return sa.case((is_odd, providers.c.definition_revision), else_=last)


def _odd(number: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return number.bitwise_or(_ONE)


def _even(number: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return number.bitwise_or(_ONE) + _ONE


def sqlite_clock() -> int:
    """Return the time in microseconds; the implementation of ``SQLITE_CLOCK``."""
    return time.time_ns() // 1000


@compiles(_Clock, "postgresql")
def _clock_of_postgresql(_clock: _Clock, _compiler: _Compiler, **_: object) -> str:
    # Not now(), which is the start of the transaction.
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"


@compiles(_Clock, "mysql", "mariadb")
def _clock_of_mariadb(_clock: _Clock, _compiler: _Compiler, **_: object) -> str:
    # The start of the statement, which replicas reproduce; in UTC, because local time
    # is set back every autumn.
    return "timestampdiff(MICROSECOND, '1970-01-01', utc_timestamp(6))"


@compiles(_Clock, "sqlite")
def _clock_of_sqlite(_clock: _Clock, _compiler: _Compiler, **_: object) -> str:
    return f"{SQLITE_CLOCK}()"


@compiles(_Greatest)
def _greatest(element: _Greatest, compiler: _Compiler, **kw: typing.Any) -> str:
    return f"greatest({compiler.process(element.clauses, **kw)})"


@compiles(_Greatest, "sqlite")
def _greatest_of_sqlite(
    element: _Greatest, compiler: _Compiler, **kw: typing.Any
) -> str:
    return f"max({compiler.process(element.clauses, **kw)})"
