"""The names of resource classes and traits, and the ids that are stored for them.

A process caches both tables. Another process may delete or rename a custom name, or
give its id to another one; a restored backup may have other ids for any trait, also
for a standard one. So every change of names moves ``name_changes.revision`` in its
transaction, and a cached table is used only in transactions that read the revision
that it was read with. The standard classes have fixed ids, which are not looked up.
"""

import collections.abc
import dataclasses

import os_resource_classes
import sqlalchemy as sa

from placement import exception
from placement.db import revision, tables

CUSTOM = "CUSTOM_"
STANDARD_CLASSES: dict[str, int] = {
    name: index for index, name in enumerate(os_resource_classes.STANDARDS)
}
_STANDARD_CLASS_NAMES = {id_: name for name, id_ in STANDARD_CLASSES.items()}

_Ids = collections.abc.Iterable[int]
# Returns what REVISION selects, for who reads it in a way of his own.
_ReadRevision = collections.abc.Callable[[], int]
_Names = collections.abc.Iterable[str]


# What a process has cached of names is right while this stays the same.
REVISION = sa.select(tables.name_changes.c.revision).where(
    tables.name_changes.c.id == 1
)


def is_custom(name: str) -> bool:
    return name.startswith(CUSTOM)


def has_name(
    class_id: sa.ColumnElement[int], name: sa.ColumnElement[str]
) -> sa.ColumnElement[bool]:
    """The class with the id has the name.

    For writes with an id that was read earlier: a custom class may have been deleted
    since, and its id given to another one.
    """
    classes = tables.resource_classes
    return sa.exists().where(classes.c.id == class_id, classes.c.name == name)


def advance_revision(conn: sa.Connection) -> None:
    """Move the revision of names; part of every transaction that changes a name."""
    changes = tables.name_changes
    conn.execute(
        sa.update(changes)
        .where(changes.c.id == 1)
        .values(revision=revision.next_of(changes.c.revision))
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Known:
    """Both directions of one table, as read together with the revision of names."""

    revision: int
    ids: dict[str, int]
    names: dict[int, str]


_NOTHING_KNOWN = _Known(-1, {}, {})


class _Table:
    """Names and ids of one table, cached for the process."""

    def __init__(self, table: sa.Table) -> None:
        # One statement, so that names and revision are of one snapshot.
        revision_now = REVISION.scalar_subquery()
        self._select = sa.select(table.c.id, table.c.name, revision_now)
        self._known = _NOTHING_KNOWN

    def ids(
        self,
        conn: sa.Connection,
        wanted: set[str],
        read_revision: _ReadRevision | None = None,
    ) -> dict[str, int]:
        """Return ids by name, of all ``wanted`` that exist and of others."""
        if not wanted:
            return {}
        return self._current(
            conn, lambda known: wanted <= known.ids.keys(), read_revision
        ).ids

    def names(
        self,
        conn: sa.Connection,
        wanted: set[int],
        read_revision: _ReadRevision | None = None,
    ) -> dict[int, str]:
        """Return names by id, of all ``wanted`` that exist and of others."""
        if not wanted:
            return {}
        return self._current(
            conn, lambda known: wanted <= known.names.keys(), read_revision
        ).names

    def _current(
        self,
        conn: sa.Connection,
        has_all: collections.abc.Callable[[_Known], bool],
        read_revision: _ReadRevision | None = None,
    ) -> _Known:
        known = self._known
        now = conn.scalar(REVISION) or 0 if read_revision is None else read_revision()
        if known.revision == now and has_all(known):
            return known
        rows = conn.execute(self._select).all()
        fresh = _Known(
            rows[0][2] or 0 if rows else now,
            {name: id_ for id_, name, _ in rows},
            {id_: name for id_, name, _ in rows},
        )
        # It may be older than what another thread has cached, but after a restore so
        # is what the database has.
        self._known = fresh
        return fresh


class Names:
    """Names by id and ids by name, as this transaction sees them."""

    def __init__(self) -> None:
        self._classes = _Table(tables.resource_classes)
        self._traits = _Table(tables.traits)

    def resource_class_ids(
        self,
        conn: sa.Connection,
        names: _Names,
        read_revision: _ReadRevision | None = None,
    ) -> dict[str, int]:
        """Return the id of each class; costs no statement for standard ones.

        ``read_revision`` reads REVISION in this transaction; None: it is read here.

        Raises ResourceClassNotFound for the first that does not exist.
        """
        wanted = list(names)
        ids = STANDARD_CLASSES
        if any(name not in ids for name in wanted):
            ids = self._classes.ids(conn, set(wanted), read_revision)
        for name in wanted:
            if name not in ids:
                raise exception.ResourceClassNotFound(name=name)
        return {name: ids[name] for name in wanted}

    def resource_class_id(self, conn: sa.Connection, name: str) -> int:
        """Return the id of one class.

        Raises ResourceClassNotFound.
        """
        return self.resource_class_ids(conn, [name])[name]

    def resource_classes(
        self,
        conn: sa.Connection,
        ids: _Ids,
        read_revision: _ReadRevision | None = None,
    ) -> dict[int, str]:
        """Return the name of each class; costs no statement for standard ones.

        ``read_revision`` is as for ``resource_class_ids``.
        """
        wanted = set(ids)
        names = _STANDARD_CLASS_NAMES
        if not wanted <= names.keys():
            names = self._classes.names(conn, wanted, read_revision)
        return {id_: names[id_] for id_ in wanted}

    def trait_ids(
        self,
        conn: sa.Connection,
        names: _Names,
        read_revision: _ReadRevision | None = None,
    ) -> dict[str, int]:
        """Return the id of each trait.

        ``read_revision`` is as for ``resource_class_ids``.

        Raises TraitNotFound, which names all that do not exist.
        """
        wanted = set(names)
        ids = self._traits.ids(conn, wanted, read_revision)
        unknown = sorted(wanted - ids.keys())
        if unknown:
            raise exception.TraitNotFound(names=", ".join(unknown))
        return {name: ids[name] for name in wanted}

    def traits(
        self,
        conn: sa.Connection,
        ids: _Ids,
        read_revision: _ReadRevision | None = None,
    ) -> dict[int, str]:
        """Return the name of each trait.

        ``read_revision`` is as for ``resource_class_ids``.
        """
        wanted = set(ids)
        names = self._traits.names(conn, wanted, read_revision)
        return {id_: names[id_] for id_ in wanted}
