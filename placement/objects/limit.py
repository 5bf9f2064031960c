"""Limits of projects, as administrators set them; claims apply ``limited_usage``."""

import dataclasses
import typing

import sqlalchemy as sa

from placement import extension_exception
from placement.db import revision, tables
from placement.db.usage_counters import UsageKey
from placement.objects import limited_usage, resource_class
from placement.objects.limited_usage import CONSUMERS_NAME

_limits = tables.limits
_usages = tables.limited_usages
_classes = tables.resource_classes

# Units by class name, or number of consumers by ``CONSUMERS_NAME``.
Units = dict[str, int]
# Name and units by class, by project.
_ByProject = dict[str, dict[int, tuple[str, int]]]


class OwnLimits(typing.NamedTuple):
    """The own limits of a project, without the defaults that apply to it.

    ``usages`` is what it holds of each limited class; the defaults have no usage.
    """

    project_id: str
    limits: Units
    usages: Units


@dataclasses.dataclass(frozen=True, slots=True)
class ProjectLimits:
    """The limits of a project, and what it holds of each limited class.

    ``defaults`` are those that apply to it: of classes without an own limit. The
    defaults themselves, read as a project, have no usage.
    """

    project_id: str
    limits: Units
    defaults: Units
    usages: Units


def get(conn: sa.Connection, project_id: str) -> ProjectLimits:
    """Return the limits of a project or, with ``DEFAULT_PROJECT``, the defaults.

    Raises LimitsNotFound if none applies.
    """
    by_project: _ByProject = {}
    wanted = _limits.c.project_id.in_([project_id, tables.DEFAULT_PROJECT])
    for each_project, class_id, name, units in conn.execute(_SELECT.where(wanted)):
        by_project.setdefault(each_project, {})[class_id] = name, units
    own = by_project.get(project_id, {})
    is_default = project_id == tables.DEFAULT_PROJECT
    defaults = {} if is_default else by_project.get(tables.DEFAULT_PROJECT, {})
    defaults = {id_: each for id_, each in defaults.items() if id_ not in own}
    if not (own or defaults):
        raise extension_exception.LimitsNotFound(project_id=project_id)
    used = _used(conn, {project_id: own | defaults})[project_id]
    return ProjectLimits(project_id, dict(own.values()), dict(defaults.values()), used)


def _used(conn: sa.Connection, limits: _ByProject) -> dict[str, Units]:
    """Return what each project holds of the classes in its ``limits``."""
    names = {
        UsageKey(project_id, class_id): name
        for project_id, of_project in limits.items()
        if project_id != tables.DEFAULT_PROJECT
        for class_id, (name, _) in sorted(of_project.items())
    }
    used = limited_usage.read(conn, names)
    found: dict[str, Units] = {project_id: {} for project_id in limits}
    for key, name in names.items():
        found[key.project_id][name] = used[key]
    return found


_NAME = sa.case(
    (_limits.c.resource_class_id == tables.CONSUMERS, CONSUMERS_NAME),
    else_=_classes.c.name,
)
# ``db audit`` finds limits of classes that do not exist.
_SELECT = (
    sa.select(
        _limits.c.project_id, _limits.c.resource_class_id, _NAME, _limits.c.max_units
    )
    .outerjoin_from(_limits, _classes, _classes.c.id == _limits.c.resource_class_id)
    .where(_NAME.is_not(None))
    .order_by(_limits.c.project_id, _limits.c.resource_class_id)
)


def get_page(
    conn: sa.Connection, after: str | None, size: int
) -> tuple[list[OwnLimits], bool]:
    """Return the limits of the next ``size`` projects by id, and whether more follow.

    They come after the project ``after``, which may have no limits any more. What
    projects without counters hold is counted for all of them together.
    """
    select = sa.select(_limits.c.project_id).distinct().order_by(_limits.c.project_id)
    if after is not None:
        select = select.where(_limits.c.project_id > after)
    projects = conn.scalars(select.limit(size + 1)).all()
    page: _ByProject = {each: {} for each in projects[:size]}
    if page:
        wanted = _limits.c.project_id.in_(list(page))
        for project_id, class_id, name, units in conn.execute(_SELECT.where(wanted)):
            page[project_id][class_id] = name, units
    used = _used(conn, page)
    found = [
        OwnLimits(project_id, dict(limits.values()), used[project_id])
        for project_id, limits in page.items()
    ]
    return found, len(projects) > size


def replace(conn: sa.Connection, project_id: str, limits: Units) -> None:
    """Replace the own limits of a project, or the defaults.

    Raises ResourceClassNotFound.
    """
    classes = (name for name in limits if name != CONSUMERS_NAME)
    ids = resource_class.lock_ids(conn, classes)
    ids |= {CONSUMERS_NAME: tables.CONSUMERS}
    _delete(conn, project_id)
    if limits:
        conn.execute(
            sa.insert(_limits).values(
                project_id=project_id,
                resource_class_id=sa.bindparam("class"),
                max_units=sa.bindparam("units"),
                set_at=revision.clock(),
            ),
            [{"class": ids[name], "units": units} for name, units in limits.items()],
        )
    _delete_counters(conn, project_id)


def delete(conn: sa.Connection, project_id: str) -> None:
    """Delete the own limits of a project, or the defaults.

    Raises OwnLimitsNotFound if there are none.
    """
    if not _delete(conn, project_id):
        raise extension_exception.OwnLimitsNotFound(project_id=project_id)
    _delete_counters(conn, project_id)


def _delete(conn: sa.Connection, project_id: str) -> int:
    is_own = _limits.c.project_id == project_id
    return conn.execute(sa.delete(_limits).where(is_own)).rowcount


def _delete_counters(conn: sa.Connection, project_id: str) -> None:
    """Delete the counters of the project, which were not counted while unlimited.

    The next claim counts again. The defaults are those of many projects.
    """
    is_affected: sa.ColumnElement[bool] = _usages.c.project_id == project_id
    if project_id == tables.DEFAULT_PROJECT:
        has_own = sa.exists().where(
            _limits.c.project_id == _usages.c.project_id,
            _limits.c.resource_class_id == _usages.c.resource_class_id,
        )
        is_affected = sa.not_(has_own)
    conn.execute(sa.delete(_usages).where(is_affected))
