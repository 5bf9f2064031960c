"""What projects with limits hold: counters that claims change in their transactions.

A limit of a class applies to a project if it is the project's own, or if it is the
default and the project has no own limit of that class. For each class that a limit
applies to, every writer of allocations changes the project's counter by what it adds
or frees, on condition that growth stays within the limit. If there is no counter, the
writer counts the project, including its own changes, and inserts it. Of two writers
that do this at the same time, the later one breaks the unique key and is retried; so
a counter that exists is exact.

Counters are locked after all other rows, in the order of project and class.

A writer that began before a limit was set does not know the limit, and a counter can
lack its changes, until ``sweep`` counts again.
"""

import collections.abc
import functools
import typing

import sqlalchemy as sa

from placement import exception, extension_exception
from placement.db import (
    batch,
    lists,
    names,
    revision,
    tables,
    transaction,
    usage_counters,
)
from placement.db.batch import Step
from placement.db.usage_counters import UsageKey
from placement.objects import limit_statements

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

_limits = tables.limits
_usages = tables.limited_usages

# Stands for consumers where classes are named.
CONSUMERS_NAME = "consumers"

# Counters changed by one UPDATE; SQLite limits the depth of an expression to 1000.
_BATCH_ROWS = 200


# By how many units the usage of each project and class changes.
Changes = usage_counters.Counts
_Units = dict[UsageKey, int]


def has_limits(conn: sa.Connection) -> bool:
    """Return whether any project has a limit."""
    return bool(batch.run_one(conn, _HAS_LIMITS, {}).scalar())


_HAS_LIMITS = sa.select(limit_statements.exist())


def count(conn: sa.Connection, changes: Changes) -> None:
    """Add ``changes``, which are written already, to the counters with a limit.

    Raises LimitExceeded for the first class, in order of project and id, that would
    grow beyond its limit; consumers precede the classes.
    """
    changing = {key: units for key, units in sorted(changes.items()) if units}
    limits = read_limits(conn, changing)
    changing = {key: units for key, units in changing.items() if key in limits}
    if not changing:
        return
    used = usage_counters.lock(conn, changing)
    missing = [key for key in changing if key not in used]
    if missing:
        counted = usage_counters.count(conn, missing)
        used |= {key: counted[key] - changing[key] for key in missing}
    for key, units in changing.items():
        if units > 0 and used[key] + units > limits[key]:
            raise _exceeded(conn, key, limits[key], used[key], units)
    if missing:
        _insert(conn, {key: used[key] + changing[key] for key in missing})
    existing = {key: changing[key] for key in changing if key not in missing}
    if existing and not _add(conn, existing, limits):
        # The rows are locked, but on a Galera cluster not on the other nodes.
        raise transaction.Retry(
            exception.ConcurrentUpdate(reason="The usage of a project has changed.")
        )


def read_limits(
    conn: sa.Connection, keys: collections.abc.Collection[UsageKey]
) -> _Units:
    """Return the limits that apply to the projects and classes, if any."""
    if not keys:
        return {}
    wanted: dict[str, list[typing.Any]] = {
        "projects": sorted({key.project_id for key in keys} | {tables.DEFAULT_PROJECT}),
        "classes": sorted({key.class_id for key in keys}),
    }
    found = {UsageKey(*row[:2]): row[2] for row in _LIMITS.execute(conn, wanted)}
    limits = {}
    for key in keys:
        default = found.get(key._replace(project_id=tables.DEFAULT_PROJECT))
        limit = found.get(key, default)
        if limit is not None:
            limits[key] = limit
    return limits


_LIMITS = lists.Statement(
    lambda projects, classes: sa.select(
        _limits.c.project_id, _limits.c.resource_class_id, _limits.c.max_units
    ).where(
        _limits.c.project_id.in_(projects), _limits.c.resource_class_id.in_(classes)
    )
)


def read(
    conn: sa.Connection, keys: collections.abc.Collection[UsageKey]
) -> usage_counters.Counts:
    """Return what the projects hold: from the counters, or counted without them."""
    if not keys:
        return usage_counters.Counts()
    projects = {"projects": sorted({key.project_id for key in keys})}
    rows = _COUNTERS.execute(conn, projects)
    used = usage_counters.Counts({UsageKey(*row[:2]): row[2] for row in rows})
    missing = [key for key in keys if key not in used]
    if missing:
        counted = usage_counters.count(conn, missing)
        used.update({key: counted[key] for key in missing})
    return used


_COUNTERS = lists.Statement(
    lambda projects: sa.select(
        _usages.c.project_id, _usages.c.resource_class_id, _usages.c.used
    ).where(_usages.c.project_id.in_(projects))
)


def _insert(conn: sa.Connection, used: _Units) -> None:
    conn.execute(
        sa.insert(_usages).values(
            project_id=sa.bindparam("project"),
            resource_class_id=sa.bindparam("class"),
            used=sa.bindparam("units"),
            counted_at=revision.clock(),
        ),
        [
            {"project": key.project_id, "class": key.class_id, "units": units}
            for key, units in sorted(used.items())
        ],
    )


def _add(conn: sa.Connection, changes: _Units, limits: _Units) -> bool:
    """Change the counters within their limits; return whether all were."""
    keys = sorted(changes)
    changed = 0
    for start in range(0, len(keys), _BATCH_ROWS):
        some = keys[start : start + _BATCH_ROWS]
        parameters: dict[str, str | int] = {}
        for place, key in enumerate(some):
            parameters[f"project_{place}"] = key.project_id
            parameters[f"class_{place}"] = key.class_id
            parameters[f"change_{place}"] = changes[key]
            parameters[f"limit_{place}"] = limits[key]
        changed += batch.run(conn, [Step(_update(len(some)), parameters)]).rowcount
    return changed == len(keys)


@functools.lru_cache(maxsize=_BATCH_ROWS)
def _update(count: int) -> sa.Update:
    """Return the UPDATE of ``count`` counters, where they stay within their limits."""
    cases = []
    allowed = []
    for place in range(count):
        change = sa.bindparam(f"change_{place}", type_=sa.BigInteger)
        limit = sa.bindparam(f"limit_{place}", type_=sa.BigInteger)
        is_it = sa.and_(
            _usages.c.project_id == sa.bindparam(f"project_{place}", type_=sa.String),
            _usages.c.resource_class_id
            == sa.bindparam(f"class_{place}", type_=sa.Integer),
        )
        cases.append((is_it, change))
        is_allowed = sa.or_(change <= 0, _usages.c.used + change <= limit)
        allowed.append(sa.and_(is_it, is_allowed))
    return (
        sa.update(_usages)
        .where(sa.or_(*allowed))
        .values(used=_usages.c.used + sa.case(*cases, else_=0))
    )


def _exceeded(
    conn: sa.Connection,
    key: UsageKey,
    limit: int,
    used: int,
    amount: int,
) -> extension_exception.LimitExceeded:
    name = CONSUMERS_NAME
    if key.class_id != tables.CONSUMERS:
        # Cached names would save a statement only for custom classes.
        name = names.Names().resource_classes(conn, [key.class_id])[key.class_id]
    return extension_exception.LimitExceeded(
        project_id=key.project_id,
        resource_class=name,
        limit=limit,
        used=used,
        amount=amount,
    )


def sweep(context: "RequestContext") -> None:
    """Count again what a claim may have missed, see ``recount_early``.

    For the sweeper.
    """
    transaction.write(context, usage_counters.recount_early)
