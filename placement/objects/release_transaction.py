"""Releases in the caller's transaction: delete consumers and all that they hold.

``claim_pipeline`` releases most single consumers in one round trip; what it cannot
write comes here. Locks are in the order of ``claim_transaction``. No provider's
generation moves.
"""

import collections.abc

import sqlalchemy as sa

from placement import exception
from placement.db import batch, tables
from placement.db.batch import Step
from placement.objects import (
    capacity,
    change,
    claim_transaction,
    consumer,
    limit_statements,
    limited_usage,
    resource_provider,
)
from placement.objects.claim_transaction import Deleted
from placement.objects.consumer import Consumer

_allocations = tables.allocations
_consumers = tables.consumers


def release(conn: sa.Connection, uuid: str, has_limits: bool = False) -> bool:
    """Do what ``claim.release`` does, in the caller's transaction.

    ``has_limits`` is whether any project is known to have a limit, which saves
    statements if it is true.

    Returns whether any project has a limit, as far as that was read.
    Raises ConsumerNotFound when the consumer holds nothing.
    """
    if not has_limits:
        steps = [
            Step(_DELETE_UNLIMITED_CONSUMER, {"gone": uuid}),
            Step(_DELETE_UNLIMITED_ALLOCATIONS, {"gone": uuid}),
        ]
        deleted = list(map(Deleted._make, batch.run(conn, steps)))
        if deleted:
            _free(conn, deleted)
            return False
        if not limited_usage.has_limits(conn):
            raise exception.ConsumerNotFound(uuid=uuid)
    if not release_locked(conn, [uuid], consumer.lock_all(conn, [uuid])):
        raise exception.ConsumerNotFound(uuid=uuid)
    return True


def release_locked(
    conn: sa.Connection,
    uuids: collections.abc.Sequence[str],
    records: dict[str, Consumer],
) -> bool:
    """Release consumers whose ``records`` are locked; not all need to have one.

    Returns whether they held anything.
    """
    steps = consumer.deleting(list(records.values()))
    steps.append(claim_transaction.DELETE_ALLOCATIONS.step({"uuids": uuids}))
    deleted = list(map(Deleted._make, batch.run(conn, steps)))
    if not deleted:
        return False
    _free(conn, deleted)
    usages = claim_transaction.usage_changes(conn, (), (), records, deleted, {})
    limited_usage.count(conn, usages)
    return True


def _free(conn: sa.Connection, deleted: collections.abc.Sequence[Deleted]) -> None:
    changes = claim_transaction.amount_changes([], deleted)
    used = {key.provider_id for key in changes}
    gone: dict[str, int | None] = {each.consumer: None for each in deleted}
    steps = change.of_consumers(conn, change.ALLOCATIONS, gone)
    steps += resource_provider.advancing(conn, set(), used)
    capacity.free(conn, steps, changes)


_DELETE_UNLIMITED_CONSUMER = sa.delete(_consumers).where(
    _consumers.c.uuid == sa.bindparam("gone"), limit_statements.require(False)
)
_DELETE_UNLIMITED_ALLOCATIONS = (
    sa.delete(_allocations)
    .where(
        _allocations.c.consumer_id == sa.bindparam("gone"),
        limit_statements.require(False),
    )
    .returning(*claim_transaction.DELETED)
)
