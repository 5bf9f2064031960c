"""The feed of changes: their positions, reading and compaction.

A transaction records its changes without a position, see ``change``. Ids are not in the
order of commits, so a position is assigned after the commit: readers and the sweep call
``sequence``, which gives the committed rows without one the next positions, in the
order of their ids. Row 1 of the table of positions is locked for that, so one
transaction at a time assigns positions, and a reader that sees a position sees all
earlier ones. On a Galera cluster the update of that row makes nodes conflict.

Positions are consecutive. A gap, such as a time without the feed, is marked by a
position that is compacted from the start, see ``mark_gap``.
"""

import collections.abc
import contextlib
import itertools
import operator
import typing

import sqlalchemy as sa

from placement import exception, extension_exception
from placement.db import mariadb, revision, tables, transaction

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

# The maximum number of changes on a page.
PAGE_SIZE = 1000

# Positions that are searched for the kinds of one page.
_SEARCHED_MAX = 10_000

# Rows that one transaction gives a position, or deletes.
BATCH_SIZE = 1000

# Transactions of each kind in one sweep, and of one read.
_BATCHES_PER_SWEEP = 100
_BATCHES_PER_READ = 10

_MICROSECONDS_PER_HOUR = 3_600_000_000

_changes = tables.changes
_positions = tables.change_positions


class Change(typing.NamedTuple):
    """A change of a provider or a consumer.

    ``generation`` is the one after the change; None if the change has deleted the
    provider, or all allocations of the consumer.
    """

    position: int
    kind: str
    provider: str | None
    consumer: str | None
    generation: int | None


class Page(typing.NamedTuple):
    """Changes in the order of their positions; the next page begins at ``position``."""

    changes: list[Change]
    position: int


class _Positions(typing.NamedTuple):
    """The last assigned position, and the greatest that was deleted."""

    last: int
    compacted: int


_ROW = _positions.c.id == 1
_POSITIONS = sa.select(_positions.c.last, _positions.c.compacted).where(_ROW)
_UNSEQUENCED = sa.select(_changes.c.id).where(_changes.c.position.is_(None))


def read(
    context: "RequestContext",
    after: int | None,
    kinds: collections.abc.Sequence[str],
) -> Page:
    """Return the next changes after a position, all that are committed.

    Without ``after``, from the oldest change that is kept. With ``kinds``, only changes
    of these; the page may be empty then although it is not the last.

    Raises ChangesCompacted, and what ``transaction.write`` raises except
    ConcurrentUpdate.
    """
    page, is_complete = _read_page(context, after, kinds)
    for _ in range(_BATCHES_PER_READ):
        if is_complete or len(page.changes) == PAGE_SIZE:
            break
        try:
            transaction.write(context, sequence)
        except exception.ConcurrentUpdate:
            # Other readers are doing it.
            break
        page, is_complete = _read_page(context, after, kinds)
    return page


def last_position(context: "RequestContext") -> int:
    """Return the last position, after giving one to every change so far.

    Changes that are committed later come after it. Others may come after it, too, if
    other readers give positions at the same time.
    """
    with contextlib.suppress(exception.ConcurrentUpdate):
        while transaction.write(context, sequence) == BATCH_SIZE:
            pass

    def read_last(conn: sa.Connection) -> int:
        return _Positions._make(conn.execute(_POSITIONS).one()).last

    return transaction.read_before_write(context, read_last)


def _read_page(
    context: "RequestContext",
    after: int | None,
    kinds: collections.abc.Sequence[str],
) -> tuple[Page, bool]:
    """Return a page, and whether all committed changes have a position."""

    def read_page(conn: sa.Connection) -> tuple[Page, bool]:
        positions = _Positions._make(conn.execute(_POSITIONS).one())
        is_complete = conn.scalar(_UNSEQUENCED.limit(1)) is None
        return _select_page(conn, positions, after, kinds), is_complete

    return transaction.read_before_write(context, read_page)


def _select_page(
    conn: sa.Connection,
    positions: _Positions,
    after: int | None,
    kinds: collections.abc.Sequence[str],
) -> Page:
    if after is None:
        after = positions.compacted
    if not positions.compacted <= after <= positions.last:
        raise extension_exception.ChangesCompacted(after=after, **positions._asdict())
    end = min(after + _SEARCHED_MAX, positions.last)
    select = (
        sa.select(
            _changes.c.position,
            _changes.c.kind,
            _changes.c.provider_uuid,
            _changes.c.consumer_uuid,
            _changes.c.generation,
        )
        .where(_changes.c.position > after, _changes.c.position <= end)
        .order_by(_changes.c.position)
        .limit(PAGE_SIZE)
    )
    if kinds:
        select = select.where(_changes.c.kind.in_(kinds))
    found = []
    if after < end:
        found = list(map(Change._make, conn.execute(select)))
    position = found[-1].position if len(found) == PAGE_SIZE else end
    return Page(found, position)


def sequence(conn: sa.Connection) -> int:
    """Give committed changes without a position the next ones; return how many.

    At most ``BATCH_SIZE``; the caller commits.
    """
    last = _lock(conn).last
    unsequenced = _UNSEQUENCED.order_by(_changes.c.id).limit(BATCH_SIZE)
    ids = conn.scalars(unsequenced).all()
    if ids:
        _assign(conn, ids, last + 1)
        conn.execute(sa.update(_positions).where(_ROW).values(last=last + len(ids)))
    return len(ids)


def _assign(
    conn: sa.Connection, ids: collections.abc.Sequence[int], first: int
) -> None:
    """Assign positions to rows with ascending ids, beginning with ``first``."""
    if conn.dialect.name in mariadb.DIALECTS:
        listed = _listed(ids)
        conn.exec_driver_sql(
            f"UPDATE {_changes.name} FORCE INDEX (PRIMARY) "
            f"SET position = {first - 1} + FIELD(id, {listed}) WHERE id IN ({listed})"
        )
        return
    numbered = (
        sa.select(
            _changes.c.id,
            sa.func.row_number().over(order_by=_changes.c.id).label("number"),
        )
        .where(_changes.c.id.in_(ids))
        .subquery()
    )
    conn.execute(
        sa.update(_changes)
        .where(_changes.c.id == numbered.c.id)
        .values(position=first - 1 + numbered.c.number)
    )


def _delete(conn: sa.Connection, ids: collections.abc.Sequence[int]) -> None:
    """Delete committed rows."""
    if conn.dialect.name in mariadb.DIALECTS:
        conn.exec_driver_sql(
            f"DELETE c FROM {_changes.name} AS c FORCE INDEX (PRIMARY) "
            f"WHERE c.id IN ({_listed(ids)})"
        )
        return
    conn.execute(sa.delete(_changes).where(_changes.c.id.in_(ids)))


def _listed(ids: collections.abc.Iterable[int]) -> str:
    """Return ids for a statement of MariaDB.

    With FORCE INDEX, it reads no other rows. A scan would wait for those of open
    transactions.
    """
    return ", ".join(map(str, ids))


def _lock(conn: sa.Connection) -> _Positions:
    """Lock the positions and return them."""
    return _Positions._make(conn.execute(_POSITIONS.with_for_update()).one())


def prepare(engine: sa.Engine, is_on: bool, has_gap: bool) -> None:
    """Prepare the database for a service that records changes, or does not.

    ``has_gap``: some changes were not recorded, or will not be.
    """
    with engine.connect() as conn:
        has_positions = conn.execute(_POSITIONS).first() is not None
    if is_on and not has_positions:
        transaction.write_to(engine, _insert_positions)
    elif has_positions and has_gap:
        transaction.write_to(engine, mark_gap)


def _insert_positions(conn: sa.Connection) -> None:
    # If another process does the same, one of them breaks the key and is retried.
    if conn.execute(_POSITIONS).first() is None:
        conn.execute(sa.insert(_positions).values(id=1, last=0, compacted=0))


def mark_gap(conn: sa.Connection) -> None:
    """Compact everything, because some changes are not recorded.

    The next position is skipped, so every reader learns that it has to start again,
    also one that has read all changes.
    """
    skipped = _positions.c.last + 1
    conn.execute(
        sa.update(_positions)
        .where(_ROW)
        # In this order: MariaDB would compute ``compacted`` from the new ``last``.
        .ordered_values((_positions.c.compacted, skipped), (_positions.c.last, skipped))
    )


def sweep(context: "RequestContext") -> None:
    """Give all changes a position, even if no client reads, and delete old ones.

    Changes older than ``[changes] retention_hours`` are deleted, by the clock of the
    database. With the feed off, deletes what it has left behind. The amount of work is
    bounded.
    """
    settings = context.settings.changes
    if not settings.enabled:
        if transaction.read_before_write(context, _has_any):
            transaction.write(context, _delete_any)
        return
    steps: list[collections.abc.Callable[[sa.Connection], int]] = [
        sequence,
        lambda conn: compact(conn, settings.retention_hours),
    ]
    for step in steps:
        for _ in range(_BATCHES_PER_SWEEP):
            if transaction.write(context, step) < BATCH_SIZE:
                break


def compact(conn: sa.Connection, retention_hours: int) -> int:
    """Delete the oldest changes up to the first that is kept; return how many.

    At most ``BATCH_SIZE``; the caller commits.
    """
    compacted = _lock(conn).compacted
    cutoff = revision.clock() - retention_hours * _MICROSECONDS_PER_HOUR
    is_old = sa.or_(_changes.c.changed_at < cutoff, _changes.c.position <= compacted)
    oldest = (
        sa.select(_changes.c.id, _changes.c.position, is_old)
        .where(_changes.c.position.is_not(None))
        .order_by(_changes.c.position)
        .limit(BATCH_SIZE)
    )
    old = list(itertools.takewhile(operator.itemgetter(2), conn.execute(oldest).all()))
    if old:
        _delete(conn, [id_ for id_, _, _ in old])
        compacted = max(compacted, old[-1][1])
        conn.execute(sa.update(_positions).where(_ROW).values(compacted=compacted))
    return len(old)


_ANY = sa.select(_changes.c.id)


def _has_any(conn: sa.Connection) -> bool:
    return conn.scalar(_ANY.limit(1)) is not None


def _delete_any(conn: sa.Connection) -> None:
    ids = conn.scalars(_ANY.limit(BATCH_SIZE)).all()
    if ids:
        _delete(conn, ids)
