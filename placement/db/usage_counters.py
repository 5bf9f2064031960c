"""Counters of what projects with limits hold, and what other services leave out.

OpenStack's Placement does not know the counters. Consumers without allocations do not
count, and consumers without a record have no project.
"""

import collections
import collections.abc
import typing

import sqlalchemy as sa

from placement.db import lists, revision, tables, transaction

_allocations = tables.allocations
_consumers = tables.consumers
_projects = tables.projects
_classes = tables.resource_classes
_limits = tables.limits
_usages = tables.limited_usages

# A transaction takes less time than this.
UNDER_WAY_SECONDS = 60

# Counters that one transaction counts again; claims of their projects wait for it.
BATCH_COUNTERS = 200


class UsageKey(typing.NamedTuple):
    """A project, by its external id, and a class, which may be ``CONSUMERS``."""

    project_id: str
    class_id: int


_Keys = collections.abc.Collection[UsageKey]
# Units, or numbers of consumers.
Counts = collections.Counter[UsageKey]

_HELD = sa.join(_projects, _consumers, _consumers.c.project_id == _projects.c.id).join(
    _allocations, _allocations.c.consumer_id == _consumers.c.uuid
)
_HOLDERS = sa.func.count(sa.distinct(_allocations.c.consumer_id))
_UNITS = sa.func.sum(_allocations.c.used)


def count(conn: sa.Connection, keys: _Keys) -> Counts:
    """Return what the projects hold, from their allocations."""
    projects = {"projects": sorted({key.project_id for key in keys})}
    counted = Counts()
    for statement in (_COUNT_UNITS, _COUNT_HOLDERS):
        for project_id, class_id, number in statement.execute(conn, projects):
            # MariaDB returns sums as Decimal.
            counted[UsageKey(project_id, class_id)] = int(number)
    return counted


_COUNT_UNITS = lists.Statement(
    lambda projects: (
        sa.select(_projects.c.external_id, _allocations.c.resource_class_id, _UNITS)
        .select_from(_HELD)
        .where(_projects.c.external_id.in_(projects))
        .group_by(_projects.c.external_id, _allocations.c.resource_class_id)
    )
)
_COUNT_HOLDERS = lists.Statement(
    lambda projects: (
        sa.select(
            _projects.c.external_id,
            sa.literal_column(str(tables.CONSUMERS), sa.Integer),
            _HOLDERS,
        )
        .select_from(_HELD)
        .where(_projects.c.external_id.in_(projects))
        .group_by(_projects.c.external_id)
    )
)


def lock(conn: sa.Connection, keys: _Keys) -> dict[UsageKey, int]:
    """Lock the counters of the projects and classes; return those that exist.

    They are locked in the order of project and class, after all other rows.
    """
    wanted: dict[str, list[typing.Any]] = {
        "projects": sorted({key.project_id for key in keys}),
        "classes": sorted({key.class_id for key in keys}),
    }
    rows = _LOCK.execute(conn, wanted)
    return {UsageKey(*row[:2]): row[2] for row in rows}


_LOCK = lists.Statement(
    lambda projects, classes: (
        sa.select(_usages.c.project_id, _usages.c.resource_class_id, _usages.c.used)
        .where(
            _usages.c.project_id.in_(projects), _usages.c.resource_class_id.in_(classes)
        )
        .order_by(_usages.c.project_id, _usages.c.resource_class_id)
        .with_for_update()
    )
)


def recount(conn: sa.Connection, keys: _Keys) -> int:
    """Count again what the counters count; return how many of them exist.

    Claims that have not counted yet wait for the locks, and add to the new numbers.
    """
    if not keys:
        return 0
    locked = lock(conn, keys).keys() & set(keys)
    # A statement of its own, which sees what was committed before the lock.
    counted = count(conn, locked) if locked else Counts()
    for key in sorted(locked):
        conn.execute(
            sa.update(_usages)
            .where(
                _usages.c.project_id == key.project_id,
                _usages.c.resource_class_id == key.class_id,
            )
            .values(used=counted[key], counted_at=revision.clock())
        )
    return len(locked)


def recount_early(conn: sa.Connection) -> None:
    """Count again, once, what was counted while a claim could miss the limit.

    A claim that began before a limit was set does not count. Such claims have ended
    ``UNDER_WAY_SECONDS`` after the limit was set, so what was counted before that is
    counted again afterwards, at most ``BATCH_COUNTERS`` at a time. Counters without a
    limit are not kept right, and are deleted.
    """
    conn.execute(sa.delete(_usages).where(sa.not_(_has_limit())))
    is_over = revision.clock() > _SETTLED
    select = _keys().where(_has_limit(_usages.c.counted_at < _SETTLED, is_over))
    rows = conn.execute(select.limit(BATCH_COUNTERS)).all()
    recount(conn, [UsageKey(*row) for row in rows])


_SETTLED = _limits.c.set_at + UNDER_WAY_SECONDS * 1_000_000


def _keys() -> sa.Select[typing.Any]:
    columns = _usages.c.project_id, _usages.c.resource_class_id
    return sa.select(*columns).order_by(*columns)


def _has_limit(*conditions: sa.ColumnElement[bool]) -> sa.Exists:
    """A limit that meets the conditions may apply to the counter."""
    return sa.exists().where(
        _limits.c.resource_class_id == _usages.c.resource_class_id,
        _limits.c.project_id.in_([_usages.c.project_id, tables.DEFAULT_PROJECT]),
        *conditions,
    )


def miscounted() -> sa.Select[typing.Any]:
    """Select the wrong counters, except those that ``recount_early`` will correct.

    A row is (project, class_id, used, held), where ``held`` is what the project holds.
    """
    is_of_project = _projects.c.external_id == _usages.c.project_id
    is_of_class = _allocations.c.resource_class_id == _usages.c.resource_class_id
    units = sa.select(_UNITS).select_from(_HELD).where(is_of_project, is_of_class)
    holders = sa.select(_HOLDERS).select_from(_HELD).where(is_of_project)
    held = sa.case(
        (
            _usages.c.resource_class_id == tables.CONSUMERS,
            holders.correlate(_usages).scalar_subquery(),
        ),
        else_=sa.func.coalesce(units.correlate(_usages).scalar_subquery(), 0),
    )
    return (
        sa.select(
            _usages.c.project_id.label("project"),
            _usages.c.resource_class_id.label("class_id"),
            _usages.c.used,
            held.label("held"),
        )
        .where(
            _has_limit(),
            sa.not_(_has_limit(_usages.c.counted_at < _SETTLED)),
            _usages.c.used != held,
        )
        .order_by(_usages.c.project_id, _usages.c.resource_class_id)
    )


def find_wrong(conn: sa.Connection) -> list[UsageKey]:
    """Return the keys of the wrong counters, see ``miscounted``."""
    rows = conn.execute(miscounted())
    return [UsageKey(project_id, class_id) for project_id, class_id, *_ in rows]


def is_needed(conn: sa.Connection) -> bool:
    """Return whether any counter is wrong."""
    return conn.execute(miscounted().limit(1)).first() is not None


def reconcile_all(engine: sa.Engine) -> int:
    """Correct the wrong counters; return how many were corrected.

    Raises Unavailable when the database is lost or too busy.
    """
    with engine.connect() as conn:
        wrong = find_wrong(conn)
    corrected = 0
    for start in range(0, len(wrong), BATCH_COUNTERS):
        batch = wrong[start : start + BATCH_COUNTERS]

        def work(conn: sa.Connection, keys: _Keys = batch) -> int:
            return recount(conn, keys)

        corrected += transaction.write_to(engine, work)
    return corrected
