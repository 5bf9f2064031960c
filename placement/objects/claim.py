"""Claims: consumers give up what they hold and take something else, all at once.

Who changes what consumers hold goes through ``replace`` and ``release``, or through
``claim_at_once`` where that does the same. The order in which rows are locked is the
same for everyone: consumers by id, then providers by id, then inventories; so that
writers queue and do not deadlock.

The providers come last, because many claims may meet at one of them: it is held
for two statements, which are sent together where the database takes that, and the
COMMIT.
"""

import collections.abc
import dataclasses
import typing

import sqlalchemy as sa

from placement import exception
from placement.db import batch, lists, names, tables
from placement.db.batch import Step
from placement.objects import consumer, resource_provider, room
from placement.objects.consumer import UNCHECKED, Consumer, Owner, Unchecked
from placement.objects.room import Amount, Asked, Key

_allocations = tables.allocations
_consumers = tables.consumers
_providers = tables.resource_providers


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


class Taken(typing.NamedTuple):
    """An allocation that was taken away."""

    consumer: str
    provider_id: int
    resource_class_id: int
    used: int


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """Consumers that are locked, and what was taken away from them."""

    known: consumer.Known
    consumers: dict[str, Consumer]
    taken: list[Taken]


def hold(conn: sa.Connection, claims: collections.abc.Sequence[Claim]) -> Held:
    """Lock the consumers, first of all that a transaction locks, and empty them.

    Their records stay, and ``used`` as it is, until ``replace``.

    Raises ConsumerGenerationConflict.
    """
    uuids = [claim.consumer for claim in claims]
    known = consumer.look_up(conn, uuids, (claim.owner for claim in claims))
    consumers = {}
    taken = []
    # Most claims are the first of their consumers. If somebody else makes one now,
    # there are two that add its record, and one of them has to begin anew.
    if known.has_signs:
        consumers = consumer.lock_all(conn, uuids)
        taken = list(map(Taken._make, _TAKE_AWAY.execute(conn, {"uuids": uuids})))
    holding = {each.consumer for each in taken}
    for claim in claims:
        consumer.require_generation(
            consumers.get(claim.consumer), claim.consumer in holding, claim.generation
        )
    return Held(known, consumers, taken)


_TAKE_AWAY = lists.Statement(
    lambda uuids: (
        sa.delete(_allocations)
        .where(_allocations.c.consumer_id.in_(uuids))
        .returning(
            _allocations.c.consumer_id,
            _allocations.c.resource_provider_id,
            _allocations.c.resource_class_id,
            _allocations.c.used,
        )
    )
)


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
    uuids = _provider_uuids(claims)
    claimed = room.read(conn, uuids, (), ()).provider_ids
    _require_providers(uuids, claimed)
    freed = (each.provider_id for each in held.taken)
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
    classes, offered = _read_offers(conn, known_names, claims, held)
    asked = [
        Asked(
            claim.consumer,
            Key(
                offered.provider_ids[amount.provider_uuid],
                classes[amount.resource_class],
            ),
            amount,
        )
        for claim in claims
        for amount in claim.amounts
    ]
    changes = _changes(asked, held.taken)
    room.require(asked, changes, offered.inventories)
    steps = _writing_consumers(conn, claims, held)
    steps += _writing_allocations(asked)
    emptied = {claim.consumer for claim in claims if not claim.amounts}
    named = {each.key.provider_id for each in asked}
    named |= {each.provider_id for each in held.taken if each.consumer in emptied}
    # An inventory that is only given back may be gone, in a database where that
    # was possible.
    there = room.Changes(
        {key: units for key, units in changes.items() if key in offered.inventories}
    )
    seen = {key.provider_id for key in there}
    steps += resource_provider.advancing(conn, named, seen)
    room.take(conn, steps, asked, there)


def release(conn: sa.Connection, uuid: str) -> None:
    """Take away all that a consumer holds, and its record.

    No provider's generation moves.

    Raises ConsumerNotFound when it holds nothing.
    """
    steps = [Step(_DELETE_CONSUMER, {"gone": uuid}), _TAKE_AWAY.step({"uuids": [uuid]})]
    taken = list(map(Taken._make, batch.run(conn, steps)))
    if not taken:
        raise exception.ConsumerNotFound(uuid=uuid)
    changes = _changes([], taken)
    seen = {key.provider_id for key in changes}
    room.give_back(conn, resource_provider.advancing(conn, set(), seen), changes)


_DELETE_CONSUMER = sa.delete(_consumers).where(
    _consumers.c.uuid == sa.bindparam("gone")
)


def _read_offers(
    conn: sa.Connection,
    known_names: names.Names,
    claims: collections.abc.Sequence[Claim],
    held: Held,
) -> tuple[dict[str, int], room.Offered]:
    """Return the ids of the classes that are claimed, and what there is of them.

    What is given back is offered as well.
    """
    uuids = _provider_uuids(claims)
    claimed = (amount.resource_class for claim in claims for amount in claim.amounts)
    try:
        classes = known_names.resource_class_ids(conn, dict.fromkeys(claimed))
    except exception.ResourceClassNotFound:
        # That a provider does not exist is told before.
        _require_providers(uuids, room.read(conn, uuids, (), ()).provider_ids)
        raise
    offered = room.read(
        conn,
        uuids,
        {each.provider_id for each in held.taken},
        {*classes.values(), *(each.resource_class_id for each in held.taken)},
    )
    _require_providers(uuids, offered.provider_ids)
    return classes, offered


def _provider_uuids(claims: collections.abc.Sequence[Claim]) -> list[str]:
    """Return those that are claimed of, in their order."""
    named = (amount.provider_uuid for claim in claims for amount in claim.amounts)
    return list(dict.fromkeys(named))


def _require_providers(
    uuids: collections.abc.Iterable[str], found: collections.abc.Container[str]
) -> None:
    for uuid in uuids:
        if uuid not in found:
            raise exception.BadRequest(
                reason=f"Allocation for resource provider '{uuid}' that does not exist."
            )


def _writing_consumers(
    conn: sa.Connection, claims: collections.abc.Sequence[Claim], held: Held
) -> list[Step]:
    staying = {claim.consumer: claim for claim in claims if claim.amounts}
    # A record without allocations counts as absent, unless its generation was given:
    # the consumer begins anew, at generation 1 and without a type.
    holding = {each.consumer for each in held.taken}
    kept = {
        uuid: each
        for uuid, each in held.consumers.items()
        if uuid in staying
        and (uuid in holding or staying[uuid].generation == each.generation)
    }
    gone = [each for uuid, each in held.consumers.items() if uuid not in kept]
    steps = consumer.deleting(gone)
    if not staying:
        return steps
    ids = consumer.owner_ids(
        conn, held.known, (claim.owner for claim in staying.values())
    )
    owners = {uuid: ids[claim.owner] for uuid, claim in staying.items()}
    new = [uuid for uuid in staying if uuid not in kept]
    steps += consumer.advancing(list(kept.values()), owners)
    return steps + consumer.creating(sorted(new), owners)


def _writing_allocations(asked: collections.abc.Sequence[Asked]) -> list[Step]:
    rows = [
        {
            "resource_provider_id": each.key.provider_id,
            "resource_class_id": each.key.resource_class_id,
            "consumer_id": each.consumer,
            "used": each.amount.units,
        }
        for each in asked
    ]
    return [lists.insert(_allocations, rows)] if rows else []


def _changes(
    asked: collections.abc.Sequence[Asked], taken: collections.abc.Sequence[Taken]
) -> room.Changes:
    """Count how many units more, or less, than now each inventory is to give."""
    changes = room.Changes()
    for each in taken:
        changes[Key(each.provider_id, each.resource_class_id)] -= each.used
    for one in asked:
        changes[one.key] += one.amount.units
    return changes
