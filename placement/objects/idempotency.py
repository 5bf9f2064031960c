"""Answers to requests with an Idempotency-Key, kept for a day.

The row of a key is inserted by the transaction of its request, before anything else.
A second request with the key waits at that row until the first has ended, but not for
long.
"""

import hashlib
import typing

import sqlalchemy as sa

from placement import extension_exception
from placement.db import lock_limit, revision, tables, transaction

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

_keys = tables.idempotency_keys
_NOW = revision.clock()

# The number of keys that one sweep deletes: more a day than are likely to be used.
_BATCH = 5000

# How long a request waits for an earlier one with its key.
WAIT_SECONDS = 10.0

_LIFETIME_MICROSECONDS = 24 * 3600 * 1_000_000


class Key(typing.NamedTuple):
    """A key of a caller, with the body that it stands for; both are hashes."""

    id: str
    body_hash: str

    @classmethod
    def of(cls, project_id: str, user_id: str, key: str, body: bytes) -> "Key":
        parts = "\0".join((project_id, user_id, key)).encode(errors="replace")
        return cls(hashlib.sha256(parts).hexdigest(), hashlib.sha256(body).hexdigest())


def find_or_reserve(conn: sa.Connection, key: Key) -> bytes | None:
    """Return the answer that is stored for a key; None if it is reserved now.

    Must begin the transaction. ``store`` has to store the answer of a reserved key.

    Raises IdempotencyKeyReused, and KeyInProgress if an earlier request with the key
    does not end in time; on SQLite, if any other writers do not.
    """
    with lock_limit.limited(conn, WAIT_SECONDS, extension_exception.KeyInProgress()):
        answer = find(conn, key)
        if answer is None:
            _reserve(conn, key)
        return answer


def find(conn: sa.Connection, key: Key) -> bytes | None:
    """Return the answer that is stored for a key, or None.

    Raises IdempotencyKeyReused if it is stored with another body.
    """
    row = conn.execute(
        sa.select(_keys.c.body_hash, _keys.c.answer).where(
            _keys.c.id == key.id, _keys.c.expires_at > _NOW
        )
    ).first()
    if row is None:
        return None
    if row.body_hash != key.body_hash:
        raise extension_exception.IdempotencyKeyReused
    return bytes(row.answer)


def _reserve(conn: sa.Connection, key: Key) -> None:
    """Insert a key without its answer; ``find`` has not found it.

    If another transaction inserts it at the same time, one breaks the primary key and
    is retried.
    """
    conn.execute(
        sa.delete(_keys).where(_keys.c.id == key.id, _keys.c.expires_at <= _NOW)
    )
    conn.execute(
        sa.insert(_keys).values(
            id=key.id,
            body_hash=key.body_hash,
            expires_at=_NOW + sa.literal(_LIFETIME_MICROSECONDS, sa.BigInteger),
        )
    )


def store(conn: sa.Connection, key: Key, answer: bytes) -> None:
    """Store the answer of a key that the transaction has reserved."""
    conn.execute(sa.update(_keys).where(_keys.c.id == key.id).values(answer=answer))


def delete_expired(context: "RequestContext") -> None:
    """Delete keys that have expired.

    Raises what ``transaction.write`` raises.
    """
    expired = (
        sa.select(_keys.c.id)
        .where(_keys.c.expires_at <= _NOW)
        .order_by(_keys.c.expires_at)
        .limit(_BATCH)
    )
    ids = transaction.read_before_write(
        context, lambda conn: list(conn.scalars(expired))
    )
    if ids:
        # The same key may have been reserved again meanwhile.
        delete = sa.delete(_keys).where(_keys.c.id.in_(ids), _keys.c.expires_at <= _NOW)
        transaction.write(context, lambda conn: conn.execute(delete))
