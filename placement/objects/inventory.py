"""Inventories: how many units of a resource class a provider offers."""

import collections.abc
import dataclasses
import datetime
import typing

import sqlalchemy as sa

from placement import exception
from placement.db import batch, lists, names, predicates, tables
from placement.objects import change as changes
from placement.objects import resource_provider
from placement.objects.resource_provider import ProviderChildren, ResourceProvider

_inventories = tables.inventories


def capacity_of(total: int, reserved: int, allocation_ratio: float) -> int:
    """Return the units that can be allocated in total; twin of ``predicates.capacity``.

    Rounding toward zero does not affect comparisons with whole amounts.
    """
    return int((total - reserved) * allocation_ratio)


def room_of(max_unit: int, free: int) -> int:
    """Return the most that one consumer can add; see ``Offer``."""
    # Not min, which takes four times as long.
    return free if free < max_unit else max_unit


@dataclasses.dataclass(frozen=True, slots=True)
class Inventory:
    """One provider's inventory of one resource class.

    All amounts are whole units of that class: VCPU counts virtual CPUs,
    MEMORY_MB mebibytes, DISK_GB gibibytes. ``used``, the allocated units, and
    ``modified`` do not take part in comparisons.
    """

    resource_class_id: int
    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = predicates.MAX_INT
    step_size: int = 1
    allocation_ratio: float = 1.0
    used: int = dataclasses.field(default=0, compare=False)
    modified: datetime.datetime | None = dataclasses.field(default=None, compare=False)

    @classmethod
    def from_record(
        cls,
        record: collections.abc.Mapping[str, typing.Any],
        resource_class_id: int = -1,
    ) -> typing.Self:
        """Return the inventory with the ``CLIENT_FIELDS`` of ``record``.

        Whole numbers may be floats, such as 2.0.
        """
        given: dict[str, typing.Any] = {
            name: value if name == "allocation_ratio" else int(value)
            for name, value in record.items()
            if name in CLIENT_FIELDS
        }
        return cls(resource_class_id, **given)

    def record(self) -> dict[str, typing.Any]:
        """Return the ``CLIENT_FIELDS``, as ``from_record`` takes them."""
        return {name: getattr(self, name) for name in CLIENT_FIELDS}

    @property
    def capacity(self) -> int:
        """Units that can be allocated in total; see ``capacity_of``."""
        return capacity_of(self.total, self.reserved, self.allocation_ratio)

    def offer(self) -> "Offer":
        """Return the values that decide whether an amount fits."""
        return Offer.of(
            self.min_unit, self.max_unit, self.step_size, self.capacity, self.used
        )


class Offer(typing.NamedTuple):
    """What an inventory can still give; searches and claims decide by it.

    ``free`` is ``capacity`` - ``used``, and negative if the inventory is
    overcommitted. ``room`` is the most that one consumer can add: ``free``, but at
    most ``max_unit``. Both are stored because a search reads them in its innermost
    loop. The SQL twins are in ``db.predicates``.
    """

    min_unit: int
    max_unit: int
    step_size: int
    capacity: int
    used: int
    free: int
    room: int

    @classmethod
    def of(
        cls, min_unit: int, max_unit: int, step_size: int, capacity: int, used: int
    ) -> "Offer":
        """Return the offer of an inventory of which ``used`` units are allocated."""
        free = capacity - used
        room = room_of(max_unit, free)
        return cls(min_unit, max_unit, step_size, capacity, used, free, room)

    def refuses(self, amount: int) -> str | None:
        """Return the first rule that forbids allocating ``amount``, or None.

        The rules, in this order: "min_unit", "max_unit", "step_size", "capacity".
        """
        return self.refuses_size(amount) or (
            None if self.has_room(amount) else "capacity"
        )

    def refuses_size(self, amount: int) -> str | None:
        """Return the first unit rule that ``amount`` breaks, whatever is free."""
        if amount < self.min_unit:
            return "min_unit"
        if amount > self.max_unit:
            return "max_unit"
        if amount % self.step_size:
            return "step_size"
        return None

    def has_room(self, amount: int) -> bool:
        """Adding ``amount`` units stays within capacity, whatever their size."""
        return amount <= self.free


# What clients set of an inventory.
CLIENT_FIELDS = (
    "total",
    "reserved",
    "min_unit",
    "max_unit",
    "step_size",
    "allocation_ratio",
)

COLUMNS = (
    _inventories.c.resource_class_id,
    *(_inventories.c[name] for name in CLIENT_FIELDS),
    _inventories.c.used,
    sa.func.coalesce(_inventories.c.updated_at, _inventories.c.created_at),
)


def get_all_by_resource_provider(
    conn: sa.Connection, provider: ResourceProvider
) -> list[Inventory]:
    """Return the provider's inventories, ordered by resource class."""
    rows = batch.run_one(conn, _OF_PROVIDER, {"provider": provider.id})
    return [Inventory(*row) for row in rows]


_OF_PROVIDER = (
    sa.select(*COLUMNS)
    .where(_inventories.c.resource_provider_id == sa.bindparam("provider"))
    .order_by(_inventories.c.resource_class_id)
)


def get_all_by_name(conn: sa.Connection, uuid: str) -> tuple[int, dict[str, Inventory]]:
    """Return a provider's generation, and its inventories by class name.

    They are ordered by class id. Runs one statement.

    Raises ResourceProviderNotFound.
    """
    provider, rows = _BY_NAME.read(conn, uuid)
    return provider.generation, {name: Inventory(*row) for name, *row in rows}


_classes = tables.resource_classes
_BY_NAME = ProviderChildren(
    _classes.c.name,
    *COLUMNS,
    source=sa.join(
        _inventories, _classes, _classes.c.id == _inventories.c.resource_class_id
    ),
    owner=_inventories.c.resource_provider_id,
    order=_inventories.c.resource_class_id,
)


def find(
    conn: sa.Connection, provider: ResourceProvider, resource_class_id: int
) -> Inventory | None:
    """Return the provider's inventory of one class, or None."""
    of_class = {"provider": provider.id, "resource_class": resource_class_id}
    found = batch.run_one(conn, _OF_CLASS, of_class).first()
    return None if found is None else Inventory(*found)


_IS_OF_CLASS = sa.and_(
    _inventories.c.resource_provider_id == sa.bindparam("provider"),
    _inventories.c.resource_class_id == sa.bindparam("resource_class"),
)
_OF_CLASS = sa.select(*COLUMNS).where(_IS_OF_CLASS)
# The new values are added to the parameters when it runs.
_CHANGE = sa.update(_inventories).where(_IS_OF_CLASS)


def add(
    conn: sa.Connection, provider: ResourceProvider, wanted: Inventory, class_name: str
) -> int:
    """Add an inventory of one class, whose name is ``class_name``.

    Returns the provider's new generation.
    Raises ResourceProviderNotFound when the provider was deleted, and
    InventoryExists.
    """
    generation = resource_provider.advance_generation(
        conn, provider, kind=changes.INVENTORY
    )
    if find(conn, provider, wanted.resource_class_id) is not None:
        raise exception.InventoryExists(uuid=provider.uuid, resource_class=class_name)
    _insert(conn, provider, [wanted])
    return generation


def change(conn: sa.Connection, provider: ResourceProvider, wanted: Inventory) -> bool:
    """Replace the provider's inventory of one class; return whether there was one.

    The caller has advanced the provider's generation. An unchanged inventory is not
    written.
    """
    stored = find(conn, provider, wanted.resource_class_id)
    if stored is None or stored == wanted:
        return stored is not None
    change_all(conn, [(provider.id, wanted)])
    return True


# Pairs of the id of a provider and an inventory.
OfProviders = collections.abc.Sequence[tuple[int, Inventory]]


def change_all(conn: sa.Connection, wanted: OfProviders) -> None:
    """Replace existing inventories of providers.

    The caller has advanced the generations of the providers, or locked them.
    """
    if wanted:
        conn.execute(
            _CHANGE,
            [
                {
                    "provider": provider_id,
                    "resource_class": each.resource_class_id,
                    **each.record(),
                }
                for provider_id, each in wanted
            ],
        )


def replace_all(
    conn: sa.Connection,
    known_names: names.Names,
    provider: ResourceProvider,
    wanted: collections.abc.Sequence[Inventory],
) -> None:
    """Replace all inventories of the provider.

    The caller has advanced the provider's generation. Unchanged inventories are not
    written.

    Raises InventoryInUse when a class to remove has allocations.
    Source: API reference, "Update resource provider inventories".
    """
    before = merge(conn, provider, wanted)
    gone = before - {each.resource_class_id for each in wanted}
    if gone:
        remove(conn, known_names, provider, sorted(gone))


def merge(
    conn: sa.Connection,
    provider: ResourceProvider,
    wanted: collections.abc.Sequence[Inventory],
) -> collections.abc.Set[int]:
    """Add or replace the inventories of the classes in ``wanted``; keep the others.

    The caller has advanced the provider's generation.

    Returns the ids of the classes that had an inventory before.
    """
    present = {
        each.resource_class_id: each
        for each in get_all_by_resource_provider(conn, provider)
    }
    new, changed = [], []
    for each in wanted:
        stored = present.get(each.resource_class_id)
        if stored is None:
            new.append(each)
        elif stored != each:
            changed.append((provider.id, each))
    change_all(conn, changed)
    _insert(conn, provider, new)
    return present.keys()


def remove_all_but(
    conn: sa.Connection,
    known_names: names.Names,
    provider: ResourceProvider,
    kept: collections.abc.Sequence[Inventory] = (),
) -> None:
    """Remove all inventories of the provider but those of the classes in ``kept``.

    The caller has advanced the provider's generation.

    Raises InventoryInUse, which names all classes that have allocations.
    """
    classes = {each.resource_class_id for each in kept}
    present = get_all_by_resource_provider(conn, provider)
    gone = [each.resource_class_id for each in present]
    gone = [number for number in gone if number not in classes]
    if gone:
        remove(conn, known_names, provider, gone)


def remove(
    conn: sa.Connection,
    known_names: names.Names,
    provider: ResourceProvider,
    resource_class_ids: collections.abc.Sequence[int],
) -> int:
    """Remove the inventories of some classes; return how many there were.

    The caller has advanced the provider's generation.

    Raises InventoryInUse, which names all classes that have allocations.
    """
    used = _used_classes(conn, provider, resource_class_ids)
    if used:
        by_id = known_names.resource_classes(conn, used)
        raise exception.InventoryInUse(
            uuid=provider.uuid,
            resource_classes=", ".join(by_id[number] for number in used),
        )
    gone = conn.execute(
        sa.delete(_inventories).where(
            _inventories.c.resource_provider_id == provider.id,
            _inventories.c.resource_class_id.in_(resource_class_ids),
        )
    )
    return gone.rowcount


def _used_classes(
    conn: sa.Connection,
    provider: ResourceProvider,
    resource_class_ids: collections.abc.Sequence[int],
) -> list[int]:
    """Return the classes that have allocations, by ascending id."""
    allocations = tables.allocations
    return list(
        conn.scalars(
            sa.select(allocations.c.resource_class_id)
            .distinct()
            .where(
                allocations.c.resource_provider_id == provider.id,
                allocations.c.resource_class_id.in_(resource_class_ids),
            )
            .order_by(allocations.c.resource_class_id)
        )
    )


def _insert(
    conn: sa.Connection,
    provider: ResourceProvider,
    inventories: collections.abc.Sequence[Inventory],
) -> None:
    if inventories:
        batch.run(conn, insert_steps([(provider.id, each) for each in inventories]))


def insert_steps(wanted: OfProviders) -> list[batch.Step]:
    """Return the steps that add inventories to providers, as in ``change_all``."""
    rows = [
        {
            "resource_provider_id": provider_id,
            "resource_class_id": each.resource_class_id,
            "used": 0,
            **each.record(),
        }
        for provider_id, each in wanted
    ]
    return [lists.insert(_inventories, rows)] if rows else []
