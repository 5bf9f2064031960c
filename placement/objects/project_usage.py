"""What projects use in the whole cloud."""

import collections.abc

import sqlalchemy as sa

from placement.db import names, tables

_allocations = tables.allocations
_consumers = tables.consumers
_projects = tables.projects


def get_all(
    conn: sa.Connection, known_names: names.Names
) -> collections.abc.Iterator[tuple[str, str, int]]:
    """Yield project, resource class and allocated units, ordered by the stored ids."""
    keys = (_projects.c.id, _projects.c.external_id, _allocations.c.resource_class_id)
    select = (
        sa.select(*keys[1:], sa.func.sum(_allocations.c.used))
        .select_from(_allocations)
        .join(_consumers, _consumers.c.uuid == _allocations.c.consumer_id)
        .join(_projects, _projects.c.id == _consumers.c.project_id)
        .group_by(*keys)
        .order_by(keys[0], keys[2])
    )
    rows = conn.execute(select).all()
    classes = known_names.resource_classes(
        conn, {resource_class_id for _, resource_class_id, _ in rows}
    )
    for project, resource_class_id, units in rows:
        # MariaDB returns sums as Decimal.
        yield project, classes[resource_class_id], int(units)
