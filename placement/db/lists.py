"""Statements with lists of values whose text is built once.

For an *expanding* parameter, SQLAlchemy builds the text of the statement at each
execution. Most lists of a request are short. For these, a statement gets a fixed
number of places, and is built and compiled once for each such number.
"""

import collections.abc
import functools
import typing

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from placement.db import batch, tables
from placement.db.batch import Step

# Longer lists are expanded.
_PLACES_MAX = 32

# Rows of one INSERT; SQLAlchemy sends more of them in batches.
_ROWS_MAX = 100

# Argument of ``column.in_``.
Places = list[sa.BindParameter[typing.Any]] | sa.BindParameter[typing.Any]

_Lists = collections.abc.Mapping[str, collections.abc.Sequence[typing.Any]]
_Row = collections.abc.Mapping[str, typing.Any]


class Statement:
    """A statement with lists, which ``build`` takes as keyword arguments.

    ``build`` gets the argument of ``column.in_`` for each list. For a list that may be
    empty it uses ``is_one_of``, or omits the conditions that depend on it.
    """

    def __init__(self, build: collections.abc.Callable[..., sa.Executable]) -> None:
        self._build = build
        self._built = functools.lru_cache(maxsize=256)(self._write)

    def execute(
        self, conn: sa.Connection, lists: _Lists, values: _Row | None = None
    ) -> sa.CursorResult[*tuple[typing.Any, ...]]:
        """Run the statement; ``values`` are its other parameters.

        Duplicates in a list have no effect.
        """
        return batch.run(conn, [self.step(lists, values)])

    def step(self, lists: _Lists, values: _Row | None = None) -> Step:
        """Return the step that ``execute`` runs."""
        places = {name: _places(len(items)) for name, items in lists.items()}
        parameters = dict(values or {})
        for name, items in lists.items():
            if places[name] is None:
                parameters[name] = items
            else:
                # The remaining places repeat the last value.
                for place in range(places[name] or 0):
                    parameters[f"{name}_{place}"] = items[min(place, len(items) - 1)]
        return Step(self._built(**places), parameters, None not in places.values())

    def _write(self, **places: int | None) -> sa.Executable:
        return self._build(
            **{
                name: sa.bindparam(name, expanding=True)
                if count is None
                else [sa.bindparam(f"{name}_{place}") for place in range(count)]
                for name, count in places.items()
            }
        )


def is_one_of(
    column: sa.ColumnElement[typing.Any], places: Places
) -> sa.ColumnElement[bool]:
    """The column is in the list, which may be empty."""
    # SQLAlchemy would treat an empty list as expanding.
    return sa.false() if places == [] else column.in_(places)


def insert(
    table: sa.Table, rows: list[dict[str, typing.Any]], skips_existing: bool = False
) -> Step:
    """Return the step that inserts rows with the same columns, created now.

    ``skips_existing``, on PostgreSQL: without rows whose unique key exists.
    """
    if len(rows) > _ROWS_MAX:
        many = sa.insert(table)
        if skips_existing:
            many = postgresql.insert(table).on_conflict_do_nothing()
        return Step(many, rows, is_fixed=False)
    parameters = {
        f"{column}_{place}": value
        for place, row in enumerate(rows)
        for column, value in row.items()
    }
    statement = _insert(table, tuple(rows[0]), len(rows), skips_existing)
    return Step(statement, parameters | {"now": tables.utcnow()})


@functools.lru_cache(maxsize=256)
def _insert(
    table: sa.Table, columns: tuple[str, ...], count: int, skips_existing: bool
) -> sa.TextClause:
    # As text: SQLAlchemy does not cache the compiled form of an INSERT of many rows.
    rows = [
        ", ".join((":now", *(f":{name}_{place}" for name in columns)))
        for place in range(count)
    ]
    names = ", ".join(("created_at", *columns))
    values = "), (".join(rows)
    end = " ON CONFLICT DO NOTHING" if skips_existing else ""
    statement = sa.text(f"INSERT INTO {table.name} ({names}) VALUES ({values}){end}")
    return statement.bindparams(sa.bindparam("now", type_=sa.DateTime()))


def _places(length: int) -> int | None:
    """Return the number of places for a list of this length; None to expand it."""
    if length > _PLACES_MAX:
        return None
    return 1 << (length - 1).bit_length() if length else 0
