"""Locks on rows, taken by all writers in the same order."""

import collections.abc

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from placement.db import batch, lists, mariadb, revision, tables
from placement.db.batch import Step

_providers = tables.resource_providers
_changes = tables.name_changes

_LOCK_PROVIDERS = lists.Statement(
    lambda ids: (
        sa.select(_providers.c.id)
        .where(_providers.c.id.in_(ids))
        .order_by(_providers.c.id)
        .with_for_update()
    )
)


# On a Galera cluster, other nodes do not see row locks; they detect conflicts of
# changed rows.
_CHANGE_PROVIDERS = lists.Statement(
    lambda ids: (
        sa.update(_providers)
        .where(_providers.c.id.in_(ids))
        .values(
            revision=revision.next_of(_providers.c.revision),
            updated_at=_providers.c.updated_at,
        )
    )
)
_CHANGE_CLASS = mysql.insert(_changes).values(
    id=sa.bindparam("class_id"), revision=revision.first()
)
_CHANGE_CLASS = _CHANGE_CLASS.on_duplicate_key_update(
    revision=revision.next_of(_changes.c.revision)
)


def lock_providers(
    conn: sa.Connection, provider_ids: collections.abc.Iterable[int]
) -> None:
    """Lock the providers until the transaction ends.

    Every writer locks in the order of ids, so two writers queue at the first provider
    that they share instead of deadlocking. SQLite has one writer at a time, and needs
    no locks. Of two writers on different nodes of a cluster, the later one fails at
    COMMIT.
    """
    steps = locking_providers(conn, provider_ids)
    if steps:
        batch.run(conn, steps)


def locking_providers(
    conn: sa.Connection, provider_ids: collections.abc.Iterable[int]
) -> list[Step]:
    """Return the steps of ``lock_providers``."""
    ids = sorted(set(provider_ids))
    if not ids or conn.dialect.name == "sqlite":
        return []
    steps = [_LOCK_PROVIDERS.step({"ids": ids})]
    if mariadb.is_cluster_node(conn):
        steps.append(_CHANGE_PROVIDERS.step({"ids": ids}))
    return steps


def lock_classes_elsewhere(
    conn: sa.Connection, class_ids: collections.abc.Iterable[int]
) -> None:
    """Extend the lock on custom classes to the other nodes of a cluster.

    The caller has locked the classes on this node. Of two writers on different nodes,
    the later one fails at COMMIT.
    """
    if mariadb.is_cluster_node(conn):
        for class_id in sorted(class_ids):
            conn.execute(_CHANGE_CLASS, {"class_id": class_id})
