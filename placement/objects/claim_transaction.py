"""Claims in the caller's transaction, statement by statement.

``claim_pipeline`` writes the frequent claims in one round trip; what it cannot write
comes here, and reshaping, whose transaction changes more. The order of locks is the
same for all writers: consumers by id, then providers by id, then inventories, then
usages of projects; so writers queue instead of deadlocking.

Providers come last because many claims meet at one of them. It is locked for two
statements, sent together where the database allows it, and COMMIT.
"""

import collections.abc
import dataclasses
import typing

import sqlalchemy as sa

from placement import exception
from placement.db import lists, names, tables
from placement.db.batch import Step
from placement.db.usage_counters import UsageKey
from placement.objects import (
    capacity,
    change,
    consumer,
    limited_usage,
    resource_provider,
)
from placement.objects.capacity import InventoryKey, Reservation
from placement.objects.claim_request import Claim
from placement.objects.consumer import Consumer

_allocations = tables.allocations
_consumers = tables.consumers
_providers = tables.resource_providers


class Deleted(typing.NamedTuple):
    """An allocation that was deleted, whose units are not freed yet."""

    consumer: str
    provider_id: int
    resource_class_id: int
    used: int


@dataclasses.dataclass(frozen=True, slots=True)
class Cleared:
    """Consumers that are locked, and the allocations that were deleted for them."""

    existing: consumer.Existing
    consumers: dict[str, Consumer]
    deleted: list[Deleted]


def clear_consumers(
    conn: sa.Connection, claims: collections.abc.Sequence[Claim]
) -> Cleared:
    """Lock the consumers and delete their allocations.

    Must precede every other lock of the transaction. The consumers' records and
    ``inventories.used`` stay as they are until ``replace``.

    Raises ConsumerGenerationConflict.
    """
    uuids = [claim.consumer for claim in claims]
    existing = consumer.look_up(conn, uuids, (claim.owner for claim in claims))
    consumers = {}
    deleted = []
    # Most claims are for new consumers. If another writer creates one meanwhile, one
    # of the two breaks the unique key and is retried.
    if existing.has_consumers:
        consumers = consumer.lock_all(conn, uuids)
        rows = DELETE_ALLOCATIONS.execute(conn, {"uuids": uuids})
        deleted = list(map(Deleted._make, rows))
    holders = {each.consumer for each in deleted}
    for claim in claims:
        consumer.require_generation(
            consumers.get(claim.consumer), claim.consumer in holders, claim.generation
        )
    return Cleared(existing, consumers, deleted)


# The columns of ``Deleted``.
DELETED = (
    _allocations.c.consumer_id,
    _allocations.c.resource_provider_id,
    _allocations.c.resource_class_id,
    _allocations.c.used,
)
DELETE_ALLOCATIONS = lists.Statement(
    lambda uuids: (
        sa.delete(_allocations)
        .where(_allocations.c.consumer_id.in_(uuids))
        .returning(*DELETED)
    )
)


def lock_providers(
    conn: sa.Connection,
    claims: collections.abc.Sequence[Claim],
    cleared: Cleared,
    others: collections.abc.Iterable[int],
) -> None:
    """Lock all providers that the claims change, and ``others``, in the order of ids.

    For a transaction that changes providers before it calls ``replace``: locking
    them in two parts would break the order. ``others`` are provider ids.

    Raises BadRequest when a claimed provider does not exist.
    """
    claimed = _claimed_ids(conn, claims)
    freed = (each.provider_id for each in cleared.deleted)
    resource_provider.lock(conn, [*claimed, *freed, *others])


def replace(
    conn: sa.Connection,
    known_names: names.Names,
    claims: collections.abc.Sequence[Claim],
    cleared: Cleared | None = None,
) -> bool:
    """Do what ``claim.write`` does, in the caller's transaction.

    ``cleared`` is the result of ``clear_consumers``, if the caller had to lock
    other rows after the consumers.

    Returns whether any project has a limit.
    Raises what ``claim.write`` raises.
    """
    cleared = cleared or clear_consumers(conn, claims)
    classes, offers = _read_offers(conn, known_names, claims, cleared)
    reservations = [
        Reservation(
            claim.consumer,
            InventoryKey(
                offers.provider_ids[amount.provider_uuid],
                classes[amount.resource_class],
            ),
            amount,
        )
        for claim in claims
        for amount in claim.amounts
    ]
    changes = amount_changes(reservations, cleared.deleted)
    capacity.require(reservations, changes, offers)
    steps = _write_consumers(conn, claims, cleared)
    steps += _insert_allocations(reservations)
    steps += change.of_consumers(
        conn, change.ALLOCATIONS, _generations(claims, cleared)
    )
    emptied = {claim.consumer for claim in claims if not claim.amounts}
    advanced = {each.key.provider_id for each in reservations}
    advanced |= {
        each.provider_id for each in cleared.deleted if each.consumer in emptied
    }
    # Other services could delete an inventory that had allocations: there is nothing
    # to free in it.
    present = capacity.Changes(
        {key: units for key, units in changes.items() if key in offers.by_key}
    )
    used = {key.provider_id for key in present}
    steps += resource_provider.advancing(conn, advanced, used)
    capacity.reserve(conn, steps, reservations, present)
    if cleared.existing.has_limits:
        usages = usage_changes(
            conn,
            claims,
            reservations,
            cleared.consumers,
            cleared.deleted,
            cleared.existing.owner_ids[tables.projects],
        )
        limited_usage.count(conn, usages)
    return cleared.existing.has_limits


def _read_offers(
    conn: sa.Connection,
    known_names: names.Names,
    claims: collections.abc.Sequence[Claim],
    cleared: Cleared,
) -> tuple[dict[str, int], capacity.Offers]:
    """Return the ids of the claimed classes, and the offers that the claims change."""
    claimed = (amount.resource_class for claim in claims for amount in claim.amounts)
    try:
        classes = known_names.resource_class_ids(conn, dict.fromkeys(claimed))
    except exception.ResourceClassNotFound:
        # A missing provider is reported before a missing class.
        _claimed_ids(conn, claims)
        raise
    uuids = _claimed_uuids(claims)
    offers = capacity.read_offers(
        conn,
        uuids,
        {each.provider_id for each in cleared.deleted},
        {*classes.values(), *(each.resource_class_id for each in cleared.deleted)},
    )
    _require_providers(uuids, offers.provider_ids)
    return classes, offers


def _claimed_ids(
    conn: sa.Connection, claims: collections.abc.Sequence[Claim]
) -> collections.abc.Iterable[int]:
    """Return the ids of the claimed providers.

    Raises BadRequest when one does not exist.
    """
    uuids = _claimed_uuids(claims)
    found = capacity.read_offers(conn, uuids, (), ()).provider_ids
    _require_providers(uuids, found)
    return found.values()


def _claimed_uuids(claims: collections.abc.Sequence[Claim]) -> list[str]:
    """Return the uuids of the claimed providers, in the order of the claims."""
    uuids = (amount.provider_uuid for claim in claims for amount in claim.amounts)
    return list(dict.fromkeys(uuids))


def _require_providers(
    uuids: collections.abc.Iterable[str], found: collections.abc.Container[str]
) -> None:
    for uuid in uuids:
        if uuid not in found:
            raise exception.BadRequest(
                reason=f"Allocation for resource provider '{uuid}' that does not exist."
            )


def _write_consumers(
    conn: sa.Connection, claims: collections.abc.Sequence[Claim], cleared: Cleared
) -> list[Step]:
    """Return the steps that delete, advance and create the consumers' records.

    Inserts the owners that do not exist yet.
    """
    staying = {claim.consumer: claim for claim in claims if claim.amounts}
    kept = _kept_records(claims, cleared)
    gone = [each for uuid, each in cleared.consumers.items() if uuid not in kept]
    steps = consumer.deleting(gone)
    if not staying:
        return steps
    ids = consumer.ensure_owners(
        conn, cleared.existing, (claim.owner for claim in staying.values())
    )
    owners = {uuid: ids[claim.owner] for uuid, claim in staying.items()}
    new = [uuid for uuid in staying if uuid not in kept]
    steps += consumer.advancing(list(kept.values()), owners)
    return steps + consumer.creating(sorted(new), owners)


def _kept_records(
    claims: collections.abc.Sequence[Claim], cleared: Cleared
) -> dict[str, Consumer]:
    """Return the records that are advanced, by uuid.

    A record without allocations counts as absent unless its generation was given: the
    consumer is created again, at generation 1 and without a type.
    """
    holders = {each.consumer for each in cleared.deleted}
    given = {claim.consumer: claim.generation for claim in claims if claim.amounts}
    return {
        uuid: each
        for uuid, each in cleared.consumers.items()
        if uuid in given and (uuid in holders or given[uuid] == each.generation)
    }


def _generations(
    claims: collections.abc.Sequence[Claim], cleared: Cleared
) -> dict[str, int | None]:
    """Return the new generations of the consumers whose allocations change.

    None for those that hold nothing any more.
    """
    kept = _kept_records(claims, cleared)
    found: dict[str, int | None] = {each.consumer: None for each in cleared.deleted}
    for claim in claims:
        if claim.amounts:
            record = kept.get(claim.consumer)
            found[claim.consumer] = 1 if record is None else record.generation + 1
    return found


def _insert_allocations(
    reservations: collections.abc.Sequence[Reservation],
) -> list[Step]:
    rows = [
        {
            "resource_provider_id": each.key.provider_id,
            "resource_class_id": each.key.resource_class_id,
            "consumer_id": each.consumer,
            "used": each.amount.units,
        }
        for each in reservations
    ]
    return [lists.insert(_allocations, rows)] if rows else []


def amount_changes(
    reservations: collections.abc.Sequence[Reservation],
    deleted: collections.abc.Sequence[Deleted],
) -> capacity.Changes:
    """Return by how many units ``used`` of each inventory has to change."""
    changes = capacity.Changes()
    for each in deleted:
        changes[InventoryKey(each.provider_id, each.resource_class_id)] -= each.used
    for one in reservations:
        changes[one.key] += one.amount.units
    return changes


def usage_changes(
    conn: sa.Connection,
    claims: collections.abc.Iterable[Claim],
    reservations: collections.abc.Iterable[Reservation],
    records: dict[str, Consumer],
    deleted: collections.abc.Iterable[Deleted],
    project_ids: collections.abc.Mapping[str, int],
) -> limited_usage.Changes:
    """Return by how much the usage of each project changes.

    ``records`` are those before the change, and ``project_ids`` the known stored ids of
    projects. A consumer counts if it has allocations; without a record, it has no
    project.
    """
    changes = limited_usage.Changes()
    projects = consumer.project_names(conn, project_ids, records.values())
    owners = {uuid: projects[each.project_id] for uuid, each in records.items()}
    freed = [each for each in deleted if each.consumer in owners]
    for uuid in {each.consumer for each in freed}:
        changes[UsageKey(owners[uuid], tables.CONSUMERS)] -= 1
    for each in freed:
        changes[UsageKey(owners[each.consumer], each.resource_class_id)] -= each.used
    staying = {claim.consumer: claim.owner for claim in claims if claim.amounts}
    for owner in staying.values():
        changes[UsageKey(owner.project_id, tables.CONSUMERS)] += 1
    for one in reservations:
        project_id = staying[one.consumer].project_id
        key = UsageKey(project_id, one.key.resource_class_id)
        changes[key] += one.amount.units
    return changes
