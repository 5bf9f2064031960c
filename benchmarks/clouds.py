"""Clouds by shape, as plain values, and how they get into a database."""

import collections.abc
import dataclasses
import uuid

import os_traits
import sqlalchemy as sa

from placement.db import tables

ROWS_PER_STATEMENT = 1000

CLASSES = {"VCPU": 256, "MEMORY_MB": 1_048_576, "DISK_GB": 10_000}


@dataclasses.dataclass(frozen=True)
class Provider:
    """A provider; ``totals`` are units by class. Its parent comes before it."""

    uuid: str
    name: str
    totals: collections.abc.Mapping[str, int]
    traits: collections.abc.Sequence[str] = ()
    aggregates: collections.abc.Sequence[str] = ()
    parent: str | None = None


@dataclasses.dataclass(frozen=True)
class Cloud:
    """A name for people, and the providers, parents first."""

    name: str
    providers: collections.abc.Sequence[Provider]


def flat(hosts: int, traits: int = 60) -> Cloud:
    """Return hosts of three classes without children, all with the same traits."""
    names = sorted(os_traits.get_traits(prefix="HW_CPU_"))[:traits]
    if len(names) < traits:
        raise ValueError(f"there are only {len(names)} such traits")
    return Cloud(
        f"{hosts} hosts, {len(CLASSES)} classes, {traits} traits each",
        [
            Provider(str(uuid.UUID(int=number)), f"host-{number}", CLASSES, names)
            for number in range(1, hosts + 1)
        ],
    )


def load(cloud: Cloud, url: str) -> None:
    """Write a cloud into a migrated database that has the standard names.

    Only tables and columns that every service has are written.
    Raises KeyError when a class or trait is not in the database.
    """
    engine = sa.create_engine(url)
    try:
        with engine.begin() as conn:
            _write(conn, cloud)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            # What a database in service has had done to it long ago.
            conn.execute(sa.text("ANALYZE"))
    finally:
        engine.dispose()


def _write(conn: sa.Connection, cloud: Cloud) -> None:
    provider_ids = _write_providers(conn, cloud)
    class_ids = _ids_by_name(conn, tables.resource_classes)
    trait_ids = _ids_by_name(conn, tables.traits)
    aggregate_ids = _write_aggregates(conn, cloud)
    _insert(
        conn,
        tables.inventories,
        (
            {
                "resource_provider_id": provider_ids[provider.uuid],
                "resource_class_id": class_ids[resource_class],
                "total": total,
                "reserved": 0,
                "min_unit": 1,
                "max_unit": total,
                "step_size": 1,
                "allocation_ratio": 1.0,
            }
            for provider in cloud.providers
            for resource_class, total in provider.totals.items()
        ),
    )
    _insert(
        conn,
        tables.resource_provider_traits,
        (
            {
                "resource_provider_id": provider_ids[provider.uuid],
                "trait_id": trait_ids[trait],
            }
            for provider in cloud.providers
            for trait in provider.traits
        ),
    )
    _insert(
        conn,
        tables.resource_provider_aggregates,
        (
            {
                "resource_provider_id": provider_ids[provider.uuid],
                "aggregate_id": aggregate_ids[aggregate],
            }
            for provider in cloud.providers
            for aggregate in provider.aggregates
        ),
    )


def _write_providers(conn: sa.Connection, cloud: Cloud) -> dict[str, int]:
    """Return the ids of the providers by uuid."""
    providers = tables.resource_providers
    _insert(
        conn,
        providers,
        (
            {"uuid": provider.uuid, "name": provider.name, "generation": 0}
            for provider in cloud.providers
        ),
    )
    rows = conn.execute(sa.select(providers.c.uuid, providers.c.id))
    ids = {row.uuid: row.id for row in rows}
    parents = {provider.uuid: provider.parent for provider in cloud.providers}

    def root_of(provider: str) -> str:
        parent = parents[provider]
        return provider if parent is None else root_of(parent)

    place = (
        sa.update(providers)
        .where(providers.c.id == sa.bindparam("provider_id"))
        .values(root_provider_id=sa.bindparam("root"))
        .values(parent_provider_id=sa.bindparam("parent"))
    )
    places = [
        {
            "provider_id": ids[provider],
            "root": ids[root_of(provider)],
            "parent": None if parent is None else ids[parent],
        }
        for provider, parent in parents.items()
    ]
    conn.execute(place, places)
    return ids


def _write_aggregates(conn: sa.Connection, cloud: Cloud) -> dict[str, int]:
    """Return the ids of the aggregates by uuid."""
    aggregates = tables.placement_aggregates
    named = {uuid for provider in cloud.providers for uuid in provider.aggregates}
    _insert(conn, aggregates, ({"uuid": uuid} for uuid in sorted(named)))
    rows = conn.execute(sa.select(aggregates.c.uuid, aggregates.c.id))
    return {row.uuid: row.id for row in rows}


def _ids_by_name(conn: sa.Connection, table: sa.Table) -> dict[str, int]:
    rows = conn.execute(sa.select(table.c.name, table.c.id))
    return {row.name: row.id for row in rows}


def _insert(
    conn: sa.Connection,
    table: sa.Table,
    rows: collections.abc.Iterable[dict[str, object]],
) -> None:
    waiting = list(rows)
    for start in range(0, len(waiting), ROWS_PER_STATEMENT):
        conn.execute(sa.insert(table), waiting[start : start + ROWS_PER_STATEMENT])
