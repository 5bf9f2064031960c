"""Room: what inventories can still give, and the UPDATE that takes it.

Whether amounts can be had is read first, to tell why they cannot; what decides is
the UPDATE of ``inventories.used``, which takes only what is there at that moment.
"""

import collections
import collections.abc
import dataclasses
import functools
import typing

import sqlalchemy as sa

from placement import exception
from placement.db import batch, lists, names, predicates, tables
from placement.db.batch import Step
from placement.objects import inventory, resource_provider
from placement.objects.inventory import Inventory, Offer

_inventories = tables.inventories
_providers = tables.resource_providers

# Rows written by one UPDATE; SQLite nests expressions a thousand deep at most.
_BATCH = 200


class Amount(typing.NamedTuple):
    """Units of one class of one provider, by their public names."""

    provider_uuid: str
    resource_class: str
    units: int


class Key(typing.NamedTuple):
    """An inventory, by what it is of."""

    provider_id: int
    resource_class_id: int


Changes = collections.Counter[Key]
_Offers = dict[Key, Offer]


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """One amount of a claim, by stored ids."""

    consumer: str
    key: Key
    amount: Amount


@dataclasses.dataclass(frozen=True, slots=True)
class Offered:
    """What providers offer, as it was read: their ids by uuid, and inventories."""

    provider_ids: dict[str, int]
    inventories: _Offers


def read(
    conn: sa.Connection,
    uuids: collections.abc.Collection[str],
    ids: collections.abc.Collection[int],
    class_ids: collections.abc.Collection[int],
) -> Offered:
    """Return what the providers, given by uuid or by id, offer of the classes."""
    if not (uuids or ids):
        return Offered({}, {})
    rows = _OFFERED.execute(
        conn,
        {
            "uuids": sorted(set(uuids)),
            "ids": sorted(set(ids)),
            "classes": sorted(set(class_ids)),
        },
    )
    provider_ids = {}
    inventories = {}
    for uuid, id_, *columns in rows:
        provider_ids[uuid] = id_
        # None where the provider offers none of the classes.
        if columns[0] is not None:
            inventories[Key(id_, columns[0])] = Inventory(*columns).offer()
    return Offered(provider_ids, inventories)


def _offered(
    uuids: lists.Places, ids: lists.Places, classes: lists.Places
) -> sa.Executable:
    of_provider = _inventories.c.resource_provider_id == _providers.c.id
    of_class = lists.is_one_of(_inventories.c.resource_class_id, classes)
    wanted = [
        column.in_(places)
        for column, places in ((_providers.c.uuid, uuids), (_providers.c.id, ids))
        if places != []
    ]
    return (
        sa.select(_providers.c.uuid, _providers.c.id, *inventory.COLUMNS)
        .outerjoin_from(_providers, _inventories, sa.and_(of_provider, of_class))
        .where(sa.or_(*wanted))
    )


_OFFERED = lists.Statement(_offered)


def require(
    asked: collections.abc.Sequence[Asked], changes: Changes, offers: _Offers
) -> None:
    """Go through the amounts in their order, and refuse the first that cannot be.

    Whether their providers offer any of the classes is asked of all of them first.

    Raises InvalidInventory, InventoryConstraintsViolated or CapacityExceeded.
    """
    _require_offers(asked, offers)
    running = Changes(changes)
    for each in asked:
        running[each.key] -= each.amount.units
    for each in asked:
        amount, facts = each.amount, _facts(each.amount)
        offer = offers.get(each.key)
        if offer is None:
            raise exception.InvalidInventory(**facts)
        rule = offer.refuses_size(amount.units)
        if rule is not None:
            raise exception.InventoryConstraintsViolated(
                amount=amount.units, rule=rule, limit=getattr(offer, rule), **facts
            )
        running[each.key] += amount.units
        change = running[each.key]
        if change > 0 and not offer.has_room(change):
            raise exception.CapacityExceeded(
                amount=change, used=offer.used, capacity=offer.capacity, **facts
            )


def _require_offers(asked: collections.abc.Sequence[Asked], offers: _Offers) -> None:
    classes = {each.key.resource_class_id for each in asked}
    offering = {key.provider_id for key in offers if key.resource_class_id in classes}
    for each in asked:
        if each.key.provider_id not in offering:
            raise exception.InvalidInventory(**_facts(each.amount))


def _facts(amount: Amount) -> dict[str, str]:
    return {"uuid": amount.provider_uuid, "resource_class": amount.resource_class}


def take(
    conn: sa.Connection,
    before: collections.abc.Sequence[Step],
    asked: collections.abc.Sequence[Asked],
    changes: Changes,
) -> None:
    """Move ``used`` by ``changes`` if all that is asked can be had.

    What is to be done ``before`` that locks the providers; it goes together with it.

    Raises what tells why the first amount cannot be had.
    """
    if not _try_to_take(conn, before, asked, changes):
        # Nobody can change an inventory now, so this finds what has become of it.
        ids = {key.provider_id for key in changes}
        class_ids = {key.resource_class_id for key in changes}
        require(asked, changes, read(conn, (), ids, class_ids).inventories)
        raise resource_provider.changed_meanwhile(resource_provider.REFUSED_CLAIM)


def give_back(
    conn: sa.Connection, before: collections.abc.Sequence[Step], changes: Changes
) -> None:
    """Move ``used`` by ``changes``, which are all negative.

    An inventory may be gone, in a database where that was possible. ``before`` is
    as in ``take``.
    """
    _try_to_take(conn, before, (), changes)


def _try_to_take(
    conn: sa.Connection,
    before: collections.abc.Sequence[Step],
    asked: collections.abc.Sequence[Asked],
    changes: Changes,
) -> bool:
    """Move ``used`` where all the amounts may be taken; says whether all could."""
    sizes: dict[Key, set[int]] = {}
    customs: dict[Key, str] = {}
    for each in asked:
        sizes.setdefault(each.key, set()).add(each.amount.units)
        if names.is_custom(each.amount.resource_class):
            customs[each.key] = each.amount.resource_class
    taken = 0
    steps = list(before)
    for keys in _batches(sorted(changes)):
        steps.append(_taking(keys, changes, sizes, customs))
        taken += batch.run(conn, steps).rowcount
        steps = []
    if steps:
        batch.run(conn, steps)
    return taken == len(changes)


def _taking(
    keys: list[Key],
    changes: Changes,
    sizes: dict[Key, set[int]],
    customs: dict[Key, str],
) -> Step:
    parameters: dict[str, int | str] = {}
    shapes = []
    for place, key in enumerate(keys):
        parameters[f"provider_{place}"] = key.provider_id
        parameters[f"class_{place}"] = key.resource_class_id
        parameters[f"change_{place}"] = changes[key]
        sizes_of_key = sorted(sizes.get(key, ()))
        shapes.append((len(sizes_of_key), key in customs))
        if key in customs:
            parameters[f"name_{place}"] = customs[key]
        for number, size in enumerate(sizes_of_key):
            parameters[f"size_{place}_{number}"] = size
    return Step(_take(tuple(shapes)), parameters)


@functools.lru_cache(maxsize=256)
def _take(shapes: tuple[tuple[int, bool], ...]) -> sa.Update:
    """Return the statement that moves ``used`` of some inventories where it may.

    ``shapes`` has, for each inventory, how many amounts are taken of it at once, and
    whether its class is a custom one, which must still have the name that was claimed.
    Building it takes longer than running it; few shapes make up most claims.
    """
    used = _inventories.c.used
    changes = []
    allowed = []
    for place, (count, is_custom) in enumerate(shapes):
        change = sa.bindparam(f"change_{place}", type_=sa.BigInteger)
        is_it = sa.and_(
            _inventories.c.resource_provider_id == _bound("provider", place),
            _inventories.c.resource_class_id == _bound("class", place),
        )
        is_allowed = [
            is_it,
            sa.or_(change <= 0, predicates.has_room(_inventories, change)),
        ]
        is_allowed += [
            predicates.allows_amount(_inventories, _bound("size", place, number))
            for number in range(count)
        ]
        if is_custom:
            name = sa.bindparam(f"name_{place}", type_=sa.String)
            is_allowed.append(names.has_name(_bound("class", place), name))
        allowed.append(sa.and_(*is_allowed))
        changes.append((is_it, change))
    return (
        sa.update(_inventories)
        .where(sa.or_(*allowed))
        .values(
            used=used + sa.case(*changes, else_=0),
            # Not a change of the offer, which is what the record is about.
            updated_at=_inventories.c.updated_at,
        )
    )


def _bound(*name: str | int) -> sa.BindParameter[int]:
    return sa.bindparam("_".join(map(str, name)), type_=sa.Integer)


def _batches(keys: list[Key]) -> collections.abc.Iterator[list[Key]]:
    for start in range(0, len(keys), _BATCH):
        yield keys[start : start + _BATCH]
