"""Releases of consumers by operators, with a record of each.

Each release is conditional on the generation of the consumer: a consumer that has
changed since the operator read it is not released.
"""

import collections.abc
import functools
import typing

import orjson
import sqlalchemy as sa

from placement import extension_exception
from placement.db import names, revision, tables, transaction
from placement.objects import allocation, consumer, consumer_page, release_transaction
from placement.objects.consumer import Consumer
from placement.objects.consumer_page import ConsumerDetails

if typing.TYPE_CHECKING:
    from placement.caller import Caller
    from placement.context import RequestContext

_releases = tables.releases
_NOW = revision.clock()

_MICROSECONDS_PER_DAY = 24 * 3600 * 1_000_000

# Records that one transaction deletes, and transactions of one sweep.
_BATCH = 1000
_BATCHES_PER_SWEEP = 10

# The microversions of the requests that put a consumer back: with a type, and without.
_WITH_TYPE, _WITHOUT_TYPE = "1.39", "1.37"

# Generations by uuid.
Wanted = collections.abc.Mapping[str, int]


class Release(typing.NamedTuple):
    """A record; ``restore`` is JSON, and ``released_at`` in microseconds since 1970."""

    id: int
    consumer: str
    released_at: int
    reason: str
    project_id: str | None
    user_id: str | None
    restore: bytes


def check(
    conn: sa.Connection, known_names: names.Names, wanted: Wanted
) -> list[ConsumerDetails]:
    """Return the consumers that ``release`` would release.

    Raises ConsumersChanged.
    """
    found = consumer.find_all(conn, wanted)
    _require_unchanged(found, wanted)
    return consumer_page.get_some(conn, known_names, _ids(found))


def release(
    conn: sa.Connection,
    known_names: names.Names,
    wanted: Wanted,
    reason: str,
    caller: "Caller",
) -> list[ConsumerDetails]:
    """Release consumers and record it; return them as they were.

    Raises ConsumersChanged, if one is unknown or has another generation.
    """
    locked = consumer.lock_all(conn, wanted)
    _require_unchanged(locked, wanted)
    # What they hold does not change while they are locked.
    found = consumer_page.get_some(conn, known_names, _ids(locked))
    release_transaction.release_locked(conn, list(locked), locked)
    now = conn.scalar(sa.select(_NOW))
    # The time as a parameter: PyMySQL then sends all rows at once.
    conn.execute(
        sa.insert(_releases),
        [
            {
                "consumer_uuid": each.uuid,
                "released_at": now,
                "reason": reason,
                "project_id": caller.project_id,
                "user_id": caller.user_id,
                "restore": orjson.dumps(_restore(each)),
            }
            for each in found
        ],
    )
    return found


def _require_unchanged(
    found: collections.abc.Mapping[str, Consumer], wanted: Wanted
) -> None:
    stored = {uuid: each.generation for uuid, each in found.items()}
    changed = {
        uuid: (stored.get(uuid), given)
        for uuid, given in wanted.items()
        if stored.get(uuid) != given
    }
    if changed:
        raise extension_exception.ConsumersChanged(changed, len(wanted))


def _ids(found: collections.abc.Mapping[str, Consumer]) -> list[int]:
    return [each.id for each in found.values()]


def _restore(released: ConsumerDetails) -> dict[str, typing.Any]:
    """Return the version and the body of ``PUT /allocations`` that puts it back."""
    body = {
        "allocations": {
            provider: {"resources": share.resources}
            for provider, share in released.allocations.items()
        },
        "consumer_generation": None,
        "project_id": released.project_id,
        "user_id": released.user_id,
    }
    if released.consumer_type == allocation.type_name(None):
        return {"version": _WITHOUT_TYPE, "body": body}
    typed = body | {"consumer_type": released.consumer_type}
    return {"version": _WITH_TYPE, "body": typed}


def get_page(
    conn: sa.Connection, uuid: str | None, before_id: int | None, size: int
) -> list[Release]:
    """Return records before an id, the last one first; with ``uuid``, of a consumer."""
    select = sa.select(
        _releases.c.id,
        _releases.c.consumer_uuid,
        _releases.c.released_at,
        _releases.c.reason,
        _releases.c.project_id,
        _releases.c.user_id,
        _releases.c.restore,
    )
    if uuid is not None:
        select = select.where(_releases.c.consumer_uuid == uuid)
    if before_id is not None:
        select = select.where(_releases.c.id < before_id)
    rows = conn.execute(select.order_by(_releases.c.id.desc()).limit(size))
    return [Release(*row[:-1], bytes(row[-1])) for row in rows]


def sweep(context: "RequestContext") -> None:
    """Delete records older than ``[consumers] release_retention_days``.

    By the clock of the database. The amount of work is bounded.

    Raises what ``transaction.write`` raises.
    """
    days = context.settings.consumers.release_retention_days
    kept_from = _NOW - sa.literal(days * _MICROSECONDS_PER_DAY, sa.BigInteger)
    oldest = (
        sa.select(_releases.c.id)
        .where(_releases.c.released_at < kept_from)
        .order_by(_releases.c.released_at)
        .limit(_BATCH)
    )
    for _ in range(_BATCHES_PER_SWEEP):
        ids = transaction.read_before_write(
            context, lambda conn: list(conn.scalars(oldest))
        )
        if not ids:
            return
        transaction.write(context, functools.partial(_delete, ids=ids))


def _delete(conn: sa.Connection, ids: list[int]) -> None:
    conn.execute(sa.delete(_releases).where(_releases.c.id.in_(ids)))
