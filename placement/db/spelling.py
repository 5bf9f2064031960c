"""Rewrite uuids that another service has stored in other than the canonical form.

Providers, consumers and aggregates are looked up by the canonical form of their
uuid, lower case with dashes, see ``uuids.canonical``. A row with another spelling is
listed but never found.

A provider or consumer whose canonical uuid belongs to another row is left alone,
because it is unknown which of the two is meant.
"""

import collections.abc
import dataclasses
import functools
import itertools
import typing

import sqlalchemy as sa

from placement import uuids
from placement.db import locks, reconcile, revision, tables, transaction

_providers = tables.resource_providers
_consumers = tables.consumers
_allocations = tables.allocations
_aggregates = tables.placement_aggregates
_memberships = tables.resource_provider_aggregates

_Text = sa.ColumnElement[str] | sa.ColumnElement[str | None]

# The canonical form has dashes at these places.
_SHAPE = "________-____-____-____-____________"

# Any spelling without its prefixes.
_DIGITS = "^[{}]*-*([0-9a-fA-F]-*){32}[{}]*$"

# Rows rewritten by one transaction.
_BATCH_ROWS = 500

# The column for spellings of aggregates has this length; longer ones are dropped.
_SPELLING_LENGTH_MAX = 36


def canonical(column: _Text) -> sa.ColumnElement[str]:
    """Return the canonical form of the uuid in ``column``.

    Twin of ``uuids.canonical`` for values that satisfy ``is_misspelled``.
    """
    digits: sa.ColumnElement[str] = sa.func.lower(column)
    for other in ("urn:", "uuid:", "{", "}", "-"):
        digits = sa.func.replace(digits, other, "")
    ends = itertools.pairwise((0, 8, 12, 16, 20, 32))
    parts = [sa.func.substr(digits, a + 1, b - a, type_=sa.Text) for a, b in ends]
    return functools.reduce(lambda text, part: text + "-" + part, parts)


def is_misspelled(column: _Text) -> sa.ColumnElement[bool]:
    """The column has a uuid that is not in canonical form.

    False for text that is not a uuid. Reads every row: one million consumers take
    0.3 to 0.9 seconds.
    """
    digits = sa.func.replace(sa.func.replace(column, "urn:", ""), "uuid:", "")
    # The cheap condition decides for nearly all rows.
    is_canonical = sa.and_(column.like(_SHAPE), column == sa.func.lower(column))
    return sa.and_(sa.not_(is_canonical), digits.regexp_match(_DIGITS))


def is_taken(table: sa.Table) -> sa.ColumnElement[bool]:
    """The canonical form of the row's uuid belongs to another row.

    A consumer's may also belong to allocations without a consumer record.
    """
    others = table.alias("others")
    # A scalar subquery runs only for the rows that pass the other conditions.
    same = sa.select(others.c.id).where(others.c.uuid == canonical(table.c.uuid))
    found = same.limit(1).scalar_subquery().is_not(None)
    if table is not _consumers:
        return found
    allocated = sa.select(_allocations.c.id).where(
        _allocations.c.consumer_id == canonical(table.c.uuid)
    )
    return sa.or_(found, allocated.limit(1).scalar_subquery().is_not(None))


def _misspelled(table: sa.Table) -> "sa.Select[typing.Any]":
    return (
        sa.select(table.c.id, table.c.uuid)
        .where(is_misspelled(table.c.uuid), sa.not_(is_taken(table)))
        .order_by(table.c.id)
    )


def misspelled_memberships() -> "sa.Select[typing.Any]":
    """Select the memberships in aggregates whose uuid is not canonical.

    A row is (provider_id, aggregate_id, uuid), ordered by these.
    """
    return (
        sa.select(
            _memberships.c.resource_provider_id.label("provider_id"),
            _memberships.c.aggregate_id,
            _aggregates.c.uuid,
        )
        .join(_aggregates, _aggregates.c.id == _memberships.c.aggregate_id)
        .where(is_misspelled(_aggregates.c.uuid))
        .order_by(_memberships.c.resource_provider_id, _memberships.c.aggregate_id)
    )


Ids = collections.abc.Sequence[int]


def canonicalize_consumers(conn: sa.Connection, ids: Ids) -> int:
    """Lock consumers and rewrite their uuids, unless the canonical form is taken.

    Returns how many were rewritten.
    """
    locked = sa.select(_consumers.c.id).where(_consumers.c.id.in_(ids))
    conn.execute(locked.order_by(_consumers.c.id).with_for_update()).all()
    rewritten = _rewrite(conn, _consumers, ids)
    if rewritten:
        column = _allocations.c.consumer_id
        conn.execute(
            sa.update(_allocations)
            .where(column.in_(list(rewritten.values())))
            .values(consumer_id=canonical(column), updated_at=_allocations.c.updated_at)
        )
    return len(rewritten)


def canonicalize_providers(conn: sa.Connection, ids: Ids) -> int:
    """Lock providers and rewrite their uuids, unless the canonical form is taken.

    Also locks the providers that show one of these uuids as their root or parent.
    Returns how many were rewritten.
    """
    showing = sa.or_(
        _providers.c.id.in_(ids),
        _providers.c.root_provider_id.in_(ids),
        _providers.c.parent_provider_id.in_(ids),
    )
    shown = conn.scalars(sa.select(_providers.c.id).where(showing)).all()
    locks.lock_providers(conn, shown)
    # One UPDATE per row: PostgreSQL checks the foreign keys of a row that is updated a
    # second time, and old rows can refer to a root that does not exist.
    rewritten = _rewrite(
        conn, _providers, ids, revision=revision.next_of(_providers.c.revision)
    )
    if rewritten:
        reconcile.advance_revisions(conn, set(shown) - rewritten.keys())
    return len(rewritten)


def _rewrite(
    conn: sa.Connection,
    table: sa.Table,
    ids: Ids,
    **more: sa.ColumnElement[typing.Any],
) -> dict[int, str]:
    """Rewrite the misspelled uuids of locked rows, and set the columns ``more``.

    Returns the previous uuids by id. If another writer inserts one of the canonical
    uuids meanwhile, one of the two breaks the unique key and is retried.
    """
    rows = conn.execute(_misspelled(table).where(table.c.id.in_(ids)))
    # Of several spellings of the same uuid, only the first is rewritten.
    first: dict[str | None, tuple[int, str]] = {}
    for id_, uuid in rows:
        first.setdefault(uuids.canonical(uuid), (id_, uuid))
    first.pop(None, None)
    rewritten = dict(first.values())
    if rewritten:
        conn.execute(
            sa.update(table)
            .where(table.c.id.in_(list(rewritten)))
            .values(uuid=canonical(table.c.uuid), updated_at=table.c.updated_at, **more)
        )
    return rewritten


def canonicalize_aggregates(conn: sa.Connection, provider_ids: Ids) -> int:
    """Lock providers and move them to the aggregates with the canonical uuids.

    Each membership keeps the old spelling, as if a client had written it to this
    service. The old aggregates stay, because another transaction may be about to
    add members.

    Returns how many memberships were moved.
    """
    locks.lock_providers(conn, provider_ids)
    is_theirs = _memberships.c.resource_provider_id.in_(provider_ids)
    found = [
        (row.provider_id, row.aggregate_id, row.uuid, uuid)
        for row in conn.execute(misspelled_memberships().where(is_theirs))
        if (uuid := uuids.canonical(row.uuid)) is not None
    ]
    if not found:
        return 0
    ids = _ids_of_aggregates(conn, {uuid for *_, uuid in found})
    present = {
        (row.resource_provider_id, row.aggregate_id)
        for row in conn.execute(sa.select(_memberships).where(is_theirs))
    }
    moved: dict[tuple[int, str, str], list[int]] = {}
    duplicates: dict[int, list[int]] = {}
    for provider_id, aggregate_id, written, uuid in found:
        if (provider_id, ids[uuid]) in present:
            duplicates.setdefault(aggregate_id, []).append(provider_id)
        else:
            present.add((provider_id, ids[uuid]))
            moved.setdefault((aggregate_id, written, uuid), []).append(provider_id)
    for aggregate_id, members in duplicates.items():
        conn.execute(
            sa.delete(_memberships).where(_memberships_of(aggregate_id, members))
        )
    for (aggregate_id, written, uuid), members in moved.items():
        values: dict[str, typing.Any] = {"aggregate_id": ids[uuid]}
        if len(written) <= _SPELLING_LENGTH_MAX:
            values["spelling"] = sa.func.coalesce(_memberships.c.spelling, written)
        these = _memberships_of(aggregate_id, members)
        conn.execute(sa.update(_memberships).where(these).values(values))
    reconcile.advance_revisions(conn, {provider_id for provider_id, *_ in found})
    return len(found)


def _memberships_of(aggregate_id: int, members: list[int]) -> sa.ColumnElement[bool]:
    return sa.and_(
        _memberships.c.aggregate_id == aggregate_id,
        _memberships.c.resource_provider_id.in_(members),
    )


def _ids_of_aggregates(conn: sa.Connection, wanted: set[str]) -> dict[str, int]:
    """Return the ids of aggregates by uuid; insert the missing ones."""
    select = sa.select(_aggregates.c.uuid, _aggregates.c.id).where(
        _aggregates.c.uuid.in_(sorted(wanted))
    )
    known = dict(conn.execute(select).all())
    if missing := sorted(wanted - known.keys()):
        conn.execute(sa.insert(_aggregates), [{"uuid": uuid} for uuid in missing])
        known = dict(conn.execute(select).all())
    return known


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of rows with uuids, and how to rewrite them.

    The first column of ``rows`` has the ids that ``canonicalize`` takes.
    """

    rows: "sa.Select[typing.Any]"
    canonicalize: collections.abc.Callable[[sa.Connection, Ids], int]

    def keys(self, conn: sa.Connection) -> list[int]:
        """Return the ids of the misspelled rows, ascending."""
        return sorted({row[0] for row in conn.execute(self.rows.order_by(None))})


# In the order of locks.
KINDS: tuple[Kind, ...] = (
    Kind(_misspelled(_consumers), canonicalize_consumers),
    Kind(_misspelled(_providers), canonicalize_providers),
    Kind(misspelled_memberships(), canonicalize_aggregates),
)


def is_needed(conn: sa.Connection) -> bool:
    """Return whether any uuid is misspelled, even if its canonical form is taken."""
    for column in (_consumers.c.uuid, _providers.c.uuid):
        # PostgreSQL runs a count in parallel, but not a search for the first row.
        if conn.scalar(sa.select(sa.func.count()).where(is_misspelled(column))):
            return True
    memberships = misspelled_memberships().order_by(None).limit(1)
    return conn.execute(memberships).first() is not None


def canonicalize_all(engine: sa.Engine) -> int:
    """Rewrite all misspelled uuids in batches; safe to interrupt and to repeat.

    The service can run meanwhile: each transaction is short and keeps the order of
    locks. If nothing is misspelled, nothing is locked.

    Returns how many consumers, providers and memberships were rewritten.
    Raises Unavailable when the database is lost or too busy.
    """
    rewritten = 0
    for kind in KINDS:
        with engine.connect() as conn:
            keys = kind.keys(conn)
        for start in range(0, len(keys), _BATCH_ROWS):
            batch = keys[start : start + _BATCH_ROWS]
            rewritten += transaction.write_to(engine, _work(kind, batch))
    return rewritten


def _work(kind: Kind, keys: Ids) -> collections.abc.Callable[[sa.Connection], int]:
    return lambda conn: kind.canonicalize(conn, keys)
