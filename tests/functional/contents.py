"""All that a database holds: in names that can be compared, and put back."""

import collections
import collections.abc
import typing

import sqlalchemy as sa

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import tables

# What a row has, by column.
Told = tuple[tuple[str, object], ...]
Content = dict[str, collections.Counter[Told]]

# The rows of a table, by key.
_Row = tuple[typing.Any, ...]
_Rows = dict[_Row, _Row]

_TABLES = tables.metadata.sorted_tables
_KEYS = {
    table: [list(table.c).index(column) for column in table.primary_key]
    for table in _TABLES
}

# The standard names are put in at the start, and nobody writes them later.
_SELECTS = {table: sa.select(table) for table in _TABLES}
for _named in (tables.resource_classes, tables.traits):
    _SELECTS[_named] = _SELECTS[_named].where(_named.c.name.like("CUSTOM%"))

# What ids stand for: the table that a column refers to, and what its rows are called.
_CALLED: dict[str, sa.Column[typing.Any]] = {
    "resource_provider_id": tables.resource_providers.c.uuid,
    "parent_provider_id": tables.resource_providers.c.uuid,
    "root_provider_id": tables.resource_providers.c.uuid,
    "resource_class_id": tables.resource_classes.c.name,
    "trait_id": tables.traits.c.name,
    "aggregate_id": tables.placement_aggregates.c.uuid,
    "project_id": tables.projects.c.external_id,
    "user_id": tables.users.c.external_id,
    "consumer_type_id": tables.consumer_types.c.name,
}

# Tables with revisions, and the column by which their rows are known.
_REVISED = {
    tables.resource_providers: tables.resource_providers.c.uuid,
    tables.name_changes: tables.name_changes.c.id,
}

_LEFT_OUT = ("id", "created_at", "updated_at")

# Tables are put back one after the other.
_WITHOUT_FOREIGN_KEYS = {
    "postgresql": "SET session_replication_role = replica",
    "mysql": "SET foreign_key_checks = 0",
    "sqlite": "PRAGMA foreign_keys = OFF",
}


class Keeper:
    """Looks at a database from aside, and can put it back as it was once.

    Nobody else may write to the database while one of the methods runs.
    """

    def __init__(self, url: str) -> None:
        self._engine = engines.create_engine(DatabaseSettings(url))
        self._without = _WITHOUT_FOREIGN_KEYS[self._engine.dialect.name]
        self._kept: dict[sa.Table, _Rows] = {}
        # By table, what a standard id stands for.
        self._standard: dict[sa.Table, dict[int, str]] = {}
        # By table and key.
        self._revisions: dict[tuple[sa.Table, object], int] = {}

    def keep(self) -> None:
        """Remember all that the database holds now."""
        with self._engine.connect() as conn:
            self._kept = _all_rows(conn)
            self._standard = {
                table: dict(conn.execute(sa.select(table.c.id, table.c.name)).all())
                for table in (tables.resource_classes, tables.traits)
            }
            self._revisions = {
                (table, key): revision
                for table, column in _REVISED.items()
                for key, revision in conn.execute(sa.select(column, table.c.revision))
            }

    def content(self) -> Content:
        """Return the rows of every table.

        There are no times in them and no ids: what refers to a row has its name. Of
        a revision, which is a time, there is whether it has moved since ``keep``.
        """
        with self._engine.connect() as conn:
            found = _all_rows(conn)
        called = {column: self._called(name, found) for column, name in _CALLED.items()}
        return {
            table.name: collections.Counter(
                self._told(table, row, called) for row in rows.values()
            )
            for table, rows in found.items()
        }

    def put_back(self) -> None:
        """Make the database what it was when ``keep`` was called, ids included.

        That is what a restore of a backup does while the service runs.
        """
        with self._engine.connect() as fresh:
            conn = engines.for_writing(fresh)
            conn.exec_driver_sql(self._without)
            for table, rows in _all_rows(conn).items():
                if rows != self._kept[table]:
                    _put_back(conn, table, rows, self._kept[table])
            conn.commit()

    def look(
        self, questions: collections.abc.Callable[[sa.Connection], list[str]]
    ) -> list[str]:
        """Return what ``questions`` finds on a connection of its own."""
        with self._engine.connect() as conn:
            return questions(conn)

    def close(self) -> None:
        self._engine.dispose()

    def _called(
        self, name: sa.Column[typing.Any], found: dict[sa.Table, _Rows]
    ) -> dict[int, str]:
        """Return what the rows of a table are called, by id."""
        place = list(name.table.c).index(name)
        rows = found[name.table].items()
        return self._standard.get(name.table, {}) | {
            key[0]: row[place] for key, row in rows
        }

    def _told(
        self, table: sa.Table, row: _Row, called: dict[str, dict[int, str]]
    ) -> Told:
        told: dict[str, typing.Any] = {
            column: called[column].get(value, "nothing")
            if column in called and value is not None
            else value
            for column, value in zip(table.c.keys(), row, strict=True)
            if column not in _LEFT_OUT
        }
        if table in _REVISED:
            key = dict(zip(table.c.keys(), row, strict=True))[_REVISED[table].name]
            told["revision"] = told["revision"] != self._revisions.get((table, key))
        return tuple(told.items())


def difference(wanted: Content, found: Content) -> list[str]:
    """Return a line for each row that only one of both has."""
    return [
        f"{word} in {table}: {row}"
        for table in wanted
        for word, rows in (
            ("missing", wanted[table] - found[table]),
            ("too many", found[table] - wanted[table]),
        )
        for row in rows
    ]


def _all_rows(conn: sa.Connection) -> dict[sa.Table, _Rows]:
    return {
        table: {
            tuple(row[place] for place in _KEYS[table]): tuple(row)
            for row in conn.execute(select)
        }
        for table, select in _SELECTS.items()
    }


def _put_back(
    conn: sa.Connection, table: sa.Table, present: _Rows, kept: _Rows
) -> None:
    wrong = [key for key, row in present.items() if kept.get(key) != row]
    missing = [row for key, row in kept.items() if present.get(key) != row]
    if wrong:
        conn.execute(sa.delete(table).where(sa.tuple_(*table.primary_key).in_(wrong)))
    if missing:
        names = table.c.keys()
        rows = [dict(zip(names, row, strict=True)) for row in missing]
        conn.execute(sa.insert(table), rows)
