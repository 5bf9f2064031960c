"""The statements of ``claim_pipeline`` that count what projects with limits hold.

They follow the rules of ``limited_usage``: of each class with a limit, the counter
must exist, and is changed; otherwise a statement fails, see ``batch.required``.
"""

import typing

import sqlalchemy as sa

from placement.db import arrays, tables
from placement.db.batch import required

_allocations = tables.allocations
_consumers = tables.consumers
_projects = tables.projects
_limits = tables.limits
_usages = tables.limited_usages

_TEXT = sa.Text()
_INT = sa.Integer()


def exist() -> sa.ColumnElement[bool]:
    """Some project has a limit."""
    return sa.exists().select_from(_limits)


def require(has_limits: bool) -> sa.ColumnElement[bool]:
    """Some project has a limit; without ``has_limits``: none has."""
    return exist() if has_limits else sa.not_(exist())


def _limited(
    project: sa.ColumnElement[str],
    class_id: sa.ColumnElement[int],
    change: sa.ColumnElement[int],
    changed: sa.FromClause,
) -> sa.CTE:
    """Select the changes of ``changed`` that a limit applies to, with the limit.

    The project's own limit of a class precedes the default.
    """
    own, default = _limits.alias("own"), _limits.alias("by_default")
    max_units = sa.func.coalesce(own.c.max_units, default.c.max_units)
    return (
        sa.select(
            project.label("project_id"),
            class_id.label("class_id"),
            change.label("change"),
            max_units.label("max_units"),
        )
        .select_from(changed)
        .outerjoin(
            own,
            sa.and_(own.c.project_id == project, own.c.resource_class_id == class_id),
        )
        .outerjoin(
            default,
            sa.and_(
                default.c.project_id == tables.DEFAULT_PROJECT,
                default.c.resource_class_id == class_id,
            ),
        )
        .where(max_units.is_not(None))
        .cte("limited")
    )


def _count(limited: sa.CTE) -> sa.Select[typing.Any]:
    """Change the counters of ``limited``, all of which must exist and be in the limit.

    counted: a counter that was changed
    """
    changed = _usages.c.used + limited.c.change
    counted = (
        sa.update(_usages)
        .where(
            _usages.c.project_id == limited.c.project_id,
            _usages.c.resource_class_id == limited.c.class_id,
            sa.or_(limited.c.change <= 0, changed <= limited.c.max_units),
        )
        .values(used=changed)
        .returning(_usages.c.resource_class_id)
        .cte("counted")
    )
    return required(arrays.count(counted) == arrays.count(limited))


def _count_wanted() -> sa.Select[typing.Any]:
    """Change usages of projects by numbers of units."""
    wanted = arrays.rows(
        "wanted", projects=_TEXT, classes=_INT, changes=sa.BigInteger()
    )
    return _count(
        _limited(wanted.c.projects, wanted.c.classes, wanted.c.changes, wanted)
    )


def _lock_wanted() -> sa.Select[typing.Any]:
    wanted = arrays.rows("wanted", projects=_TEXT, classes=_INT)
    return _locking(
        sa.select(_usages.c.used).join_from(
            wanted,
            _usages,
            sa.and_(
                _usages.c.project_id == wanted.c.projects,
                _usages.c.resource_class_id == wanted.c.classes,
            ),
        )
    )


def _locking(counters: sa.Select[typing.Any]) -> sa.Select[typing.Any]:
    """Lock the selected counters in the order of all writers."""
    return counters.order_by(
        _usages.c.project_id, _usages.c.resource_class_id
    ).with_for_update(of=_usages)


_CONSUMER: sa.BindParameter[str] = sa.bindparam("consumer")
_PROJECT = (
    sa.select(_projects.c.external_id)
    .join(_consumers, _consumers.c.project_id == _projects.c.id)
    .where(_consumers.c.uuid == _CONSUMER)
)


def _held() -> sa.Subquery:
    """Select what the project of the consumer no longer holds without it."""
    of_consumer = _allocations.c.consumer_id == _CONSUMER
    units = (
        sa.select(
            _allocations.c.resource_class_id.label("class_id"),
            (-sa.func.sum(_allocations.c.used)).label("change"),
        )
        .where(of_consumer)
        .group_by(_allocations.c.resource_class_id)
    )
    itself = sa.select(
        sa.literal_column(str(tables.CONSUMERS), _INT),
        sa.literal_column("-1", sa.BigInteger),
    ).where(sa.exists().where(of_consumer))
    changes = sa.union_all(units, itself).subquery("changes")
    project = _PROJECT.scalar_subquery().label("project_id")
    return sa.select(project, *changes.c).subquery("held")


def _count_released() -> sa.Select[typing.Any]:
    held = _held()
    return _count(_limited(held.c.project_id, held.c.class_id, held.c.change, held))


def _lock_released() -> sa.Select[typing.Any]:
    of_consumer = _allocations.c.consumer_id == _CONSUMER
    classes = sa.select(_allocations.c.resource_class_id).where(of_consumer)
    return _locking(
        sa.select(_usages.c.used).where(
            _usages.c.project_id == _PROJECT.scalar_subquery(),
            sa.or_(
                _usages.c.resource_class_id == tables.CONSUMERS,
                _usages.c.resource_class_id.in_(classes),
            ),
        )
    )


LOCK = _lock_wanted()
COUNT = _count_wanted()
LOCK_RELEASED = _lock_released()
COUNT_RELEASED = _count_released()
