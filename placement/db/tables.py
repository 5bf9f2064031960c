"""The tables, as SQLAlchemy Core.

Names, columns, indexes and constraints are those of OpenStack's Placement, plus three
columns: ``inventories.used``, ``resource_providers.revision`` and
``resource_provider_aggregates.spelling``. These have server defaults or can be NULL, so
that a service that does not know them can write.
"""

import datetime
import typing

import sqlalchemy as sa

metadata = sa.MetaData()

# In MariaDB's default collations, "a" equals "A" and "a ".
EXACT_CHARSET = "utf8mb4"
EXACT_COLLATION = "utf8mb4_nopad_bin"
_EXACT: dict[str, typing.Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": EXACT_CHARSET,
    "mysql_collate": EXACT_COLLATION,
}


def utcnow() -> datetime.datetime:
    """Return the current time in UTC, without a zone, as the tables store it."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def _timestamps() -> tuple[sa.Column[datetime.datetime], ...]:
    return (
        sa.Column("created_at", sa.DateTime, default=utcnow),
        sa.Column("updated_at", sa.DateTime, onupdate=utcnow),
    )


resource_providers = sa.Table(
    "resource_providers",
    metadata,
    *_timestamps(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("uuid", sa.String(36), nullable=False),
    sa.Column("name", sa.String(200)),
    sa.Column("generation", sa.Integer, default=0),
    sa.Column("root_provider_id", sa.ForeignKey("resource_providers.id")),
    sa.Column("parent_provider_id", sa.ForeignKey("resource_providers.id")),
    # The revision of all that a provider summary shows but usage, if the revision
    # is odd. Before that column, because MariaDB assigns in this order.
    sa.Column("definition_revision", sa.BigInteger, nullable=False, server_default="0"),
    # Advances whenever anything that a provider summary shows changes.
    sa.Column("revision", sa.BigInteger, nullable=False, server_default="0"),
    sa.UniqueConstraint("uuid", name="uniq_resource_providers0uuid"),
    sa.UniqueConstraint("name", name="uniq_resource_providers0name"),
    sa.Index("resource_providers_root_provider_id_idx", "root_provider_id"),
    sa.Index("resource_providers_parent_provider_id_idx", "parent_provider_id"),
    **_EXACT,
)

inventories = sa.Table(
    "inventories",
    metadata,
    *_timestamps(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("resource_provider_id", sa.Integer, nullable=False),
    sa.Column("resource_class_id", sa.Integer, nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("reserved", sa.Integer, nullable=False),
    sa.Column("min_unit", sa.Integer, nullable=False),
    sa.Column("max_unit", sa.Integer, nullable=False),
    sa.Column("step_size", sa.Integer, nullable=False),
    # FLOAT is single precision on MariaDB, where 10 * 0.9 would be less than 9.
    sa.Column("allocation_ratio", sa.Double, nullable=False),
    # The sum of the provider's allocations of the class.
    sa.Column("used", sa.BigInteger, nullable=False, server_default="0"),
    sa.UniqueConstraint(
        "resource_provider_id",
        "resource_class_id",
        name="uniq_inventories0resource_provider_resource_class",
    ),
    sa.Index("inventories_resource_class_id_idx", "resource_class_id"),
    **_EXACT,
)

allocations = sa.Table(
    "allocations",
    metadata,
    *_timestamps(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("resource_provider_id", sa.Integer, nullable=False),
    # The consumer's uuid, not the id of its record.
    sa.Column("consumer_id", sa.String(36), nullable=False),
    sa.Column("resource_class_id", sa.Integer, nullable=False),
    sa.Column("used", sa.Integer, nullable=False),
    sa.Index(
        "allocations_resource_provider_class_used_idx",
        "resource_provider_id",
        "resource_class_id",
        "used",
    ),
    sa.Index("allocations_resource_class_id_idx", "resource_class_id"),
    sa.Index("allocations_consumer_id_idx", "consumer_id"),
    **_EXACT,
)

consumers = sa.Table(
    "consumers",
    metadata,
    *_timestamps(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("uuid", sa.String(36), nullable=False),
    sa.Column("project_id", sa.Integer, nullable=False),
    sa.Column("user_id", sa.Integer, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False, server_default="0"),
    sa.Column(
        "consumer_type_id",
        sa.ForeignKey("consumer_types.id", name="consumers_consumer_type_id_fkey"),
    ),
    sa.UniqueConstraint("uuid", name="uniq_consumers0uuid"),
    sa.Index("consumers_project_id_uuid_idx", "project_id", "uuid"),
    sa.Index("consumers_project_id_user_id_uuid_idx", "project_id", "user_id", "uuid"),
    sa.Index("consumers_consumer_type_id_idx", "consumer_type_id"),
    **_EXACT,
)

consumer_types = sa.Table(
    "consumer_types",
    metadata,
    *_timestamps(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.UniqueConstraint("name", name="uniq_consumer_types0name"),
    **_EXACT,
)

projects = sa.Table(
    "projects",
    metadata,
    *_timestamps(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("external_id", sa.String(255), nullable=False),
    sa.UniqueConstraint("external_id", name="uniq_projects0external_id"),
    **_EXACT,
)

users = sa.Table(
    "users",
    metadata,
    *_timestamps(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("external_id", sa.String(255), nullable=False),
    sa.UniqueConstraint("external_id", name="uniq_users0external_id"),
    **_EXACT,
)

resource_classes = sa.Table(
    "resource_classes",
    metadata,
    *_timestamps(),
    # Assigned by the service, never by the database.
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.UniqueConstraint("name", name="uniq_resource_classes0name"),
    **_EXACT,
)

traits = sa.Table(
    "traits",
    metadata,
    *_timestamps(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.UniqueConstraint("name", name="uniq_traits0name"),
    **_EXACT,
)

placement_aggregates = sa.Table(
    "placement_aggregates",
    metadata,
    *_timestamps(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("uuid", sa.String(36)),
    sa.UniqueConstraint("uuid", name="uniq_placement_aggregates0uuid"),
    **_EXACT,
)

resource_provider_aggregates = sa.Table(
    "resource_provider_aggregates",
    metadata,
    *_timestamps(),
    sa.Column(
        "resource_provider_id", sa.Integer, primary_key=True, autoincrement=False
    ),
    sa.Column("aggregate_id", sa.Integer, primary_key=True, autoincrement=False),
    # The uuid of the aggregate as the client wrote it; NULL if it is canonical.
    sa.Column("spelling", sa.String(36)),
    sa.Index("resource_provider_aggregates_aggregate_id_idx", "aggregate_id"),
    **_EXACT,
)

resource_provider_traits = sa.Table(
    "resource_provider_traits",
    metadata,
    *_timestamps(),
    sa.Column("trait_id", sa.ForeignKey("traits.id"), primary_key=True),
    sa.Column(
        "resource_provider_id",
        sa.ForeignKey("resource_providers.id"),
        primary_key=True,
    ),
    sa.Index(
        "resource_provider_traits_resource_provider_trait_idx",
        "resource_provider_id",
        "trait_id",
    ),
    **_EXACT,
)

# Row 1 has the revision of names, which advances when a resource class or trait is
# created, renamed or deleted. On a Galera cluster, writers also update a row per custom
# class, to make changes on different nodes conflict; its revision is never read.
name_changes = sa.Table(
    "placement_name_changes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    **_EXACT,
)
