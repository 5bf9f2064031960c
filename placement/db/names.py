"""Names and stored ids of resource classes and traits, cached per process.

Another process can delete or rename a custom name, or reuse its id; a restored backup
can have other ids for traits, also for standard ones. So every change of names
advances ``name_changes.revision`` in its transaction, and a cached table is used only
if its revision is the current one. Standard classes have fixed ids and need no lookup.
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
# Returns the result of REVISION; for callers that have read it already.
_ReadRevision = collections.abc.Callable[[], int]
_Names = collections.abc.Iterable[str]


# The cached names are valid while this stays the same.
REVISION = sa.select(tables.name_changes.c.revision).where(
    tables.name_changes.c.id == 1
)


def is_custom(name: str) -> bool:
    return name.startswith(CUSTOM)


def has_name(
    class_id: sa.ColumnElement[int], name: sa.ColumnElement[str]
) -> sa.ColumnElement[bool]:
    """The class with this id has this name.

    For writes with an id that was read earlier: the custom class may have been deleted
    since, and its id reused.
    """
    classes = tables.resource_classes
    return sa.exists().where(classes.c.id == class_id, classes.c.name == name)


def advance_revision(conn: sa.Connection) -> None:
    """Advance the revision of names, in every transaction that changes a name."""
    changes = tables.name_changes
    conn.execute(
        sa.update(changes)
        .where(changes.c.id == 1)
        .values(revision=revision.next_of(changes.c.revision))
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Content:
    """The content of one table at one revision of names."""

    revision: int
    ids: dict[str, int]
    names: dict[int, str]


_EMPTY = _Content(-1, {}, {})


class _Table:
    """The cache of one table."""

    def __init__(self, table: sa.Table) -> None:
        # One statement, so that names and revision come from one snapshot.
        revision_now = REVISION.scalar_subquery()
        self._select = sa.select(table.c.id, table.c.name, revision_now)
        self._content = _EMPTY

    def ids(
        self,
        conn: sa.Connection,
        wanted: set[str],
        read_revision: _ReadRevision | None = None,
    ) -> dict[str, int]:
        """Return the ids by name, at least of those ``wanted`` that exist."""
        if not wanted:
            return {}
        return self._current(
            conn, lambda content: wanted <= content.ids.keys(), read_revision
        ).ids

    def names(
        self,
        conn: sa.Connection,
        wanted: set[int],
        read_revision: _ReadRevision | None = None,
    ) -> dict[int, str]:
        """Return the names by id, at least of those ``wanted`` that exist."""
        if not wanted:
            return {}
        return self._current(
            conn, lambda content: wanted <= content.names.keys(), read_revision
        ).names

    def _current(
        self,
        conn: sa.Connection,
        has_all: collections.abc.Callable[[_Content], bool],
        read_revision: _ReadRevision | None = None,
    ) -> _Content:
        cached = self._content
        now = conn.scalar(REVISION) or 0 if read_revision is None else read_revision()
        if cached.revision == now and has_all(cached):
            return cached
        rows = conn.execute(self._select).all()
        fresh = _Content(
            rows[0][2] or 0 if rows else now,
            {name: id_ for id_, name, _ in rows},
            {id_: name for id_, name, _ in rows},
        )
        # Another thread may have cached a newer revision, but after a restore the older
        # one is right.
        self._content = fresh
        return fresh


class Names:
    """Look up names and ids, as the transaction of the connection sees them."""

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

        ``read_revision`` returns REVISION as read in this transaction; by default it is
        read here.

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
