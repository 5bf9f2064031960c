"""Find inconsistencies, which no request may cause."""

import collections
import collections.abc
import contextlib
import functools
import typing

import sqlalchemy as sa

from placement.cmd import audit

# A client may reduce an inventory below its usage.
_ALLOWED = {"over_capacity"}

_USED = sa.text("""
    SELECT resource_provider_id, resource_class_id, used FROM inventories
""")
_ALLOCATED = sa.text("""
    SELECT resource_provider_id, resource_class_id, used FROM allocations
""")
_PLACES = sa.text("""
    SELECT id, parent_provider_id, root_provider_id FROM resource_providers
""")


_LIMITS = sa.text("""
    SELECT project_id, resource_class_id FROM placement_limits
""")
_COUNTERS = sa.text("""
    SELECT project_id, resource_class_id, used FROM placement_limited_usages
""")
_HELD = sa.text("""
    SELECT p.external_id, a.resource_class_id, a.used, a.consumer_id
    FROM allocations a JOIN consumers c ON c.uuid = a.consumer_id
    JOIN projects p ON p.id = c.project_id
""")
# Stands for consumers where classes have limits.
_CONSUMERS = -1


def violations(url: str) -> list[str]:
    """Return a sentence for each inconsistency of the database at ``url``.

    Combines ``violations_in`` and the findings of the service's own audit, in one
    snapshot.
    """
    reader = _reader(sa.make_url(url).drivername)
    with reader.connected(url) as conn:
        return [*violations_in(conn), *_findings(conn)]


class _Reader:
    """Connects to databases of one kind with one engine, which compiles SQL once.

    Not to be used by several threads at the same time.
    """

    def __init__(self, drivername: str) -> None:
        self._url = sa.make_url(f"{drivername}://")
        self._engine = sa.create_engine(
            self._url, creator=self._connect, poolclass=sa.NullPool
        )

    @contextlib.contextmanager
    def connected(self, url: str) -> collections.abc.Iterator[sa.Connection]:
        """Connect to the database at ``url``; its transaction is a snapshot."""
        self._url = sa.make_url(url)
        with self._engine.connect() as conn:
            if self._engine.dialect.name != "sqlite":
                conn.execution_options(isolation_level="REPEATABLE READ")
            yield conn

    def _connect(self) -> typing.Any:
        dialect = self._engine.dialect
        positional, named = dialect.create_connect_args(self._url)
        return dialect.connect(*positional, **named)


_reader = functools.cache(_Reader)


def violations_in(conn: sa.Connection) -> list[str]:
    """Return a sentence for each usage that is not a sum, and each wrong root.

    Every limit must have been set before the claims that are written while it holds.

    Computes them without SQL, unlike the service and its audit.
    """
    return [*_wrong_sums(conn), *_wrong_counters(conn), *_wrong_roots(conn)]


def _findings(conn: sa.Connection) -> list[str]:
    return [
        f"{fact.name}: {about}"
        for fact, about in audit.findings(conn)
        if fact.name not in _ALLOWED
    ]


def _wrong_sums(conn: sa.Connection) -> list[str]:
    allocated: collections.Counter[tuple[int, int]] = collections.Counter()
    for provider_id, class_id, amount in conn.execute(_ALLOCATED):
        allocated[provider_id, class_id] += amount
    used = {(row[0], row[1]): row[2] for row in conn.execute(_USED)}
    return [
        f"provider {key[0]}, class {key[1]}: "
        f"used is {used.get(key)}, allocations sum to {allocated[key]}"
        for key in sorted(used.keys() | allocated.keys())
        if used.get(key) != allocated[key]
    ]


def _wrong_counters(conn: sa.Connection) -> list[str]:
    """Return the counters with a limit that are not what the project holds."""
    limits = {(project, class_id) for project, class_id in conn.execute(_LIMITS)}
    held: collections.Counter[tuple[str, int]] = collections.Counter()
    consumers: dict[str, set[str]] = {}
    for project, class_id, used, consumer in conn.execute(_HELD):
        held[project, class_id] += used
        consumers.setdefault(project, set()).add(consumer)
    for project, holders in consumers.items():
        held[project, _CONSUMERS] = len(holders)
    return [
        f"project {project}, class {class_id}: counted are {used}, held are "
        f"{held[project, class_id]}"
        for project, class_id, used in conn.execute(_COUNTERS)
        if used != held[project, class_id]
        and {(project, class_id), ("default", class_id)} & limits
    ]


def _wrong_roots(conn: sa.Connection) -> list[str]:
    rows = list(conn.execute(_PLACES))
    parents = {row[0]: row[1] for row in rows}

    def root_of(provider_id: int) -> int:
        above = parents[provider_id]
        return provider_id if above is None else root_of(above)

    return [
        f"provider {provider_id}: root is {root_id}, parents lead to "
        f"{root_of(provider_id)}"
        for provider_id, _, root_id in rows
        if root_id != root_of(provider_id)
    ]
