"""Claims: consumers give up what they hold and take something else, all at once.

Who changes what consumers hold goes through ``replace``. The order in which rows
are locked is the same for everyone: consumers by id, then providers by id, then
inventories; so that writers queue and do not deadlock. Whether a claim fits is
read first, to tell why it does not; what decides is the UPDATE of
``inventories.used``, which takes only what is there at that moment.

The providers come last, because many claims may meet at one of them: it is held
for two statements and the COMMIT.
"""

import collections
import collections.abc
import dataclasses
import functools
import typing

import sqlalchemy as sa

from placement import exception
from placement.db import names, predicates, tables
from placement.objects import allocation, consumer, inventory, resource_provider
from placement.objects.allocation import Allocation
from placement.objects.consumer import UNCHECKED, Consumer, Owner, Unchecked
from placement.objects.inventory import Inventory

_allocations = tables.allocations
_inventories = tables.inventories
_providers = tables.resource_providers

# Rows written by one UPDATE; SQLite nests expressions a thousand deep at most.
_BATCH = 200


class Amount(typing.NamedTuple):
    """Units of one class of one provider, by their public names."""

    provider_uuid: str
    resource_class: str
    units: int


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """What one consumer holds from now on, instead of all that it holds.

    Without ``amounts`` it holds nothing, and is no more. ``generation`` is the one
    that the caller has read; None if there was no such consumer.
    """

    consumer: str
    amounts: tuple[Amount, ...]
    owner: Owner
    generation: float | Unchecked | None = UNCHECKED


class _Key(typing.NamedTuple):
    """An inventory, by what it is of."""

    provider_id: int
    resource_class_id: int


@dataclasses.dataclass(frozen=True, slots=True)
class _Asked:
    """One amount of a claim, by stored ids."""

    consumer: str
    key: _Key
    amount: Amount


@dataclasses.dataclass(frozen=True, slots=True)
class _Stored:
    """An inventory as it was read, with the id of its row."""

    id: int
    offer: Inventory


@dataclasses.dataclass(slots=True)
class Held:
    """Consumers that are locked, and what they hold."""

    consumers: dict[str, Consumer]
    allocations: list[Allocation]


def hold(conn: sa.Connection, claims: collections.abc.Sequence[Claim]) -> Held:
    """Lock the consumers, first of all that a transaction locks.

    Returns what they hold, which nobody else can change then.
    Raises ConsumerGenerationConflict.
    """
    held = _hold(conn, [claim.consumer for claim in claims])
    holding = {each.consumer for each in held.allocations}
    for claim in claims:
        consumer.require_generation(
            held.consumers.get(claim.consumer),
            claim.consumer in holding,
            claim.generation,
        )
    return held


def _hold(conn: sa.Connection, uuids: collections.abc.Collection[str]) -> Held:
    consumers = consumer.lock_all(conn, uuids)
    return Held(consumers, allocation.get_all_of(conn, uuids))


def lock_providers(
    conn: sa.Connection,
    claims: collections.abc.Sequence[Claim],
    held: Held,
    others: collections.abc.Iterable[int],
) -> None:
    """Lock all providers that the claims touch, and ``others``, which are ids.

    For who has to lock providers before the claims are made: what is locked later
    could not be in the order of ids.

    Raises BadRequest when a provider that is claimed of does not exist.
    """
    claimed = _require_providers(conn, claims)
    freed = (each.provider_id for each in held.allocations)
    resource_provider.lock(conn, [*claimed.values(), *freed, *others])


def replace(
    conn: sa.Connection,
    known_names: names.Names,
    claims: collections.abc.Sequence[Claim],
    held: Held | None = None,
) -> None:
    """Give each consumer what its claim says, and take away what it held.

    All claims are made or none. ``held`` is what ``hold`` returned, if the caller
    had to lock consumers before something else.

    The generations of the providers named move, and of those that a claim without
    amounts gives up; those of consumers that hold something then.

    Raises ConsumerGenerationConflict; BadRequest when a provider does not exist;
    ResourceClassNotFound; InvalidInventory, InventoryConstraintsViolated or
    CapacityExceeded for the first amount that cannot be had.
    Source: API reference, "Allocations".
    """
    held = held or hold(conn, claims)
    asked = _asked(conn, known_names, claims)
    changes = _changes(asked, held.allocations)
    stored = _stored_inventories(conn, changes)
    _require(asked, changes, stored)
    _write_consumers(conn, claims, held)
    _write_allocations(conn, asked, held.allocations)
    emptied = {claim.consumer for claim in claims if not claim.amounts}
    named = {each.key.provider_id for each in asked}
    named |= {each.provider_id for each in held.allocations if each.consumer in emptied}
    _move_used(conn, asked, changes, stored, named)


def release(conn: sa.Connection, uuid: str) -> None:
    """Take away all that a consumer holds, and its record.

    No provider's generation moves.

    Raises ConsumerNotFound when it holds nothing.
    """
    held = _hold(conn, [uuid])
    if not held.allocations:
        raise exception.ConsumerNotFound(uuid=uuid)
    changes = _changes([], held.allocations)
    stored = _stored_inventories(conn, changes)
    consumer.delete_all(conn, list(held.consumers.values()))
    _write_allocations(conn, [], held.allocations)
    _move_used(conn, [], changes, stored, named=())


def _asked(
    conn: sa.Connection,
    known_names: names.Names,
    claims: collections.abc.Sequence[Claim],
) -> list[_Asked]:
    providers = _require_providers(conn, claims)
    amounts = (amount for claim in claims for amount in claim.amounts)
    classes = known_names.resource_class_ids(
        conn, dict.fromkeys(amount.resource_class for amount in amounts)
    )
    return [
        _Asked(
            claim.consumer,
            _Key(providers[amount.provider_uuid], classes[amount.resource_class]),
            amount,
        )
        for claim in claims
        for amount in claim.amounts
    ]


_PROVIDER_IDS = sa.select(_providers.c.uuid, _providers.c.id).where(
    _providers.c.uuid.in_(sa.bindparam("uuids", expanding=True))
)


def _require_providers(
    conn: sa.Connection, claims: collections.abc.Sequence[Claim]
) -> dict[str, int]:
    """Return the ids of the providers that are claimed of, by uuid.

    Raises BadRequest for the first that does not exist.
    """
    named = dict.fromkeys(
        amount.provider_uuid for claim in claims for amount in claim.amounts
    )
    if not named:
        return {}
    rows = conn.execute(_PROVIDER_IDS, {"uuids": sorted(named)})
    found: dict[str, int] = dict(rows.all())
    for uuid in named:
        if uuid not in found:
            raise exception.BadRequest(
                reason=f"Allocation for resource provider '{uuid}' that does not exist."
            )
    return found


def _write_consumers(
    conn: sa.Connection, claims: collections.abc.Sequence[Claim], held: Held
) -> None:
    staying = {claim.consumer: claim for claim in claims if claim.amounts}
    gone = [each for uuid, each in held.consumers.items() if uuid not in staying]
    consumer.delete_all(conn, gone)
    if not staying:
        return
    ids = consumer.owner_ids(conn, (claim.owner for claim in staying.values()))
    owners = {uuid: ids[claim.owner] for uuid, claim in staying.items()}
    stored = [each for uuid, each in held.consumers.items() if uuid in staying]
    consumer.advance_all(conn, stored, owners)
    new = [uuid for uuid in staying if uuid not in held.consumers]
    consumer.create(conn, sorted(new), owners)


def _write_allocations(
    conn: sa.Connection,
    asked: collections.abc.Sequence[_Asked],
    present: collections.abc.Sequence[Allocation],
) -> None:
    if present:
        ids = [each.id for each in present]
        conn.execute(sa.delete(_allocations).where(_allocations.c.id.in_(ids)))
    if asked:
        rows = [
            {
                "resource_provider_id": each.key.provider_id,
                "resource_class_id": each.key.resource_class_id,
                "consumer_id": each.consumer,
                "used": each.amount.units,
            }
            for each in asked
        ]
        conn.execute(sa.insert(_allocations), rows)


def _changes(
    asked: collections.abc.Sequence[_Asked],
    present: collections.abc.Sequence[Allocation],
) -> "collections.Counter[_Key]":
    """Count how many units more, or less, than now each inventory is to give."""
    changes: collections.Counter[_Key] = collections.Counter()
    for allocated in present:
        changes[_Key(allocated.provider_id, allocated.resource_class_id)] -= (
            allocated.used
        )
    for each in asked:
        changes[each.key] += each.amount.units
    return changes


def _move_used(
    conn: sa.Connection,
    asked: collections.abc.Sequence[_Asked],
    changes: "collections.Counter[_Key]",
    stored: dict[_Key, _Stored],
    named: collections.abc.Collection[int],
) -> None:
    """Lock the providers, then take and give back, if all of it can be.

    Raises what tells why the first amount cannot be had.
    """
    resource_provider.advance_all(
        conn, named, {key.provider_id for key in changes if key in stored}
    )
    if not _try_to_take(conn, asked, changes, stored):
        # Nobody can change an inventory now, so this finds what has become of it.
        _require(asked, changes, _stored_inventories(conn, changes))
        raise resource_provider.changed_meanwhile(resource_provider.REFUSED_CLAIM)


_OFFERED = sa.select(
    _inventories.c.id, _inventories.c.resource_provider_id, *inventory.COLUMNS
).where(
    _inventories.c.resource_provider_id.in_(sa.bindparam("providers", expanding=True)),
    _inventories.c.resource_class_id.in_(sa.bindparam("classes", expanding=True)),
)


def _stored_inventories(
    conn: sa.Connection, keys: collections.abc.Iterable[_Key]
) -> dict[_Key, _Stored]:
    """Return, by key, what is offered of the keys' classes by the keys' providers."""
    wanted = set(keys)
    if not wanted:
        return {}
    providers = {key.provider_id for key in wanted}
    classes = {key.resource_class_id for key in wanted}
    rows = conn.execute(
        _OFFERED, {"providers": sorted(providers), "classes": sorted(classes)}
    )
    found = (
        (_Key(provider_id, columns[0]), _Stored(id_, Inventory(*columns)))
        for id_, provider_id, *columns in rows
    )
    return dict(found)


def _require(
    asked: collections.abc.Sequence[_Asked],
    changes: "collections.Counter[_Key]",
    stored: dict[_Key, _Stored],
) -> None:
    """Go through the amounts in their order, and refuse the first that cannot be.

    Whether their providers offer any of the classes is asked of all of them first.
    """
    _require_offers(asked, stored)
    running = collections.Counter(changes)
    for each in asked:
        running[each.key] -= each.amount.units
    for each in asked:
        amount, facts = each.amount, _facts(each.amount)
        found = stored.get(each.key)
        if found is None:
            raise exception.InvalidInventory(**facts)
        offer = found.offer
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


def _require_offers(
    asked: collections.abc.Sequence[_Asked], stored: dict[_Key, _Stored]
) -> None:
    classes = {each.key.resource_class_id for each in asked}
    offering = {key.provider_id for key in stored if key.resource_class_id in classes}
    for each in asked:
        if each.key.provider_id not in offering:
            raise exception.InvalidInventory(**_facts(each.amount))


def _facts(amount: Amount) -> dict[str, str]:
    return {"uuid": amount.provider_uuid, "resource_class": amount.resource_class}


def _try_to_take(
    conn: sa.Connection,
    asked: collections.abc.Sequence[_Asked],
    changes: "collections.Counter[_Key]",
    stored: dict[_Key, _Stored],
) -> bool:
    """Move ``used`` where all the amounts may be taken; says whether all could.

    An inventory that is only given back may be gone, in a database where that
    was possible.
    """
    sizes: dict[_Key, set[int]] = {}
    for each in asked:
        sizes.setdefault(each.key, set()).add(each.amount.units)
    by_id = {stored[key].id: key for key in changes if key in stored}
    for batch in _batches(sorted(by_id)):
        parameters = {}
        counts = []
        for place, id_ in enumerate(batch):
            key = by_id[id_]
            parameters[f"id_{place}"] = id_
            parameters[f"change_{place}"] = changes[key]
            sizes_of_key = sorted(sizes.get(key, ()))
            counts.append(len(sizes_of_key))
            for number, size in enumerate(sizes_of_key):
                parameters[f"size_{place}_{number}"] = size
        taken = conn.execute(_taking(tuple(counts)), parameters)
        if taken.rowcount != len(batch):
            return False
    return True


@functools.lru_cache(maxsize=256)
def _taking(sizes: tuple[int, ...]) -> sa.Update:
    """Return the statement that moves ``used`` of some inventories where it may.

    ``sizes`` has, for each inventory, how many amounts are taken of it at once.
    Building it takes longer than running it; few shapes make up most claims.
    """
    used = _inventories.c.used
    changes = {}
    allowed = []
    for place, count in enumerate(sizes):
        id_ = sa.bindparam(f"id_{place}", type_=sa.Integer)
        change = sa.bindparam(f"change_{place}", type_=sa.BigInteger)
        is_allowed = [
            _inventories.c.id == id_,
            sa.or_(change <= 0, predicates.has_room(_inventories, change)),
        ]
        is_allowed += [
            predicates.allows_amount(
                _inventories, sa.bindparam(f"size_{place}_{number}", type_=sa.Integer)
            )
            for number in range(count)
        ]
        allowed.append(sa.and_(*is_allowed))
        changes[id_] = change
    return (
        sa.update(_inventories)
        .where(sa.or_(*allowed))
        .values(
            used=used
            + sa.case(
                *((_inventories.c.id == id_, units) for id_, units in changes.items()),
                else_=0,
            ),
            # Not a change of the offer, which is what the record is about.
            updated_at=_inventories.c.updated_at,
        )
    )


def _batches(ids: list[int]) -> collections.abc.Iterator[list[int]]:
    for start in range(0, len(ids), _BATCH):
        yield ids[start : start + _BATCH]
