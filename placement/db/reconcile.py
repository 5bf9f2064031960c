"""Reconcile ``inventories.used`` and revisions with what other services wrote.

OpenStack's Placement can use the database without our columns: it does not count
its allocations in ``used``, and its providers have the ``revision`` 0. No record
says that it ran, so the rows themselves are compared.
"""

import collections.abc
import functools
import typing

import sqlalchemy as sa

from placement.db import locks, revision, tables, transaction

_providers = tables.resource_providers
_inventories = tables.inventories
_allocations = tables.allocations

# Providers locked by one transaction; claims on them wait for it.
BATCH_PROVIDERS = 500

# Rows changed by one UPDATE; SQLite limits the depth of an expression to 1000.
_BATCH_ROWS = 200

# Called with progress: the numbers of providers examined, and of all.
Report = collections.abc.Callable[[int, int], None]

Condition = collections.abc.Callable[[sa.ColumnElement[int]], sa.ColumnElement[bool]]


def _of_all(_provider_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    return sa.true()


def allocated(of: Condition = _of_all) -> sa.Subquery:
    """Select the allocated ``units`` of each provider and class that has any.

    ``of`` restricts the providers, given a column with their ids.
    """
    columns = (_allocations.c.resource_provider_id, _allocations.c.resource_class_id)
    return (
        sa.select(*columns, sa.func.sum(_allocations.c.used).label("units"))
        .where(of(_allocations.c.resource_provider_id))
        .group_by(*columns)
        .subquery("allocated")
    )


def miscounted(of: Condition = _of_all) -> "sa.Select[typing.Any]":
    """Select the inventories whose ``used`` is not the sum of their allocations.

    A row is (id, provider_id, units), where ``units`` is that sum.
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


def lacks_revision(provider: sa.FromClause = _providers) -> sa.ColumnElement[bool]:
    """The provider has no revision: another service created it."""
    return provider.c.revision <= 0


def is_needed(conn: sa.Connection) -> bool:
    """Return whether any provider has to be reconciled.

    Reads each inventory and each allocation once, from their indexes.
    """
    for select in (miscounted(), sa.select(_providers.c.id).where(lacks_revision())):
        if conn.execute(select.limit(1)).first() is not None:
            return True
    return False


def find_wrong(conn: sa.Connection, of: Condition = _of_all) -> list[int]:
    """Return the ids, ascending, of providers with a wrong ``used`` or no revision."""
    without_revision = sa.select(_providers.c.id).where(
        of(_providers.c.id), lacks_revision()
    )
    wrong = {row.provider_id for row in conn.execute(miscounted(of))}
    wrong.update(conn.scalars(without_revision))
    return sorted(wrong)


def reconcile_wrong(engine: sa.Engine) -> int:
    """Reconcile the providers that one pass over the database finds wrong.

    Faster than ``reconcile_all`` if they are few; memory grows with their number.

    Returns the number of inventories whose ``used`` was corrected.
    Raises Unavailable when the database is lost or too busy.
    """
    with engine.connect() as conn:
        wrong = find_wrong(conn)
    corrected = 0
    for start in range(0, len(wrong), BATCH_PROVIDERS):
        batch = wrong[start : start + BATCH_PROVIDERS]
        work = functools.partial(reconcile_providers, provider_ids=batch)
        corrected += transaction.write_to(engine, work)
    return corrected


def reconcile_all(engine: sa.Engine, report: Report | None = None) -> int:
    """Reconcile all providers in batches; safe to interrupt and to repeat.

    The service can run meanwhile: each transaction is short and keeps the order of
    locks, and batches without errors are not locked. Memory does not grow with the
    database.

    Returns the number of inventories whose ``used`` was corrected.
    Raises Unavailable when the database is lost or too busy.
    """
    with engine.connect() as conn:
        total = conn.scalar(sa.select(sa.func.count()).select_from(_providers)) or 0
    corrected = examined = 0
    for ids in _provider_batches(engine):
        wrong = _find_wrong(engine, ids)
        if wrong:
            work = functools.partial(reconcile_providers, provider_ids=wrong)
            corrected += transaction.write_to(engine, work)
        examined += len(ids)
        if report is not None:
            report(examined, max(examined, total))
    return corrected


def _provider_batches(
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


def _find_wrong(engine: sa.Engine, ids: collections.abc.Sequence[int]) -> list[int]:
    def of(provider_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        return provider_id.between(ids[0], ids[-1])

    with engine.connect() as conn:
        return find_wrong(conn, of)


def reconcile_providers(
    conn: sa.Connection, provider_ids: collections.abc.Collection[int]
) -> int:
    """Correct ``used`` and the revisions of some providers, which are locked first.

    ``updated_at`` stays: clients see no change of the inventory.

    Returns the number of inventories whose ``used`` was corrected.
    """
    locks.lock_providers(conn, provider_ids)
    # No claim changes ``used`` now, because claims lock the providers as well.
    rows = conn.execute(
        miscounted(lambda id_: id_.in_(provider_ids)).order_by(_inventories.c.id)
    ).all()
    for start in range(0, len(rows), _BATCH_ROWS):
        # MariaDB returns sums as Decimal.
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
    advance_revisions(conn, {row.provider_id for row in rows})
    set_missing_revisions(conn, provider_ids)
    return len(rows)


def set_missing_revisions(
    conn: sa.Connection, provider_ids: collections.abc.Collection[int]
) -> int:
    """Give a revision to those providers that have none; the caller has locked them.

    Returns how many had none.
    """
    return _advance(conn, sa.and_(_providers.c.id.in_(provider_ids), lacks_revision()))


def advance_revisions(
    conn: sa.Connection, provider_ids: collections.abc.Collection[int]
) -> None:
    """Advance the revisions of providers, which the caller has locked.

    ``updated_at`` stays.
    """
    if provider_ids:
        _advance(conn, _providers.c.id.in_(sorted(provider_ids)))


def _advance(conn: sa.Connection, condition: sa.ColumnElement[bool]) -> int:
    values = {
        "revision": revision.next_of(_providers.c.revision),
        "updated_at": _providers.c.updated_at,
    }
    done = conn.execute(sa.update(_providers).where(condition).values(values))
    return done.rowcount
