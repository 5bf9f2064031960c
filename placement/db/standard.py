"""Standard resource classes and traits: insert those that the database lacks."""

import collections.abc
import typing

import os_traits
import sqlalchemy as sa

from placement.db import conflicts, names, tables, unique
from placement.db import engine as engines

# Processes that start at the same time insert the same names; those that fail find
# them present at the next attempt.
_ATTEMPTS = 5


def ensure(engine: sa.Engine) -> None:
    """Insert the standard classes and traits that the database lacks.

    Several processes can do this at the same time. The id of a standard class is its
    index in the library's list; that of a trait is the next free one.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with engine.connect() as conn:
                # Usually nothing is missing, and no write lock is needed.
                if not _missing(conn):
                    return
            with engine.connect() as fresh:
                conn = engines.for_writing(fresh)
                for table, rows in _missing(conn):
                    conn.execute(unique.insert(conn, table), rows)
                names.advance_revision(conn)
                conn.commit()
                return
        except sa.exc.DBAPIError as failure:
            raced = conflicts.meaning(failure) is conflicts.Meaning.RETRY
            if not raced or attempt == _ATTEMPTS:
                raise


_Rows = list[dict[str, typing.Any]]


def _missing(conn: sa.Connection) -> list[tuple[sa.Table, _Rows]]:
    """Return the rows to insert, by table; tables without any are left out."""
    classes = _absent(conn, tables.resource_classes, names.STANDARD_CLASSES)
    traits = _absent(conn, tables.traits, sorted(os_traits.get_traits()))
    found: list[tuple[sa.Table, _Rows]] = [
        (
            tables.resource_classes,
            [{"id": names.STANDARD_CLASSES[name], "name": name} for name in classes],
        ),
        (tables.traits, [{"name": name} for name in traits]),
    ]
    return [(table, rows) for table, rows in found if rows]


def _absent(
    conn: sa.Connection, table: sa.Table, wanted: collections.abc.Iterable[str]
) -> list[str]:
    present = set(conn.scalars(sa.select(table.c.name)))
    return [name for name in wanted if name not in present]
