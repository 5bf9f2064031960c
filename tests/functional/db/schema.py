"""The tables that every Placement has, at the head of their chain of revisions.

Written down by hand, from the description of the existing database; what ours
adds is beside it.
"""

import typing

import sqlalchemy as sa


class Table(typing.NamedTuple):
    """``columns`` by name, with their type; a ``!`` after it means NOT NULL."""

    columns: dict[str, str]
    key: tuple[str, ...] = ("id",)
    unique: dict[str, tuple[str, ...]] = {}
    indexes: dict[str, tuple[str, ...]] = {}
    references: dict[str, str] = {}


TIMES = {"created_at": "datetime", "updated_at": "datetime"}
RECORD = {**TIMES, "id": "integer!"}


def named(table: str, column: str) -> Table:
    unique = {f"uniq_{table}0{column}": (column,)}
    return Table({**RECORD, column: "varchar(255)!"}, unique=unique)


HEAD = {
    "resource_providers": Table(
        {
            **RECORD,
            "uuid": "varchar(36)!",
            "name": "varchar(200)",
            "generation": "integer",
            "root_provider_id": "integer",
            "parent_provider_id": "integer",
        },
        unique={
            "uniq_resource_providers0uuid": ("uuid",),
            "uniq_resource_providers0name": ("name",),
        },
        indexes={
            "resource_providers_root_provider_id_idx": ("root_provider_id",),
            "resource_providers_parent_provider_id_idx": ("parent_provider_id",),
        },
        references={
            "root_provider_id": "resource_providers",
            "parent_provider_id": "resource_providers",
        },
    ),
    "inventories": Table(
        {
            **RECORD,
            "resource_provider_id": "integer!",
            "resource_class_id": "integer!",
            "total": "integer!",
            "reserved": "integer!",
            "min_unit": "integer!",
            "max_unit": "integer!",
            "step_size": "integer!",
            "allocation_ratio": "float!",
        },
        unique={
            "uniq_inventories0resource_provider_resource_class": (
                "resource_provider_id",
                "resource_class_id",
            )
        },
        indexes={"inventories_resource_class_id_idx": ("resource_class_id",)},
    ),
    "allocations": Table(
        {
            **RECORD,
            "resource_provider_id": "integer!",
            "consumer_id": "varchar(36)!",
            "resource_class_id": "integer!",
            "used": "integer!",
        },
        indexes={
            "allocations_resource_provider_class_used_idx": (
                "resource_provider_id",
                "resource_class_id",
                "used",
            ),
            "allocations_resource_class_id_idx": ("resource_class_id",),
            "allocations_consumer_id_idx": ("consumer_id",),
        },
    ),
    "consumers": Table(
        {
            **RECORD,
            "uuid": "varchar(36)!",
            "project_id": "integer!",
            "user_id": "integer!",
            "generation": "integer!",
            "consumer_type_id": "integer",
        },
        unique={"uniq_consumers0uuid": ("uuid",)},
        indexes={
            "consumers_project_id_uuid_idx": ("project_id", "uuid"),
            "consumers_project_id_user_id_uuid_idx": ("project_id", "user_id", "uuid"),
            "consumers_consumer_type_id_idx": ("consumer_type_id",),
        },
        references={"consumer_type_id": "consumer_types"},
    ),
    "consumer_types": named("consumer_types", "name"),
    "projects": named("projects", "external_id"),
    "users": named("users", "external_id"),
    "resource_classes": named("resource_classes", "name"),
    "traits": named("traits", "name"),
    "placement_aggregates": Table(
        {**RECORD, "uuid": "varchar(36)"},
        unique={"uniq_placement_aggregates0uuid": ("uuid",)},
    ),
    "resource_provider_aggregates": Table(
        {**TIMES, "resource_provider_id": "integer!", "aggregate_id": "integer!"},
        key=("resource_provider_id", "aggregate_id"),
        indexes={"resource_provider_aggregates_aggregate_id_idx": ("aggregate_id",)},
    ),
    "resource_provider_traits": Table(
        {**TIMES, "trait_id": "integer!", "resource_provider_id": "integer!"},
        key=("trait_id", "resource_provider_id"),
        indexes={
            "resource_provider_traits_resource_provider_trait_idx": (
                "resource_provider_id",
                "trait_id",
            )
        },
        references={"trait_id": "traits", "resource_provider_id": "resource_providers"},
    ),
}

# Columns of the own chain, with defaults for other writers.
OWN_COLUMNS = {
    "inventories": {"used": "bigint!"},
    "resource_providers": {
        "definition_revision": "bigint!",
        "revision": "bigint!",
        "state": "integer!",
    },
    "resource_provider_aggregates": {"spelling": "varchar(36)"},
}
OWN_TABLES = {
    "placement_name_changes": Table({"id": "integer!", "revision": "bigint!"}),
    "placement_provider_states": Table(
        {
            "id": "integer!",
            "resource_provider_id": "integer!",
            "state": "integer!",
            "reason": "varchar(1000)!",
            "project_id": "varchar(255)",
            "user_id": "varchar(255)",
            "set_at": "bigint!",
            "until": "bigint",
        },
        indexes={
            "placement_provider_states_resource_provider_id_idx": (
                "resource_provider_id",
            ),
            "placement_provider_states_until_idx": ("until",),
        },
    ),
    "placement_holds": Table(
        {"consumer_id": "integer!", "expires_at": "bigint!"},
        key=("consumer_id",),
        indexes={"placement_holds_expires_at_idx": ("expires_at",)},
        references={"consumer_id": "consumers"},
    ),
    "placement_groups": Table(
        {
            "id": "integer!",
            "project_id": "varchar(255)!",
            "name": "varchar(255)!",
            "policy": "varchar(32)!",
            "max_per_host": "integer!",
            "aggregates": "text",
            "revision": "bigint!",
        },
        unique={"uniq_placement_groups0project_id0name": ("project_id", "name")},
    ),
    "placement_group_members": Table(
        {"consumer_id": "integer!", "group_id": "integer!"},
        key=("consumer_id",),
        indexes={"placement_group_members_group_id_idx": ("group_id",)},
        references={"consumer_id": "consumers", "group_id": "placement_groups"},
    ),
    "placement_idempotency_keys": Table(
        {
            "id": "varchar(64)!",
            "body_hash": "varchar(64)!",
            "answer": "binary",
            "expires_at": "bigint!",
        },
        indexes={"placement_idempotency_keys_expires_at_idx": ("expires_at",)},
    ),
    "placement_releases": Table(
        {
            "id": "integer!",
            "consumer_uuid": "varchar(36)!",
            "released_at": "bigint!",
            "reason": "varchar(1000)!",
            "project_id": "varchar(255)",
            "user_id": "varchar(255)",
            "restore": "binary!",
        },
        indexes={
            "placement_releases_consumer_uuid_idx": ("consumer_uuid",),
            "placement_releases_released_at_idx": ("released_at",),
        },
    ),
    "placement_limits": Table(
        {
            "project_id": "varchar(255)!",
            "resource_class_id": "integer!",
            "max_units": "bigint!",
            "set_at": "bigint!",
        },
        key=("project_id", "resource_class_id"),
    ),
    "placement_limited_usages": Table(
        {
            "project_id": "varchar(255)!",
            "resource_class_id": "integer!",
            "used": "bigint!",
            "counted_at": "bigint!",
        },
        key=("project_id", "resource_class_id"),
    ),
    "placement_changes": Table(
        {
            "id": "bigint!",
            "position": "bigint",
            "kind": "varchar(32)!",
            "provider_uuid": "varchar(36)",
            "consumer_uuid": "varchar(36)",
            "generation": "integer",
            "changed_at": "bigint!",
        },
        unique={"uniq_placement_changes0position": ("position",)},
    ),
    "placement_change_positions": Table(
        {"id": "integer!", "last": "bigint!", "compacted": "bigint!"}
    ),
}

# Names of constraints on PostgreSQL, as OpenStack's Placement has them.
POSTGRESQL_REFERENCES = {
    "resource_providers_root_provider_id_fkey",
    "resource_providers_parent_provider_id_fkey",
    "resource_provider_traits_trait_id_fkey",
    "resource_provider_traits_resource_provider_id_fkey",
    "consumers_consumer_type_id_fkey",
}

_TYPES = {
    sa.DateTime: "datetime",
    sa.BigInteger: "bigint",
    # The types of MariaDB are no LargeBinary.
    sa.types._Binary: "binary",
    sa.Text: "text",
    sa.Integer: "integer",
    sa.Float: "float",
}


def found_in(engine: sa.Engine) -> dict[str, Table]:
    """Return all tables of a database except the version tables."""
    inspector = sa.inspect(engine)
    names = set(inspector.get_table_names())
    names -= {"alembic_version", "placement_own_version"}
    return {name: _table(inspector, name) for name in names}


def _table(inspector: sa.Inspector, name: str) -> Table:
    uniques = inspector.get_unique_constraints(name)
    unique_names = {each["name"] for each in uniques}
    return Table(
        {each["name"]: _column(each) for each in inspector.get_columns(name)},
        tuple(inspector.get_pk_constraint(name)["constrained_columns"]),
        {each["name"]: tuple(each["column_names"]) for each in uniques},
        {
            each["name"]: tuple(each["column_names"])
            for each in inspector.get_indexes(name)
            # Some databases list the index of a unique constraint as well.
            if each["name"] not in unique_names
        },
        {
            each["constrained_columns"][0]: each["referred_table"]
            for each in inspector.get_foreign_keys(name)
        },
    )


def _column(column: typing.Any) -> str:
    kind = column["type"]
    if isinstance(kind, sa.String) and not isinstance(kind, sa.Text):
        name = f"varchar({kind.length})"
    else:
        name = next(name for each, name in _TYPES.items() if isinstance(kind, each))
    return name if column["nullable"] else f"{name}!"
