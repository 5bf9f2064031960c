"""Resource classes: standard ones, and custom ones that clients create."""

import collections.abc
import datetime
import typing

import sqlalchemy as sa

from placement import exception, excerpt
from placement.db import locks, names, tables, unique
from placement.objects import change

_classes = tables.resource_classes
_inventories = tables.inventories

# Lower ids are for standard classes, also future ones.
_FIRST_CUSTOM_ID = 10_000


class ResourceClass(typing.NamedTuple):
    id: int
    name: str
    modified: datetime.datetime | None

    @property
    def is_custom(self) -> bool:
        return names.is_custom(self.name)


_SELECT = sa.select(
    _classes.c.id,
    _classes.c.name,
    sa.func.coalesce(_classes.c.updated_at, _classes.c.created_at),
)


def get_all(conn: sa.Connection) -> list[ResourceClass]:
    """Return every class, standard ones first, ordered by id."""
    return [
        ResourceClass(*row) for row in conn.execute(_SELECT.order_by(_classes.c.id))
    ]


def find_by_name(conn: sa.Connection, name: str) -> ResourceClass | None:
    """Return one class, or None."""
    row = conn.execute(_SELECT.where(_classes.c.name == name)).first()
    return None if row is None else ResourceClass(*row)


def get_by_name(conn: sa.Connection, name: str) -> ResourceClass:
    """Return one class.

    Raises ResourceClassNotFound.
    """
    found = find_by_name(conn, name)
    if found is None:
        raise exception.ResourceClassNotFound(name=name)
    return found


def ensure(conn: sa.Connection, name: str) -> bool:
    """Create a custom class unless it exists; return whether it was created."""
    if find_by_name(conn, name) is not None:
        return False
    newest = conn.scalar(sa.select(sa.func.max(_classes.c.id)))
    number = max((newest or 0) + 1, _FIRST_CUSTOM_ID)
    unique.insert_or_retry(conn, _classes, id=number, name=name)
    names.advance_revision(conn)
    return True


def rename(conn: sa.Connection, name: str, new_name: str) -> ResourceClass:
    """Rename a custom class; its inventories and allocations keep its id.

    Returns the renamed class.
    Raises ResourceClassNotFound; BadRequest for a standard class; Conflict when
    the new name is taken.
    """
    found = get_by_name(conn, name)
    if not found.is_custom:
        raise exception.BadRequest(
            reason=f"Cannot update standard resource class {name}"
        )
    if new_name == name:
        return found
    taken = find_by_name(conn, new_name)
    if taken is not None:
        raise exception.Conflict(
            reason=f"Resource class already exists: {excerpt.of_text(new_name)}"
        )
    renamed = conn.execute(
        sa.update(_classes)
        .where(_classes.c.id == found.id, _classes.c.name == name)
        .values(name=new_name)
    )
    if renamed.rowcount == 0:
        # Another transaction deleted or renamed it after it was read.
        raise exception.ResourceClassNotFound(name=name)
    names.advance_revision(conn)
    change.record_class(conn, found.id)
    return get_by_name(conn, new_name)


def delete(conn: sa.Connection, name: str) -> None:
    """Delete a custom class that has no inventories, and its limits.

    Raises ResourceClassNotFound, BadRequest for a standard class, and
    ResourceClassInUse.
    """
    found = get_by_name(conn, name)
    if not found.is_custom:
        raise exception.BadRequest(
            reason="Error in delete resource class: "
            f"Cannot delete standard resource class {name}."
        )
    # Writers of inventories lock the class by its name, see ``lock_ids``. On MariaDB
    # that locks an index entry and not the row, so this locks by name, too.
    conn.execute(
        sa.select(_classes.c.id).where(_classes.c.name == name).with_for_update()
    )
    locks.lock_classes_elsewhere(conn, [found.id])
    used = sa.select(sa.literal(1)).where(_inventories.c.resource_class_id == found.id)
    if conn.scalar(used.limit(1)) is not None:
        raise exception.ResourceClassInUse(name=name)
    gone = conn.execute(
        sa.delete(_classes).where(_classes.c.id == found.id, _classes.c.name == name)
    )
    if gone.rowcount == 0:
        # Another transaction deleted or renamed it after it was read.
        raise exception.ResourceClassNotFound(name=name)
    # Its id can be reused.
    for table in (tables.limits, tables.limited_usages):
        conn.execute(sa.delete(table).where(table.c.resource_class_id == found.id))
    names.advance_revision(conn)


def lock_ids(
    conn: sa.Connection, wanted: collections.abc.Iterable[str]
) -> dict[str, int]:
    """Return the ids of classes by name, and lock the classes against changes.

    Until the transaction ends, none of the custom classes can be deleted or renamed,
    so the caller can store their ids. Standard classes never change, and cost no
    statement.

    Raises ResourceClassNotFound for the first that does not exist.
    """
    names_wanted = list(wanted)
    ids = names.STANDARD_CLASSES
    custom = sorted(set(names_wanted) - ids.keys())
    if custom:
        locked = conn.execute(
            sa.select(_classes.c.name, _classes.c.id)
            .where(_classes.c.name.in_(custom))
            .order_by(_classes.c.id)
            .with_for_update(read=True, key_share=True)
        )
        found: dict[str, int] = dict(locked.all())
        locks.lock_classes_elsewhere(conn, found.values())
        ids = ids | found
    for name in names_wanted:
        if name not in ids:
            raise exception.ResourceClassNotFound(name=name)
    return {name: ids[name] for name in names_wanted}
