"""Compare the content of a database, and restore it."""

import collections
import collections.abc
import typing

import sqlalchemy as sa

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import revision, tables

# The values of a row, by column.
Values = tuple[tuple[str, object], ...]
Content = dict[str, collections.Counter[Values]]

# The rows of a table, by key.
_Row = tuple[typing.Any, ...]
_Rows = dict[_Row, _Row]

_TABLES = tables.metadata.sorted_tables
_BY_NAME = {table.name: table for table in _TABLES}
_KEYS = {
    table: [list(table.c).index(column) for column in table.primary_key]
    for table in _TABLES
}

# The standard names are inserted at the start and do not change.
_SELECTS = {table: sa.select(table) for table in _TABLES}
for _named in (tables.resource_classes, tables.traits):
    _SELECTS[_named] = _SELECTS[_named].where(_named.c.name.like("CUSTOM%"))

# The names of the tables that have rows to select. Most have none.
_FILLED = sa.union_all(
    *(
        sa.select(sa.literal_column(f"'{table.name}'")).where(select.exists())
        for table, select in _SELECTS.items()
    )
)

# For columns with ids, the column that names the rows of the referenced table.
_NAMES: dict[str, sa.Column[typing.Any]] = {
    "resource_provider_id": tables.resource_providers.c.uuid,
    "parent_provider_id": tables.resource_providers.c.uuid,
    "root_provider_id": tables.resource_providers.c.uuid,
    "resource_class_id": tables.resource_classes.c.name,
    "trait_id": tables.traits.c.name,
    "aggregate_id": tables.placement_aggregates.c.uuid,
    "project_id": tables.projects.c.external_id,
    "user_id": tables.users.c.external_id,
    "consumer_type_id": tables.consumer_types.c.name,
    "consumer_id": tables.consumers.c.uuid,
    "group_id": tables.groups.c.name,
}

_providers = tables.resource_providers
_OF_DEFINITION = revision.of_definition(_providers)

# Tables with revisions, and the column that names their rows.
_REVISED = {
    tables.resource_providers: tables.resource_providers.c.uuid,
    tables.name_changes: tables.name_changes.c.id,
    tables.groups: tables.groups.c.name,
}

_IGNORED = (
    "id",
    "created_at",
    "updated_at",
    "set_at",
    "expires_at",
    "counted_at",
    "changed_at",
    "released_at",
)

# Tables are restored one after the other.
_WITHOUT_FOREIGN_KEYS = {
    "postgresql": "SET session_replication_role = replica",
    "mysql": "SET foreign_key_checks = 0",
    "sqlite": "PRAGMA foreign_keys = OFF",
}


class Keeper:
    """Reads a database beside the service, and restores an earlier content.

    No other session may write while a method runs.
    """

    def __init__(self, url: str) -> None:
        self._engine = engines.create_engine(DatabaseSettings(url))
        self._without = _WITHOUT_FOREIGN_KEYS[self._engine.dialect.name]
        self._kept: dict[sa.Table, _Rows] = {}
        # As ``content`` has read them.
        self._found: dict[sa.Table, _Rows] = {}
        # By table and id, the standard names.
        self._standard: dict[sa.Table, dict[int, str]] = {}
        # By table and key.
        self._revisions: dict[tuple[sa.Table, object], int] = {}
        self._definitions: dict[object, int] = {}

    def keep(self) -> None:
        """Save the content to restore."""
        with self._engine.connect() as conn:
            self._kept = _all_rows(conn)
            self._standard = {
                table: dict(conn.execute(sa.select(table.c.id, table.c.name)).all())
                for table in (tables.resource_classes, tables.traits)
            }
            self._revisions = {
                (table, key): last
                for table, column in _REVISED.items()
                for key, last in conn.execute(sa.select(column, table.c.revision))
            }
            self._definitions = dict(
                conn.execute(sa.select(_providers.c.uuid, _OF_DEFINITION)).all()
            )

    def content(self) -> Content:
        """Return the rows of every table.

        Without timestamps; ids are replaced by names, and a revision by whether it has
        changed since ``keep``; that of a definition, too.
        """
        with self._engine.connect() as conn:
            found = self._found = _all_rows(conn)
        names = {column: self._names_of(name, found) for column, name in _NAMES.items()}
        return {
            table.name: collections.Counter(
                self._values(table, row, names) for row in rows.values()
            )
            for table, rows in found.items()
        }

    def restore(self, is_read: bool = False) -> None:
        """Restore the content as of ``keep``, including ids.

        With ``is_read``, nothing was written since ``content``.

        A restored backup has the same effect on a running service.
        """
        with self._engine.connect() as fresh:
            conn = engines.for_writing(fresh)
            conn.exec_driver_sql(self._without)
            found = self._found if is_read else _all_rows(conn)
            for table, rows in found.items():
                if rows != self._kept[table]:
                    _restore_table(conn, table, rows, self._kept[table])
            conn.commit()

    def look(
        self, questions: collections.abc.Callable[[sa.Connection], list[str]]
    ) -> list[str]:
        """Return what ``questions`` finds, on a separate connection."""
        with self._engine.connect() as conn:
            return questions(conn)

    def close(self) -> None:
        self._engine.dispose()

    def _names_of(
        self, name: sa.Column[typing.Any], found: dict[sa.Table, _Rows]
    ) -> dict[int, str]:
        """Return the names of the rows of a table, by id."""
        place = list(name.table.c).index(name)
        rows = found[name.table].items()
        return self._standard.get(name.table, {}) | {
            key[0]: row[place] for key, row in rows
        }

    def _values(
        self, table: sa.Table, row: _Row, names: dict[str, dict[int, str]]
    ) -> Values:
        values: dict[str, typing.Any] = {
            column: names[column].get(value, "nothing")
            # External ids stay as they are.
            if column in names and isinstance(value, int)
            else value
            for column, value in zip(table.c.keys(), row, strict=True)
            if column not in _IGNORED
        }
        if table in _REVISED:
            key = dict(zip(table.c.keys(), row, strict=True))[_REVISED[table].name]
            last = values["revision"]
            values["revision"] = last != self._revisions.get((table, key))
            if table is _providers:
                # See ``placement.db.revision``.
                definition = values["definition_revision"] if last % 2 else last
                is_changed = definition != self._definitions.get(key)
                values["definition_revision"] = is_changed
        return tuple(values.items())


def difference(wanted: Content, found: Content) -> list[str]:
    """Return a line for each row that only one of the contents has."""
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
    found: dict[sa.Table, _Rows] = {table: {} for table in _TABLES}
    for name in conn.scalars(_FILLED).all():
        table = _BY_NAME[name]
        found[table] = _rows_of(conn, table)
    return found


def _rows_of(conn: sa.Connection, table: sa.Table) -> _Rows:
    return {
        tuple(row[place] for place in _KEYS[table]): tuple(row)
        for row in conn.execute(_SELECTS[table])
    }


def _restore_table(
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
