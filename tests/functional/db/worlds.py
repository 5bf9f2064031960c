"""A small consistent database, written without the service."""

import sqlalchemy as sa

from placement.db import reconcile, tables

# Two trees; all VCPUs of the second provider are used.
ROWS = (
    "INSERT INTO projects (id, external_id) VALUES (1, 'p')",
    "INSERT INTO users (id, external_id) VALUES (1, 'u')",
    "INSERT INTO resource_providers"
    " (id, uuid, name, generation, root_provider_id, parent_provider_id) VALUES"
    " (1, 'one', 'one', 3, 1, NULL), (2, 'two', 'two', 7, 1, 1),"
    " (3, 'three', 'three', 0, 3, NULL)",
    "INSERT INTO inventories (id, resource_provider_id, resource_class_id, total,"
    " reserved, min_unit, max_unit, step_size, allocation_ratio) VALUES"
    " (1, 1, 0, 10, 0, 1, 10, 1, 0.9), (2, 1, 1, 64, 0, 1, 64, 1, 1.0),"
    " (3, 2, 0, 4, 0, 1, 4, 1, 1.5)",
    "INSERT INTO consumers (id, uuid, project_id, user_id, generation) VALUES"
    " (1, 'c1', 1, 1, 3), (2, 'c2', 1, 1, 1)",
    "INSERT INTO allocations (id, resource_provider_id, consumer_id,"
    " resource_class_id, used) VALUES (1, 1, 'c1', 0, 2), (2, 1, 'c2', 0, 7),"
    " (3, 2, 'c1', 0, 6)",
)


# Their rows are inserted once, at the start of the service.
_STANDARD = {tables.resource_classes, tables.traits, tables.name_changes}
_CLEARED = [
    table for table in reversed(tables.metadata.sorted_tables) if table not in _STANDARD
]


def clear(engine: sa.Engine) -> None:
    """Delete all rows except names of classes and traits."""
    execute(engine, *(f"DELETE FROM {table.name}" for table in _CLEARED))


def write(engine: sa.Engine) -> None:
    """Write it into a migrated database without providers."""
    statements = list(ROWS)
    if engine.dialect.name == "postgresql":
        numbered = ("inventories", "consumers", "allocations", "projects", "users")
        statements += [
            f"ALTER SEQUENCE {table}_id_seq RESTART WITH 100" for table in numbered
        ]
    execute(engine, *statements)
    reconcile.reconcile_all(engine)


def execute(engine: sa.Engine, *statements: str) -> None:
    """Run statements in one transaction, without checking foreign keys."""
    with engine.begin() as conn:
        if conn.dialect.name == "postgresql":
            conn.execute(sa.text("SET LOCAL session_replication_role = replica"))
        elif conn.dialect.name != "sqlite":
            conn.execute(sa.text("SET foreign_key_checks = 0"))
        for statement in statements:
            conn.execute(sa.text(statement))
        if conn.dialect.name not in ("sqlite", "postgresql"):
            conn.execute(sa.text("SET foreign_key_checks = 1"))
