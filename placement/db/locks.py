"""Locks on stored rows, in the one order that every writer keeps."""

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


# On a Galera cluster a lock is known to its node only; what the others know of is a
# row that has changed.
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
    """Keep other writers away from the providers until the transaction ends.

    Every writer locks in id order, so that two queue at the first provider that
    they share instead of deadlocking. SQLite has but one writer at a time. Of two
    on different nodes of a cluster, the later one is refused at COMMIT.
    """
    steps = locking_providers(conn, provider_ids)
    if steps:
        batch.run(conn, steps)


def locking_providers(
    conn: sa.Connection, provider_ids: collections.abc.Iterable[int]
) -> list[Step]:
    """Return how to do what ``lock_providers`` does."""
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
    """Let one node of a cluster at a time hold, or take away, custom classes.

    For who has a lock on them at this node already. Of two on different nodes, the
    later one is refused at COMMIT.
    """
    if mariadb.is_cluster_node(conn):
        for class_id in sorted(class_ids):
            conn.execute(_CHANGE_CLASS, {"class_id": class_id})
