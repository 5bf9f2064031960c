"""Rows of large results, as the driver makes them."""

import typing

import sqlalchemy as sa


def fetch(
    conn: sa.Connection,
    statement: "sa.Select[typing.Any]",
    parameters: dict[str, typing.Any],
) -> list[tuple[typing.Any, ...]]:
    """Return all rows of a statement; SQLAlchemy's would take twice the time."""
    with conn.execute(statement, parameters) as result:
        assert result.cursor is not None
        return list(result.cursor.fetchall())
