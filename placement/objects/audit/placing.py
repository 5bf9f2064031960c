"""Facts about holds, groups, idempotency keys and the feed of changes."""

import typing

import sqlalchemy as sa

from placement.db import tables
from placement.objects.audit.fact import Fact, Findings, Keys

_consumers = tables.consumers
_holds = tables.holds
_groups = tables.groups
_members = tables.group_members
_keys = tables.idempotency_keys
_changes = tables.changes
_positions = tables.change_positions


def _is_missing(
    column: sa.Column[int], referenced: sa.Column[int]
) -> sa.ColumnElement[bool]:
    return sa.not_(sa.exists().where(referenced == column))


_IS_HOLD_OF_NOBODY = _is_missing(_holds.c.consumer_id, _consumers.c.id)
_IS_MEMBER_OF_NOTHING = sa.or_(
    _is_missing(_members.c.consumer_id, _consumers.c.id),
    _is_missing(_members.c.group_id, _groups.c.id),
)
_HAS_NO_ANSWER = _keys.c.answer.is_(None)


def _to_delete(
    name: str,
    sentence: str,
    thing: str,
    columns: tuple[sa.Column[typing.Any], sa.Column[typing.Any]],
    is_broken: sa.ColumnElement[bool],
) -> Fact:
    """Return a fact about broken rows, which its repair deletes.

    The first column is the key of the table; ``thing`` is what a row is called.
    """
    key = columns[0]

    def delete(conn: sa.Connection, keys: Keys, _settings: object) -> int:
        broken = sa.delete(key.table).where(key.in_(list(keys)), is_broken)
        return conn.execute(broken).rowcount

    shown = sa.select(*columns).where(is_broken).order_by(key)
    return Fact(name, sentence, f"Deletes the {thing}.", shown, key.name, delete)


def _late_positions() -> Findings:
    greatest = sa.select(sa.func.max(_changes.c.position)).scalar_subquery()
    return sa.select(
        _positions.c.id, _positions.c.last, greatest.label("greatest")
    ).where(_positions.c.last < greatest)


def _advance_positions(conn: sa.Connection, ids: Keys, _settings: object) -> int:
    # The lock of the sequencer.
    conn.execute(sa.select(_positions.c.last).with_for_update())
    greatest = conn.scalar(sa.select(sa.func.max(_changes.c.position)))
    advanced = conn.execute(
        sa.update(_positions)
        .where(_positions.c.id.in_(list(ids)), _positions.c.last < greatest)
        .values(last=greatest)
    )
    return advanced.rowcount


HOLD = _to_delete(
    "hold_of_nobody",
    "A hold is of a consumer that does not exist.",
    "hold",
    (_holds.c.consumer_id, _holds.c.expires_at),
    _IS_HOLD_OF_NOBODY,
)
MEMBER = _to_delete(
    "member_of_nothing",
    "A membership is of a consumer or a group that does not exist.",
    "membership",
    (_members.c.consumer_id, _members.c.group_id),
    _IS_MEMBER_OF_NOTHING,
)
KEY = _to_delete(
    "key_without_answer",
    "An idempotency key has no answer, so requests with it fail.",
    "key",
    (_keys.c.id, _keys.c.expires_at),
    _HAS_NO_ANSWER,
)
POSITION = Fact(
    "change_position",
    "A change has a position after the last one, so later changes get none.",
    "Continues after the greatest position.",
    _late_positions(),
    "id",
    _advance_positions,
)
