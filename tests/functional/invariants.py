"""What holds in every database, whatever was asked of the service."""

import collections

import sqlalchemy as sa

from placement.cmd import audit

# A client may lower an inventory below what is allocated of it.
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


def violations(url: str) -> list[str]:
    """Return a sentence for everything that does not hold in the database at ``url``.

    That is what ``violations_in`` finds, and what the service's own audit does.
    """
    engine = sa.create_engine(url)
    try:
        with engine.connect() as conn:
            # All is read of one moment, in case somebody is still writing.
            if engine.dialect.name != "sqlite":
                conn.execution_options(isolation_level="REPEATABLE READ")
            return [*violations_in(conn), *_findings(conn)]
    finally:
        engine.dispose()


def violations_in(conn: sa.Connection) -> list[str]:
    """Return what is wrong with the sums and the trees; empty if all is well.

    The sums are made here and not by the database: the slow twin of what the
    service keeps, and of its audit.
    """
    return [*_wrong_sums(conn), *_wrong_roots(conn)]


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
