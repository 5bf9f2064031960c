"""The names of resource classes and traits, and the ids that are stored for them.

Standard names never change, so what a process has once read of them holds. A
custom name can be deleted and its id be given to another one, also by another
process. Whoever takes a meaning away moves ``name_changes.revision`` in the same
transaction; what is kept here holds while that stays the same. New names need no
such move: a name that is not found is looked for again.
"""

import collections.abc
import dataclasses

import os_resource_classes
import sqlalchemy as sa

from placement import exception
from placement.db import tables

CUSTOM = "CUSTOM_"
STANDARD_CLASSES: dict[str, int] = {
    name: index for index, name in enumerate(os_resource_classes.STANDARDS)
}
_STANDARD_CLASS_NAMES = {id_: name for name, id_ in STANDARD_CLASSES.items()}

_Ids = collections.abc.Iterable[int]
# Returns what REVISION selects, for who reads it in a way of his own.
_ReadRevision = collections.abc.Callable[[], int]
_Names = collections.abc.Iterable[str]


# What a process remembers holds while this stays the same.
REVISION = sa.select(tables.name_changes.c.revision).where(
    tables.name_changes.c.id == 1
)


def is_custom(name: str) -> bool:
    return name.startswith(CUSTOM)


def forget_meanings(conn: sa.Connection) -> None:
    """Tell every process that a custom name was deleted or renamed.

    Belongs into the transaction that does it.
    """
    changes = tables.name_changes
    conn.execute(
        sa.update(changes)
        .where(changes.c.id == 1)
        .values(revision=changes.c.revision + 1)
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Known:
    """Both directions of one table, as read at one revision of the changes."""

    revision: int
    ids: dict[str, int]
    names: dict[int, str]


_NOTHING_KNOWN = _Known(-1, {}, {})


class _Table:
    """Names and ids of one table, kept for the process."""

    def __init__(self, table: sa.Table) -> None:
        self._table = table
        self._known = _NOTHING_KNOWN

    def ids(
        self,
        conn: sa.Connection,
        wanted: set[str],
        read_revision: _ReadRevision | None = None,
    ) -> dict[str, int]:
        """Return ids by name, of all ``wanted`` that exist and of others."""
        known = self._known.ids
        if wanted <= known.keys() and not any(map(is_custom, wanted)):
            return known
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
        known = self._known.names
        if all(id_ in known and not is_custom(known[id_]) for id_ in wanted):
            return known
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
        if read_revision is None:
            revision = conn.scalar(REVISION) or 0
        else:
            revision = read_revision()
        if known.revision == revision and has_all(known):
            return known
        rows = conn.execute(sa.select(self._table.c.id, self._table.c.name)).all()
        fresh = _Known(
            revision,
            {name: id_ for id_, name in rows},
            dict(rows),
        )
        # A transaction that began earlier must not bring back what it still sees.
        if revision >= self._known.revision:
            self._known = fresh
        return fresh


class Names:
    """Names by id and ids by name, as this transaction sees them."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget all names, where the database may have forgotten some, too."""
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
        """Return the id of each trait; standard ones are read once per process.

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
        """Return the name of each trait; standard ones are read once per process.

        ``read_revision`` is as for ``resource_class_ids``.
        """
        wanted = set(ids)
        names = self._traits.names(conn, wanted, read_revision)
        return {id_: names[id_] for id_ in wanted}
