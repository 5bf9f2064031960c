"""The columns of our own, brought in line with the rows that every Placement writes.

Another Placement goes on with the database without them: what it allocates is in
no ``inventories.used``, and its providers have the ``revision`` 0. Nothing records
that it was there. The rows tell, whoever wrote them and however often it happened.
"""

import collections.abc
import functools
import typing

import sqlalchemy as sa

from placement.db import locks, revision, tables, transaction

_providers = tables.resource_providers
_inventories = tables.inventories
_allocations = tables.allocations

# Providers that are mended in one transaction, which keeps claims of them waiting.
BATCH_PROVIDERS = 500

# Rows written by one UPDATE; SQLite nests expressions a thousand deep at most.
_BATCH_ROWS = 200

# Told of progress: how many providers of how many have been seen.
Report = collections.abc.Callable[[int, int], None]

Condition = collections.abc.Callable[[sa.ColumnElement[int]], sa.ColumnElement[bool]]


def _of_all(_provider_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    return sa.true()


def allocated(of: Condition = _of_all) -> sa.Subquery:
    """Select ``units`` that are allocated of each provider and class that has any.

    ``of`` says, given a column with ids of providers, which of them count.
    """
    columns = (_allocations.c.resource_provider_id, _allocations.c.resource_class_id)
    return (
        sa.select(*columns, sa.func.sum(_allocations.c.used).label("units"))
        .where(of(_allocations.c.resource_provider_id))
        .group_by(*columns)
        .subquery("allocated")
    )


def miscounted(of: Condition = _of_all) -> "sa.Select[typing.Any]":
    """Select ``id``, ``provider_id`` and ``units`` of inventories that are wrong.

    ``units`` is the sum of the allocations, which ``used`` is not.
    """
    sums = allocated(of)
    units = sa.func.coalesce(sums.c.units, 0)
    return (
        sa.select(
            _inventories.c.id,
            _inventories.c.resource_provider_id.label("provider_id"),
            units.label("units"),
        )
        .select_from(_inventories)
        .outerjoin(
            sums,
            sa.and_(
                sums.c.resource_provider_id == _inventories.c.resource_provider_id,
                sums.c.resource_class_id == _inventories.c.resource_class_id,
            ),
        )
        .where(of(_inventories.c.resource_provider_id), _inventories.c.used != units)
    )


def is_unmarked(provider: sa.FromClause = _providers) -> sa.ColumnElement[bool]:
    """The provider has the revision of one that another Placement has made."""
    return provider.c.revision <= 0


def is_found(conn: sa.Connection) -> bool:
    """There is something that ``mend_found`` would mend.

    Reads each inventory and each allocation once, from their indexes.
    """
    for select in (miscounted(), sa.select(_providers.c.id).where(is_unmarked())):
        if conn.execute(select.limit(1)).first() is not None:
            return True
    return False


def wrong_among(conn: sa.Connection, of: Condition = _of_all) -> list[int]:
    """Return the ids, ascending, of providers whose columns of ours are wrong."""
    unmarked = sa.select(_providers.c.id).where(of(_providers.c.id), is_unmarked())
    wrong = {row.provider_id for row in conn.execute(miscounted(of))}
    wrong.update(conn.scalars(unmarked))
    return sorted(wrong)


def mend_found(engine: sa.Engine) -> int:
    """Do what ``mend_all`` does where little is wrong.

    One pass finds what is wrong, and everything else follows what that is.

    Returns how many inventories were counted anew.
    Raises Unavailable when the database is lost or too busy.
    """
    with engine.connect() as conn:
        wrong = wrong_among(conn)
    mended = 0
    for start in range(0, len(wrong), BATCH_PROVIDERS):
        batch = wrong[start : start + BATCH_PROVIDERS]
        work = functools.partial(mend, provider_ids=batch)
        mended += transaction.write_to(engine, work)
    return mended


def mend_all(engine: sa.Engine, report: Report | None = None) -> int:
    """Make our columns of all providers right, some at a time; may be repeated.

    Each transaction is short and keeps the order of locks, so that a service may
    run meanwhile; what was done stays done if it is ended in the middle. Where
    all is right, nothing is locked. Memory does not grow with the database.

    Returns how many inventories were counted anew.
    Raises Unavailable when the database is lost or too busy.
    """
    with engine.connect() as conn:
        total = conn.scalar(sa.select(sa.func.count()).select_from(_providers)) or 0
    mended = seen = 0
    for ids in _batches_of_providers(engine):
        wrong = _wrong_among(engine, ids)
        if wrong:
            work = functools.partial(mend, provider_ids=wrong)
            mended += transaction.write_to(engine, work)
        seen += len(ids)
        if report is not None:
            report(seen, max(seen, total))
    return mended


def _batches_of_providers(
    engine: sa.Engine,
) -> collections.abc.Iterator[collections.abc.Sequence[int]]:
    last = -1
    while True:
        select = (
            sa.select(_providers.c.id)
            .where(_providers.c.id > last)
            .order_by(_providers.c.id)
            .limit(BATCH_PROVIDERS)
        )
        with engine.connect() as conn:
            ids = conn.scalars(select).all()
        if not ids:
            return
        yield ids
        last = ids[-1]


def _wrong_among(engine: sa.Engine, ids: collections.abc.Sequence[int]) -> list[int]:
    def of(provider_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        return provider_id.between(ids[0], ids[-1])

    with engine.connect() as conn:
        return wrong_among(conn, of)


def mend(conn: sa.Connection, provider_ids: collections.abc.Collection[int]) -> int:
    """Make our columns of some providers right, and show that they have changed.

    Locks the providers first. Times of change stay: nothing has changed that
    clients see.

    Returns how many inventories were counted anew.
    """
    locks.lock_providers(conn, provider_ids)
    # Nobody else counts now: to claim of a provider is to lock it.
    rows = conn.execute(
        miscounted(lambda id_: id_.in_(provider_ids)).order_by(_inventories.c.id)
    ).all()
    for start in range(0, len(rows), _BATCH_ROWS):
        # MariaDB's sums are decimals.
        batch = rows[start : start + _BATCH_ROWS]
        units = {row.id: int(row.units) for row in batch}
        conn.execute(
            sa.update(_inventories)
            .where(_inventories.c.id.in_(list(units)))
            .values(
                used=sa.case(units, value=_inventories.c.id),
                updated_at=_inventories.c.updated_at,
            )
        )
    show_changes(conn, {row.provider_id for row in rows})
    mark(conn, provider_ids)
    return len(rows)


def mark(conn: sa.Connection, provider_ids: collections.abc.Collection[int]) -> int:
    """Give the providers a first revision that have none; the caller has locked them.

    Returns how many had none.
    """
    return _advance_revision(
        conn, sa.and_(_providers.c.id.in_(provider_ids), is_unmarked())
    )


def show_changes(
    conn: sa.Connection, provider_ids: collections.abc.Collection[int]
) -> None:
    """Move the revisions of providers; the caller has locked them.

    Times of change stay.
    """
    if provider_ids:
        _advance_revision(conn, _providers.c.id.in_(sorted(provider_ids)))


def _advance_revision(conn: sa.Connection, condition: sa.ColumnElement[bool]) -> int:
    values = {
        "revision": revision.next_of(_providers.c.revision),
        "updated_at": _providers.c.updated_at,
    }
    done = conn.execute(sa.update(_providers).where(condition).values(values))
    return done.rowcount
