"""Create the first tables."""

import typing

import sqlalchemy as sa
from alembic import op

revision = "b4ed3a175331"
down_revision = None


def _timestamps() -> list[sa.Column[typing.Any]]:
    return [sa.Column("created_at", sa.DateTime), sa.Column("updated_at", sa.DateTime)]


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True)


def upgrade() -> None:
    _named("resource_classes", "name")
    _named("traits", "name")
    _named("projects", "external_id")
    _named("users", "external_id")
    op.create_table(
        "placement_aggregates",
        *_timestamps(),
        _id(),
        sa.Column("uuid", sa.String(36)),
        sa.UniqueConstraint("uuid", name="uniq_placement_aggregates0uuid"),
    )
    op.create_index("ix_placement_aggregates_uuid", "placement_aggregates", ["uuid"])
    _resource_providers()
    _provider_associations()
    _inventories()
    _consumers_and_allocations()


def _named(table: str, column: str) -> None:
    op.create_table(
        table,
        *_timestamps(),
        # The service assigns the ids of classes, never the database.
        _id(),
        sa.Column(column, sa.String(255), nullable=False),
        sa.UniqueConstraint(column, name=f"uniq_{table}0{column}"),
    )


def _resource_providers() -> None:
    op.create_table(
        "resource_providers",
        *_timestamps(),
        _id(),
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("name", sa.String(200)),
        sa.Column("generation", sa.Integer),
        sa.Column("root_provider_id", sa.Integer),
        sa.Column("parent_provider_id", sa.Integer),
        sa.ForeignKeyConstraint(["parent_provider_id"], ["resource_providers.id"]),
        sa.ForeignKeyConstraint(["root_provider_id"], ["resource_providers.id"]),
        sa.UniqueConstraint("uuid", name="uniq_resource_providers0uuid"),
        sa.UniqueConstraint("name", name="uniq_resource_providers0name"),
    )
    _indexes(
        "resource_providers",
        resource_providers_name_idx=["name"],
        resource_providers_uuid_idx=["uuid"],
        resource_providers_root_provider_id_idx=["root_provider_id"],
        resource_providers_parent_provider_id_idx=["parent_provider_id"],
    )


def _provider_associations() -> None:
    op.create_table(
        "resource_provider_aggregates",
        *_timestamps(),
        sa.Column("resource_provider_id", sa.Integer, nullable=False),
        sa.Column("aggregate_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("resource_provider_id", "aggregate_id"),
    )
    _indexes(
        "resource_provider_aggregates",
        resource_provider_aggregates_aggregate_id_idx=["aggregate_id"],
    )
    op.create_table(
        "resource_provider_traits",
        *_timestamps(),
        sa.Column("trait_id", sa.Integer, nullable=False),
        sa.Column("resource_provider_id", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["resource_provider_id"], ["resource_providers.id"]),
        sa.ForeignKeyConstraint(["trait_id"], ["traits.id"]),
        sa.PrimaryKeyConstraint("trait_id", "resource_provider_id"),
    )
    _indexes(
        "resource_provider_traits",
        resource_provider_traits_resource_provider_trait_idx=[
            "resource_provider_id",
            "trait_id",
        ],
    )


def _inventories() -> None:
    amounts = ("total", "reserved", "min_unit", "max_unit", "step_size")
    op.create_table(
        "inventories",
        *_timestamps(),
        _id(),
        sa.Column("resource_provider_id", sa.Integer, nullable=False),
        sa.Column("resource_class_id", sa.Integer, nullable=False),
        *(sa.Column(amount, sa.Integer, nullable=False) for amount in amounts),
        sa.Column("allocation_ratio", sa.Float, nullable=False),
        sa.UniqueConstraint(
            "resource_provider_id",
            "resource_class_id",
            name="uniq_inventories0resource_provider_resource_class",
        ),
    )
    _indexes(
        "inventories",
        inventories_resource_class_id_idx=["resource_class_id"],
        inventories_resource_provider_id_idx=["resource_provider_id"],
        inventories_resource_provider_resource_class_idx=[
            "resource_provider_id",
            "resource_class_id",
        ],
    )


def _consumers_and_allocations() -> None:
    op.create_table(
        "consumers",
        *_timestamps(),
        _id(),
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("project_id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False, server_default="0"),
        sa.UniqueConstraint("uuid", name="uniq_consumers0uuid"),
    )
    _indexes(
        "consumers",
        consumers_project_id_uuid_idx=["project_id", "uuid"],
        consumers_project_id_user_id_uuid_idx=["project_id", "user_id", "uuid"],
    )
    op.create_table(
        "allocations",
        *_timestamps(),
        _id(),
        sa.Column("resource_provider_id", sa.Integer, nullable=False),
        sa.Column("consumer_id", sa.String(36), nullable=False),
        sa.Column("resource_class_id", sa.Integer, nullable=False),
        sa.Column("used", sa.Integer, nullable=False),
    )
    _indexes(
        "allocations",
        allocations_resource_provider_class_used_idx=[
            "resource_provider_id",
            "resource_class_id",
            "used",
        ],
        allocations_resource_class_id_idx=["resource_class_id"],
        allocations_consumer_id_idx=["consumer_id"],
    )


def _indexes(table: str, **indexes: list[str]) -> None:
    for name, columns in indexes.items():
        op.create_index(name, table, columns)
