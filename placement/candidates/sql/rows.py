"""Run statements of a search and return rows as the driver makes them.

A search reads many rows of a few integers each, by statements that are the same every
time. Building a ``sqlalchemy.Row`` takes longer than reading one, and processing a
statement takes longer than a short one runs. So statements are compiled once, and
rows are not converted: columns must be integers or strings.
"""

import collections.abc
import functools
import typing

import sqlalchemy as sa

from placement.candidates.lru import LRUCache
from placement.db import lists

Parameters = dict[str, typing.Any]
Row = tuple[typing.Any, ...]
_Select = sa.Select[typing.Any] | sa.CompoundSelect[typing.Any]

# The number of statements that are kept compiled.
_TEXTS_MAX = 500

_IDS_PER_STATEMENT = 10_000


class Text(typing.NamedTuple):
    """A statement for the driver.

    ``order`` has the names of the parameters, if the driver wants them in order;
    ``fixed`` are parameters that always have the same value.
    """

    sql: str
    order: list[str] | None
    fixed: Parameters

    def parameters(self, given: Parameters) -> Parameters | tuple[typing.Any, ...]:
        values = self.fixed | given
        if self.order is None:
            return values
        return tuple([values[name] for name in self.order])


def compile_text(select: _Select, dialect: sa.Dialect, given: Parameters) -> Text:
    """Compile a statement without expanding parameters."""
    # The compiler wants values; the text does not depend on them.
    compiled = select.compile(dialect=dialect)
    assert isinstance(compiled, sa.sql.compiler.SQLCompiler)
    state = compiled.construct_expanded_state(given)
    order = list(state.positiontup or ()) if compiled.positional else None
    return Text(state.statement, order, dict(state.parameters))


_texts: LRUCache[tuple[str, _Select], Text] = LRUCache(_TEXTS_MAX, lambda text: 1)


def read(
    conn: sa.Connection, select: _Select, parameters: Parameters | None = None
) -> list[Row]:
    """Return all rows of ``select``."""
    with conn.execute(select, parameters) as result:
        assert result.cursor is not None
        return list(result.cursor.fetchall())


def read_constant(
    conn: sa.Connection, select: _Select, parameters: Parameters
) -> list[Row]:
    """Return all rows of a statement that is the same object each time.

    It is compiled the first time, so it has no expanding parameters.
    """
    key = (conn.dialect.name, select)
    text = _texts.find(key)
    if text is None:
        text = compile_text(select, conn.dialect, parameters)
        _texts.add(key, text)
    return read_text(conn, text, parameters)


def read_text(conn: sa.Connection, text: Text, given: Parameters) -> list[Row]:
    """Return all rows of a statement that is compiled."""
    with conn.exec_driver_sql(text.sql, text.parameters(given)) as result:
        assert result.cursor is not None
        return list(result.cursor.fetchall())


def each(
    conn: sa.Connection, select: _Select, parameters: Parameters
) -> collections.abc.Iterator[Row]:
    """Yield the rows that ``read`` returns, so that not all are held at once."""
    with conn.execute(select, parameters) as result:
        # Every driver's cursor can be iterated; the standard does not ask for it.
        yield from typing.cast("collections.abc.Iterator[Row]", result.cursor)


def look_up(
    conn: sa.Connection,
    column: sa.Column[str],
    ids: collections.abc.Collection[int],
) -> dict[int, str]:
    """Return the values of a column of the rows with these ids, by id."""
    found: dict[int, str] = {}
    ordered = sorted(ids)
    for start in range(0, len(ordered), _IDS_PER_STATEMENT):
        batch = ordered[start : start + _IDS_PER_STATEMENT]
        with _by_id(column).execute(conn, {"ids": batch}) as result:
            assert result.cursor is not None
            found.update(result.cursor.fetchall())
    return found


@functools.cache
def _by_id(column: sa.Column[str]) -> lists.Statement:
    """Select the ids of rows and a column of them."""
    id_ = column.table.c.id
    return lists.Statement(lambda ids: sa.select(id_, column).where(id_.in_(ids)))
