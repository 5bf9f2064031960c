"""Reservations: check whether claimed amounts fit, and add them to ``used``.

The amounts are checked first, to report why one does not fit. What decides is the
UPDATE, which changes an inventory only if the amounts still fit at that moment, and
adds to it only if its provider is in service.
"""

import collections
import collections.abc
import dataclasses
import functools
import typing

import sqlalchemy as sa

from placement import exception, extension_exception
from placement.db import batch, lists, names, predicates, tables
from placement.db.batch import Step
from placement.objects import inventory, provider_state, resource_provider
from placement.objects.claim_request import Amount
from placement.objects.inventory import Inventory, Offer

_inventories = tables.inventories
_providers = tables.resource_providers

# Rows changed by one UPDATE; SQLite limits the depth of an expression to 1000.
_BATCH_ROWS = 200


class InventoryKey(typing.NamedTuple):
    """The stored key of an inventory."""

    provider_id: int
    resource_class_id: int


# By how many units ``used`` of each inventory changes.
Changes = collections.Counter[InventoryKey]
_OffersByKey = dict[InventoryKey, Offer]


@dataclasses.dataclass(frozen=True, slots=True)
class Reservation:
    """One amount of a claim, with the stored key of its inventory."""

    consumer: str
    key: InventoryKey
    amount: Amount


@dataclasses.dataclass(frozen=True, slots=True)
class Offers:
    """Offers of some providers, and the ids of these providers by uuid.

    ``states`` has the states of the providers that are not in service, by id.
    """

    provider_ids: dict[str, int]
    by_key: _OffersByKey
    states: dict[int, int]


def read_offers(
    conn: sa.Connection,
    uuids: collections.abc.Collection[str],
    ids: collections.abc.Collection[int],
    class_ids: collections.abc.Collection[int],
) -> Offers:
    """Return what the providers, named by uuid or by id, offer of the classes."""
    if not (uuids or ids):
        return Offers({}, {}, {})
    rows = _OFFERS.execute(
        conn,
        {
            "uuids": sorted(set(uuids)),
            "ids": sorted(set(ids)),
            "classes": sorted(set(class_ids)),
        },
    )
    provider_ids = {}
    by_key = {}
    states = {}
    for uuid, id_, state, *columns in rows:
        provider_ids[uuid] = id_
        if not provider_state.is_in_service(state):
            states[id_] = state
        # None where the provider offers none of the classes.
        if columns[0] is not None:
            by_key[InventoryKey(id_, columns[0])] = Inventory(*columns).offer()
    return Offers(provider_ids, by_key, states)


def _select_offers(
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
        sa.select(
            _providers.c.uuid, _providers.c.id, _providers.c.state, *inventory.COLUMNS
        )
        .outerjoin_from(_providers, _inventories, sa.and_(of_provider, of_class))
        .where(sa.or_(*wanted))
    )


_OFFERS = lists.Statement(_select_offers)


def require(
    reservations: collections.abc.Sequence[Reservation],
    changes: Changes,
    offers: Offers,
) -> None:
    """Check the reservations in their order, and raise for the first that fails.

    A provider that offers none of the claimed classes is reported before all other
    failures. ``changes`` include the units that the claims free.

    Raises InvalidInventory, InventoryConstraintsViolated, ProviderNotInService or
    CapacityExceeded.
    """
    _require_inventories(reservations, offers.by_key)
    running = Changes(changes)
    for each in reservations:
        running[each.key] -= each.amount.units
    for each in reservations:
        amount, details = each.amount, _details(each.amount)
        offer = offers.by_key.get(each.key)
        if offer is None:
            raise exception.InvalidInventory(**details)
        rule = offer.refuses_size(amount.units)
        if rule is not None:
            raise exception.InventoryConstraintsViolated(
                amount=amount.units, rule=rule, limit=getattr(offer, rule), **details
            )
        running[each.key] += amount.units
        change = running[each.key]
        state = offers.states.get(each.key.provider_id)
        if change > 0 and state is not None:
            raise extension_exception.ProviderNotInService(
                uuid=amount.provider_uuid, state=provider_state.name_of(state)
            )
        if change > 0 and not offer.has_room(change):
            raise exception.CapacityExceeded(
                amount=change, used=offer.used, capacity=offer.capacity, **details
            )


def _require_inventories(
    reservations: collections.abc.Sequence[Reservation], offers: _OffersByKey
) -> None:
    classes = {each.key.resource_class_id for each in reservations}
    offering = {key.provider_id for key in offers if key.resource_class_id in classes}
    for each in reservations:
        if each.key.provider_id not in offering:
            raise exception.InvalidInventory(**_details(each.amount))


def _details(amount: Amount) -> dict[str, str]:
    return {"uuid": amount.provider_uuid, "resource_class": amount.resource_class}


def reserve(
    conn: sa.Connection,
    before: collections.abc.Sequence[Step],
    reservations: collections.abc.Sequence[Reservation],
    changes: Changes,
) -> None:
    """Change ``used`` by ``changes`` if all reservations fit.

    The steps ``before``, which lock the providers, are sent together with the UPDATE.

    Raises what ``require`` raises; Retry when the amounts fit after all.
    """
    if not _try_update(conn, before, reservations, changes):
        # The providers are locked, so no writer can change what this reads.
        ids = {key.provider_id for key in changes}
        class_ids = {key.resource_class_id for key in changes}
        offers = read_offers(conn, (), ids, class_ids)
        require(reservations, changes, offers)
        raise resource_provider.changed_meanwhile(resource_provider.REFUSED_CLAIM)


def free(
    conn: sa.Connection, before: collections.abc.Sequence[Step], changes: Changes
) -> None:
    """Change ``used`` by ``changes``, all of which are negative.

    Inventories that do not exist are skipped: other services could delete one that
    had allocations. ``before`` is as in ``reserve``.
    """
    _try_update(conn, before, (), changes)


def _try_update(
    conn: sa.Connection,
    before: collections.abc.Sequence[Step],
    reservations: collections.abc.Sequence[Reservation],
    changes: Changes,
) -> bool:
    """Update the inventories where the amounts fit; return whether all did."""
    sizes: dict[InventoryKey, set[int]] = {}
    custom_names: dict[InventoryKey, str] = {}
    for each in reservations:
        sizes.setdefault(each.key, set()).add(each.amount.units)
        if names.is_custom(each.amount.resource_class):
            custom_names[each.key] = each.amount.resource_class
    updated = 0
    steps = list(before)
    for keys in _batches(sorted(changes)):
        steps.append(_update_step(keys, changes, sizes, custom_names))
        updated += batch.run(conn, steps).rowcount
        steps = []
    if steps:
        batch.run(conn, steps)
    return updated == len(changes)


def _update_step(
    keys: list[InventoryKey],
    changes: Changes,
    sizes: dict[InventoryKey, set[int]],
    custom_names: dict[InventoryKey, str],
) -> Step:
    parameters: dict[str, int | str] = {}
    shapes = []
    for place, key in enumerate(keys):
        parameters[f"provider_{place}"] = key.provider_id
        parameters[f"class_{place}"] = key.resource_class_id
        parameters[f"change_{place}"] = changes[key]
        sizes_of_key = sorted(sizes.get(key, ()))
        shapes.append((len(sizes_of_key), key in custom_names))
        if key in custom_names:
            parameters[f"name_{place}"] = custom_names[key]
        for number, size in enumerate(sizes_of_key):
            parameters[f"size_{place}_{number}"] = size
    return Step(_update(tuple(shapes)), parameters)


@functools.lru_cache(maxsize=256)
def _update(shapes: tuple[tuple[int, bool], ...]) -> sa.Update:
    """Return the UPDATE of ``used`` for some inventories, where the amounts fit.

    ``shapes`` has, for each inventory, the number of distinct amounts that are
    reserved in it, and whether its class is custom and must still have the claimed
    name. Cached because building the statement takes longer than running it, and
    most claims have one of a few shapes.
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
            sa.or_(
                change <= 0,
                sa.and_(
                    predicates.has_room(_inventories, change),
                    _is_in_service(_bound("provider", place)),
                ),
            ),
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
            # What is used is not part of the inventory whose change clients see.
            updated_at=_inventories.c.updated_at,
        )
    )


def _is_in_service(provider_id: sa.BindParameter[int]) -> sa.ColumnElement[bool]:
    """The provider takes new allocations; this transaction has locked its row."""
    select = sa.select(predicates.is_in_service(_providers))
    return select.where(_providers.c.id == provider_id).scalar_subquery()


def _bound(*name: str | int) -> sa.BindParameter[int]:
    return sa.bindparam("_".join(map(str, name)), type_=sa.Integer)


def _batches(keys: list[InventoryKey]) -> collections.abc.Iterator[list[InventoryKey]]:
    for start in range(0, len(keys), _BATCH_ROWS):
        yield keys[start : start + _BATCH_ROWS]
