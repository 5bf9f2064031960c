"""Write clouds into a database, in bulk, with the schema of either service."""

import collections.abc
import contextlib
import io
import typing

import sqlalchemy as sa

from benchmarks import clouds
from placement.db import reconcile

# Changes the definition of every provider, see ``placement.db.revision``, so that no
# cached data is valid.
CHANGE_ALL = "UPDATE resource_providers SET revision = (revision | 1) + 1"

# The creation time of all rows.
_CREATED = "2026-01-01 00:00:00"

# Skip foreign key checks: the referenced rows are written in the same transaction.
_WITHOUT_CHECKS = "SET LOCAL session_replication_role = replica"

_OWNERS = """
INSERT INTO {table} (created_at, external_id) VALUES (now(), 'benchmark') RETURNING id
"""

_CONSUMERS = """
INSERT INTO consumers (created_at, uuid, project_id, user_id, generation)
SELECT now(), md5(providers.id || '/' || number)::uuid, :project, :user, 1
FROM resource_providers AS providers, generate_series(1, :consumers) AS number
WHERE parent_provider_id IS NULL
ORDER BY providers.id, number
"""

_ALLOCATIONS = """
INSERT INTO allocations
    (created_at, resource_provider_id, consumer_id, resource_class_id, used)
SELECT now(), providers.id, md5(providers.id || '/' || number)::uuid, classes.id, :used
FROM resource_providers AS providers
JOIN resource_classes AS classes ON classes.name = :name
JOIN inventories
    ON resource_provider_id = providers.id AND resource_class_id = classes.id,
    generate_series(1, :consumers) AS number
WHERE parent_provider_id IS NULL
ORDER BY providers.id, number
"""

_Row = tuple[object, ...]


def load(cloud: clouds.Cloud, url: str, keeps_used: bool) -> None:
    """Write a cloud into a migrated database without providers; PostgreSQL only.

    Write only tables and columns that both services have. With ``keeps_used``, then
    apply our data migrations.
    Raises KeyError if a resource class is not in the database.
    """
    engine = sa.create_engine(url)
    try:
        with engine.begin() as conn:
            conn.execute(sa.text(_WITHOUT_CHECKS))
            _write_providers(conn, cloud)
            if cloud.consumers:
                _write_consumers(conn, cloud.consumers)
        if keeps_used:
            reconcile.reconcile_all(engine)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            # Otherwise autovacuum and a checkpoint would run during the measurement.
            conn.execute(sa.text("VACUUM ANALYZE"))
            conn.execute(sa.text("CHECKPOINT"))
    finally:
        engine.dispose()


def _write_providers(conn: sa.Connection, cloud: clouds.Cloud) -> None:
    ids = {provider.uuid: id_ for id_, provider in enumerate(cloud.providers, 1)}
    roots: dict[str, int] = {}
    for provider in cloud.providers:
        parent = provider.parent
        roots[provider.uuid] = roots[parent] if parent else ids[provider.uuid]
    _copy(
        conn,
        "resource_providers",
        "id, uuid, name, generation, root_provider_id, parent_provider_id",
        (
            (
                ids[provider.uuid],
                provider.uuid,
                provider.name,
                0,
                roots[provider.uuid],
                r"\N" if provider.parent is None else ids[provider.parent],
            )
            for provider in cloud.providers
        ),
    )
    # Advance the sequence past the written ids.
    sequence = "pg_get_serial_sequence('resource_providers', 'id')"
    conn.execute(sa.text(f"SELECT setval({sequence}, {len(ids)})"))
    classes = _ids_by_name(conn, "resource_classes")
    _copy(
        conn,
        "inventories",
        "resource_provider_id, resource_class_id, total, reserved, min_unit, max_unit, "
        "step_size, allocation_ratio",
        (
            (ids[provider.uuid], classes[name], total, 0, 1, total, 1, 1.0)
            for provider in cloud.providers
            for name, total in provider.totals.items()
        ),
    )
    _write_traits(conn, cloud, ids)
    _write_aggregates(conn, cloud, ids)


def _write_traits(
    conn: sa.Connection, cloud: clouds.Cloud, ids: dict[str, int]
) -> None:
    named = {trait for provider in cloud.providers for trait in provider.traits}
    new = sorted(named - _ids_by_name(conn, "traits").keys())
    _copy(conn, "traits", "name", ((trait,) for trait in new))
    traits = _ids_by_name(conn, "traits")
    _copy(
        conn,
        "resource_provider_traits",
        "resource_provider_id, trait_id",
        (
            (ids[provider.uuid], traits[trait])
            for provider in cloud.providers
            for trait in provider.traits
        ),
    )


def _write_aggregates(
    conn: sa.Connection, cloud: clouds.Cloud, ids: dict[str, int]
) -> None:
    named = {uuid for provider in cloud.providers for uuid in provider.aggregates}
    _copy(conn, "placement_aggregates", "uuid", ((uuid,) for uuid in sorted(named)))
    aggregates = _ids_by_name(conn, "placement_aggregates", "uuid")
    _copy(
        conn,
        "resource_provider_aggregates",
        "resource_provider_id, aggregate_id",
        (
            (ids[provider.uuid], aggregates[uuid])
            for provider in cloud.providers
            for uuid in provider.aggregates
        ),
    )


def _write_consumers(conn: sa.Connection, consumers: int) -> None:
    owners = {
        name: conn.execute(sa.text(_OWNERS.format(table=table))).scalar_one()
        for name, table in (("project", "projects"), ("user", "users"))
    }
    conn.execute(sa.text(_CONSUMERS), {"consumers": consumers, **owners})
    for name, used in clouds.CLAIM.items():
        given = {"consumers": consumers, "name": name, "used": used}
        conn.execute(sa.text(_ALLOCATIONS), given)


def _ids_by_name(
    conn: sa.Connection, table: str, column: str = "name"
) -> dict[str, int]:
    rows = conn.execute(sa.text(f"SELECT {column}, id FROM {table}"))
    return {row[0]: row[1] for row in rows}


def _copy(
    conn: sa.Connection,
    table: str,
    columns: str,
    rows: collections.abc.Iterable[_Row],
) -> None:
    """Write rows with COPY; the values must need no quoting."""
    lines = ("\t".join(map(str, (_CREATED, *row))) + "\n" for row in rows)
    # COPY needs the connection of the driver.
    driver = typing.cast("typing.Any", conn.connection)
    with contextlib.closing(driver.cursor()) as cursor:
        cursor.copy_expert(
            f"COPY {table} (created_at, {columns}) FROM STDIN",
            io.StringIO("".join(lines)),
        )
