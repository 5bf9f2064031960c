"""Holds: allocations that are released at a time unless they are confirmed.

The allocations of a hold are ordinary ones. Times are those of the database's clock.
A hold counts only until it expires; a process that confirms it and one that releases
it meet at its row, and one of them wins.
"""

import collections.abc
import functools
import typing

import sqlalchemy as sa

from placement import exception, extension_exception
from placement.db import revision, tables, transaction
from placement.objects import change, consumer, release_transaction

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

MICROSECONDS = 1_000_000

# The number of holds that one transaction releases.
_BATCH = 100

_holds = tables.holds
_consumers = tables.consumers
_NOW = revision.clock()
_HAS_EXPIRED = _holds.c.expires_at <= _NOW

# Selects one row if any hold has expired and was not released yet.
ANY_EXPIRED = sa.select(sa.literal_column("1", sa.Integer)).where(
    sa.exists().where(_HAS_EXPIRED)
)


class Hold(typing.NamedTuple):
    """A hold; ``expires_at`` is in microseconds since 1970."""

    consumer_id: int
    consumer: str
    expires_at: int


def add(
    conn: sa.Connection, consumers: collections.abc.Collection[str], seconds: int
) -> None:
    """Let the allocations of consumers, by uuid, expire after ``seconds``."""
    held = sa.select(
        _consumers.c.id, _NOW + sa.literal(seconds * MICROSECONDS, sa.BigInteger)
    ).where(_consumers.c.uuid.in_(list(consumers)))
    conn.execute(
        sa.insert(_holds).from_select(
            [_holds.c.consumer_id, _holds.c.expires_at],
            held,
            include_defaults=False,
        )
    )
    change.record_consumers(conn, change.HOLD, consumers)


def confirm(conn: sa.Connection, uuid: str) -> None:
    """Let a consumer keep what it holds. Raises HoldNotFound, also after expiry."""
    confirmed = conn.execute(
        sa.delete(_holds).where(_is_of(uuid), _holds.c.expires_at > _NOW)
    )
    if not confirmed.rowcount:
        raise extension_exception.HoldNotFound(uuid=uuid)
    change.record_consumers(conn, change.HOLD, [uuid])


def extend(conn: sa.Connection, uuid: str, seconds: int) -> int:
    """Let a hold expire ``seconds`` from now; return when that is.

    Raises HoldNotFound, also after expiry.
    """
    extended = conn.execute(
        sa.update(_holds)
        .where(_is_of(uuid), _holds.c.expires_at > _NOW)
        .values(expires_at=_NOW + sa.literal(seconds * MICROSECONDS, sa.BigInteger))
    )
    if not extended.rowcount:
        raise extension_exception.HoldNotFound(uuid=uuid)
    change.record_consumers(conn, change.HOLD, [uuid])
    expires_at: int | None = conn.scalar(
        sa.select(_holds.c.expires_at).where(_is_of(uuid))
    )
    assert expires_at is not None
    return expires_at


def read_page(conn: sa.Connection, after: int, size: int) -> list[Hold]:
    """Return the next ``size`` holds after a consumer's id; not expired ones."""
    return _select_page(conn, _holds.c.expires_at > _NOW, after, size)


def _select_page(
    conn: sa.Connection, condition: sa.ColumnElement[bool], after: int, size: int
) -> list[Hold]:
    """Return the next holds that meet a condition, in the order of consumers' ids."""
    rows = conn.execute(
        sa.select(_holds.c.consumer_id, _consumers.c.uuid, _holds.c.expires_at)
        .join(_consumers, _consumers.c.id == _holds.c.consumer_id)
        .where(condition, _holds.c.consumer_id > after)
        .order_by(_holds.c.consumer_id)
        .limit(size)
    )
    return [Hold(*row) for row in rows]


def release_expired(context: "RequestContext") -> int:
    """Release all holds that have expired; return their number.

    Raises what ``transaction.write`` raises.
    """
    released = 0
    after = 0
    while True:
        read = functools.partial(_expired, after=after)
        batch = transaction.read_before_write(context, read)
        if not batch:
            return released
        for each in batch:
            end = functools.partial(_end, uuid=each.consumer)
            released += transaction.write(context, end)
        after = batch[-1].consumer_id


def _expired(conn: sa.Connection, after: int) -> list[Hold]:
    return _select_page(conn, _HAS_EXPIRED, after, _BATCH)


def _end(conn: sa.Connection, uuid: str) -> int:
    """Release a consumer if its hold has expired; return how many were released."""
    # The order of locks of all writers: the consumer first.
    consumer.lock_all(conn, [uuid])
    expired = conn.execute(sa.delete(_holds).where(_is_of(uuid), _HAS_EXPIRED))
    if not expired.rowcount:
        return 0
    try:
        release_transaction.release(conn, uuid)
    except exception.ConsumerNotFound:
        # Another service has left a record without allocations.
        return 0
    return 1


def _is_of(uuid: str) -> sa.ColumnElement[bool]:
    of_uuid = sa.select(_consumers.c.id).where(_consumers.c.uuid == uuid)
    return _holds.c.consumer_id == of_uuid.scalar_subquery()
