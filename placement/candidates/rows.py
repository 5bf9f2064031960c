"""Rows as the database's driver makes them.

A search reads many rows of a few integers each. Making a ``sqlalchemy.Row`` of one
takes longer than reading it.
"""

import collections.abc
import typing

import sqlalchemy as sa

_Parameters = dict[str, typing.Any]
Row = tuple[typing.Any, ...]


def read(
    conn: sa.Connection,
    select: "sa.Select[typing.Any]",
    parameters: _Parameters | None = None,
) -> list[Row]:
    """Return all rows of ``select``, whose columns need no conversion.

    That is so for integers and strings.
    """
    with conn.execute(select, parameters) as result:
        assert result.cursor is not None
        return list(result.cursor.fetchall())


def read_text(
    conn: sa.Connection, sql: str, parameters: _Parameters | tuple[typing.Any, ...]
) -> list[Row]:
    """Return what ``read`` does, of a statement that is compiled already."""
    with conn.exec_driver_sql(sql, parameters) as result:
        assert result.cursor is not None
        return list(result.cursor.fetchall())


def each(
    conn: sa.Connection, select: "sa.Select[typing.Any]", parameters: _Parameters
) -> collections.abc.Iterator[Row]:
    """Yield the rows that ``read`` returns, so that not all are held at once."""
    with conn.execute(select, parameters) as result:
        # Every driver's cursor can be iterated; the standard does not ask for it.
        yield from typing.cast("collections.abc.Iterator[Row]", result.cursor)
