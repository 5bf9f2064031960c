"""Data migrations that ``db online_data_migrations`` runs beside the service."""

import collections.abc
import dataclasses
import typing

import sqlalchemy as sa

from placement.db import (
    checks,
    migrations,
    reconcile,
    spelling,
    tables,
    transaction,
    usage_counters,
)

if typing.TYPE_CHECKING:
    from placement.conf.settings import PlacementSettings, Settings

_providers = tables.resource_providers
_allocations = tables.allocations
_consumers = tables.consumers

_Work = collections.abc.Callable[[sa.Connection, "Settings", int], tuple[int, int]]


@dataclasses.dataclass(frozen=True)
class Migration:
    """A migration of rows that older or other services wrote, run in batches."""

    name: str
    work: _Work

    def run(
        self, engine: sa.Engine, settings: "Settings", max_count: int
    ) -> tuple[int, int]:
        """Migrate at most ``max_count`` rows, in one transaction.

        Returns how many rows needed it before, and how many were migrated.
        """
        return transaction.write_to(
            engine, lambda conn: self.work(conn, settings, max_count)
        )


def _set_root_provider_ids(
    conn: sa.Connection, _settings: "Settings", max_count: int
) -> tuple[int, int]:
    found = checks.missing_root_provider_ids(conn)
    ids = conn.scalars(
        sa.select(_providers.c.id)
        .where(_providers.c.root_provider_id.is_(None))
        .order_by(_providers.c.id)
        .limit(max_count)
    ).all()
    # These records predate trees: they have no parent, so each is its own root.
    done = conn.execute(
        sa.update(_providers)
        .where(_providers.c.id.in_(ids), _providers.c.root_provider_id.is_(None))
        .values(root_provider_id=_providers.c.id)
    )
    return found, done.rowcount


def _create_incomplete_consumers(
    conn: sa.Connection, settings: "Settings", max_count: int
) -> tuple[int, int]:
    found = checks.incomplete_consumers(conn)
    missing = checks.without_record()
    uuids = conn.scalars(
        sa.select(missing.c.consumer_id)
        .order_by(missing.c.consumer_id)
        .limit(max_count)
    ).all()
    create_consumers(conn, uuids, settings.placement)
    return found, len(uuids)


def create_consumers(
    conn: sa.Connection,
    uuids: collections.abc.Sequence[str],
    settings: "PlacementSettings",
) -> None:
    """Create consumer records, for the project and user of incomplete consumers."""
    if not uuids:
        return
    project = _ensure(conn, tables.projects, settings.incomplete_consumer_project_id)
    user = _ensure(conn, tables.users, settings.incomplete_consumer_user_id)
    owner = {"project_id": project, "user_id": user, "generation": 0}
    conn.execute(sa.insert(_consumers), [{"uuid": uuid} | owner for uuid in uuids])


def _ensure(conn: sa.Connection, table: sa.Table, external_id: str) -> int:
    select = sa.select(table.c.id).where(table.c.external_id == external_id)
    if conn.scalar(select) is None:
        conn.execute(sa.insert(table).values(external_id=external_id))
    id_: int = conn.execute(select).scalar_one()
    return id_


def _count_used(
    conn: sa.Connection, _settings: "Settings", max_count: int
) -> tuple[int, int]:
    # An older schema does not have the columns.
    if not migrations.is_current(conn):
        return 0, 0
    wrong = reconcile.find_wrong(conn)
    batch = wrong[:max_count]
    if batch:
        reconcile.reconcile_providers(conn, batch)
    return len(wrong), len(batch)


def _count_limited_usage(
    conn: sa.Connection, _settings: "Settings", max_count: int
) -> tuple[int, int]:
    if not migrations.is_current(conn):
        return 0, 0
    wrong = usage_counters.find_wrong(conn)
    return len(wrong), usage_counters.recount(conn, wrong[:max_count])


def _canonicalize_uuids(
    conn: sa.Connection, _settings: "Settings", max_count: int
) -> tuple[int, int]:
    if not migrations.is_current(conn):
        return 0, 0
    found, done = 0, 0
    for kind in spelling.KINDS:
        keys = kind.keys(conn)
        found += len(keys)
        # One kind per transaction, because each locks its rows in its own order.
        if keys and not done:
            batch = keys[:max_count]
            done = min(kind.canonicalize(conn, batch), len(batch))
    return found, done


MIGRATIONS: tuple[Migration, ...] = (
    Migration("set_root_provider_ids", _set_root_provider_ids),
    Migration("create_incomplete_consumers", _create_incomplete_consumers),
    Migration("count_used", _count_used),
    Migration("canonicalize_uuids", _canonicalize_uuids),
    Migration("count_limited_usage", _count_limited_usage),
)
