"""Facts about limits: what they refer to, and the counters of usage."""

import sqlalchemy as sa

from placement.db import tables, usage_counters
from placement.objects.audit.fact import Fact, Findings, Keys
from placement.objects.limited_usage import CONSUMERS_NAME

_classes = tables.resource_classes
_limits = tables.limits
_usages = tables.limited_usages


def _wrong_counters() -> Findings:
    wrong = usage_counters.miscounted().subquery("miscounted")
    name = sa.case(
        (wrong.c.class_id == tables.CONSUMERS, CONSUMERS_NAME), else_=_classes.c.name
    )
    return (
        sa.select(
            wrong.c.project, name.label("resource_class"), wrong.c.used, wrong.c.held
        )
        .outerjoin_from(wrong, _classes, _classes.c.id == wrong.c.class_id)
        .order_by(wrong.c.project, wrong.c.class_id)
    )


def _recount(conn: sa.Connection, projects: Keys, _settings: object) -> int:
    wrong = [
        key for key in usage_counters.find_wrong(conn) if key.project_id in projects
    ]
    return usage_counters.recount(conn, wrong)


def _unknown_classes() -> Findings:
    return (
        sa.select(
            _limits.c.project_id.label("project"),
            _limits.c.resource_class_id,
            _limits.c.max_units.label("limit"),
        )
        .where(_limits.c.resource_class_id != tables.CONSUMERS, _is_unknown(_limits))
        .order_by(_limits.c.project_id, _limits.c.resource_class_id)
    )


def _is_unknown(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.not_(sa.exists().where(_classes.c.id == table.c.resource_class_id))


def _delete_limits(conn: sa.Connection, class_ids: Keys, _settings: object) -> int:
    is_broken = _limits.c.resource_class_id.in_(class_ids), _is_unknown(_limits)
    return conn.execute(sa.delete(_limits).where(*is_broken)).rowcount


USAGE = Fact(
    "limited_usage",
    "The counted usage of a project with a limit is not what the project holds.",
    "Counts again.",
    _wrong_counters(),
    "project",
    _recount,
)
CLASS = Fact(
    "limit_class",
    "A limit is of a resource class that does not exist.",
    "Deletes the limit.",
    _unknown_classes(),
    "resource_class_id",
    _delete_limits,
)
