"""Write claims: the only entry for requests that change what consumers hold.

``claim_pipeline`` writes the frequent claims in one round trip on PostgreSQL. All
other claims, and those that it refuses, go to ``claim_transaction``, which runs
statement by statement and knows why a claim fails. Both lock rows in the same order.

Unlike the rest of ``objects``, these functions open their transaction themselves,
because a pipeline is a whole transaction.
"""

import collections.abc
import dataclasses
import functools
import typing

import sqlalchemy as sa

from placement import exception, extension_exception
from placement.db import tables, transaction
from placement.db.batch import Row
from placement.objects import (
    change,
    claim_pipeline,
    claim_transaction,
    group,
    hold,
    idempotency,
    limit,
    release_transaction,
    resource_provider,
)
from placement.objects.claim_pipeline import KnownLimits, KnownOwners
from placement.objects.claim_request import Claim, Seen
from placement.objects.group import GroupRequest, Membership
from placement.objects.idempotency import Key

if typing.TYPE_CHECKING:
    from placement.context import RequestContext
    from placement.db.names import Names

# The generations of providers, by uuid.
Generations = dict[str, int]

# Keys of the known owners and limits in ``Service.kept``.
_OWNERS = "objects.claim.owners"
_LIMITS = "objects.claim.limits"


def write(context: "RequestContext", claims: collections.abc.Sequence[Claim]) -> None:
    """Replace what the consumers hold by what their claims say, all or nothing.

    Advances the generations of the claimed providers, and of the consumers that
    hold something afterwards.

    Raises ConsumerGenerationConflict; BadRequest when a provider does not exist;
    ResourceClassNotFound; InvalidInventory, InventoryConstraintsViolated or
    CapacityExceeded for the first amount that does not fit; LimitExceeded for a
    project; and what ``transaction.write`` raises.
    Source: API reference, "Allocations".
    """
    write_past_holds(context, functools.partial(_write, context, claims))


def write_past_holds(
    context: "RequestContext", write: collections.abc.Callable[[], None]
) -> None:
    """Call ``write``, and again if what refused it may have been an expired hold."""
    try:
        write()
    except (exception.CapacityExceeded, extension_exception.LimitExceeded) as refusal:
        if not may_succeed_now(context, refusal):
            raise
        write()


def may_succeed_now(
    context: "RequestContext",
    refusal: exception.CapacityExceeded | extension_exception.LimitExceeded,
) -> bool:
    """Release expired holds; return whether there may be room now.

    Expired holds give way before a claim is refused. Another process may have released
    them since the refusal.
    """
    if hold.release_expired(context):
        return True
    read = functools.partial(_used_now, refusal=refusal)
    used: int = refusal.details["used"]
    return transaction.read_before_write(context, read) != used


def _used_now(
    conn: sa.Connection,
    refusal: exception.CapacityExceeded | extension_exception.LimitExceeded,
) -> int | None:
    """Return what is used of the inventory or limit that refused a claim."""
    details = refusal.details
    if isinstance(refusal, exception.CapacityExceeded):
        return conn.scalar(_USED, {name: details[name] for name in _USED_KEYS})
    try:
        usages = limit.get(conn, details["project_id"]).usages
    except extension_exception.LimitsNotFound:
        return None
    return usages.get(details["resource_class"])


_USED_KEYS = ("uuid", "resource_class")
_USED = (
    sa.select(tables.inventories.c.used)
    .join(
        tables.resource_providers,
        tables.resource_providers.c.id == tables.inventories.c.resource_provider_id,
    )
    .join(
        tables.resource_classes,
        tables.resource_classes.c.id == tables.inventories.c.resource_class_id,
    )
    .where(
        tables.resource_providers.c.uuid == sa.bindparam("uuid"),
        tables.resource_classes.c.name == sa.bindparam("resource_class"),
    )
)


def _write(context: "RequestContext", claims: collections.abc.Sequence[Claim]) -> None:
    owners, limits = _known_owners(context), _known_limits(context)
    names = context.names

    def work(conn: sa.Connection) -> None:
        limits.exist = claim_transaction.replace(conn, names, claims)

    with limits.noting(claims):
        transaction.write_pipelined(
            context,
            {amount.provider_uuid for each in claims for amount in each.amounts},
            lambda conn: claim_pipeline.plan_claims(
                conn, names, owners, claims, limits, change.is_on(conn)
            ),
            work,
            _nothing,
        )
    owners.add(claims)


@dataclasses.dataclass(frozen=True, slots=True)
class Extras:
    """What else is written in the transaction of claims of new consumers.

    ``check`` gets the members of ``group`` before anything else is locked, and may
    raise; the consumers become members. ``answer`` gets the generations of the claimed
    providers, by uuid, and returns what is stored under ``key``.
    """

    key: Key | None = None
    group: GroupRequest | None = None
    check: collections.abc.Callable[[Membership], None] | None = None
    hold_seconds: int | None = None
    answer: collections.abc.Callable[[Generations], bytes] | None = None


class StoredAnswer(Exception):
    """The key of a request has an answer already, which ``body`` is."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        super().__init__()


def place(
    context: "RequestContext",
    claims: collections.abc.Sequence[Claim],
    extras: Extras | None,
) -> Generations:
    """Write claims of consumers that do not exist, all or nothing.

    Returns the generations of the claimed providers, by uuid, as this advances them.

    Raises what ``write`` raises, GroupPolicyConflict, StoredAnswer,
    IdempotencyKeyReused and KeyInProgress.
    """
    names = context.names
    limits = _known_limits(context)
    uuids = sorted({amount.provider_uuid for each in claims for amount in each.amounts})

    def work(conn: sa.Connection) -> Generations:
        return _place(conn, names, limits, claims, uuids, extras or Extras())

    if extras is not None:
        with limits.noting(claims):
            return transaction.write(context, work)
    owners = _known_owners(context)
    with limits.noting(claims):
        found: Generations = transaction.write_pipelined(
            context,
            uuids,
            lambda conn: claim_pipeline.plan_new(
                conn, names, owners, claims, limits, change.is_on(conn)
            ),
            work,
            lambda rows: {row[0]: row[1] for row in rows},
        )
    owners.add(claims)
    return found


def place_seen(context: "RequestContext", claim: Claim, seen: Seen) -> int | None:
    """Write the claim of a new consumer on the last host of ``seen``.

    Returns the host's generation, as this advances it. None: nothing was changed,
    because what was seen is out of date, or for any reason for which ``place`` fails
    or takes more than one round trip.

    Raises what ``transaction.write`` raises.
    """
    owners, limits = _known_owners(context), _known_limits(context)
    rows = transaction.try_pipelined(
        context,
        lambda conn: claim_pipeline.plan_seen(
            owners, claim, seen, limits, change.is_on(conn)
        ),
    )
    return None if rows is None else rows[0][0]


def _place(
    conn: sa.Connection,
    names: "Names",
    limits: KnownLimits,
    claims: collections.abc.Sequence[Claim],
    uuids: list[str],
    extras: Extras,
) -> Generations:
    if extras.key is not None:
        stored = idempotency.find_or_reserve(conn, extras.key)
        if stored is not None:
            raise StoredAnswer(stored)
    group_id = None
    if extras.group is not None:
        group_id = group.lock(conn, extras.group)
        if extras.check is not None:
            extras.check(group.read(conn, extras.group))
    limits.exist = claim_transaction.replace(conn, names, claims)
    consumers = [each.consumer for each in claims]
    if group_id is not None:
        group.add(conn, group_id, consumers)
    if extras.hold_seconds is not None:
        hold.add(conn, consumers, extras.hold_seconds)
    generations = resource_provider.generations(conn, uuids)
    if extras.key is not None and extras.answer is not None:
        idempotency.store(conn, extras.key, extras.answer(generations))
    return generations


def release(context: "RequestContext", uuid: str) -> None:
    """Delete a consumer and all that it holds; no provider's generation moves.

    Raises ConsumerNotFound when it holds nothing, and what ``transaction.write``
    raises.
    """
    limits = _known_limits(context)

    def work(conn: sa.Connection) -> None:
        limits.exist = release_transaction.release(conn, uuid, limits.exist)

    transaction.write_pipelined(
        context,
        # The refusal of one release does not predict that of another.
        (),
        lambda conn: claim_pipeline.plan_release(
            uuid, limits, change.of_consumers(conn, change.ALLOCATIONS, {uuid: None})
        ),
        work,
        _nothing,
    )


def _nothing(_rows: list[Row]) -> None:
    return None


def _known_owners(context: "RequestContext") -> KnownOwners:
    known: KnownOwners = context.service.kept.setdefault(_OWNERS, KnownOwners())
    return known


def _known_limits(context: "RequestContext") -> KnownLimits:
    known: KnownLimits = context.service.kept.setdefault(_LIMITS, KnownLimits())
    return known
