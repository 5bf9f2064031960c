"""The tables, as SQLAlchemy Core.

Names, columns, indexes and constraints are those of OpenStack's Placement. Columns of
our own have server defaults or can be NULL, so that a service that does not know them
can write. The names of our own tables begin with ``placement_`` (but
``placement_aggregates`` is not ours).

Times of our own tables are microseconds since 1970, by the clock of the database.
"""

# Whole: all tables.
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
    # The revision of all that a provider summary shows except usage, if the revision
    # is odd. Before that column, because MariaDB assigns in this order.
    sa.Column("definition_revision", sa.BigInteger, nullable=False, server_default="0"),
    # Advances whenever anything that a provider summary shows changes.
    sa.Column("revision", sa.BigInteger, nullable=False, server_default="0"),
    # 0 in service, 1 cordoned, 2 quarantined.
    sa.Column("state", sa.Integer, nullable=False, server_default="0"),
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


# Every change of the state of a provider; the last row of a provider is current.
provider_states = sa.Table(
    "placement_provider_states",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("resource_provider_id", sa.Integer, nullable=False),
    sa.Column("state", sa.Integer, nullable=False),
    sa.Column("reason", sa.String(1000), nullable=False),
    # Who has set it, by external ids.
    sa.Column("project_id", sa.String(255)),
    sa.Column("user_id", sa.String(255)),
    sa.Column("set_at", sa.BigInteger, nullable=False),
    # When the provider returns to service by itself; NULL: never.
    sa.Column("until", sa.BigInteger),
    sa.Index(
        "placement_provider_states_resource_provider_id_idx", "resource_provider_id"
    ),
    sa.Index("placement_provider_states_until_idx", "until"),
    **_EXACT,
)


def _consumer_id() -> sa.Column[int]:
    """Return the key of a table whose rows are deleted with the consumer's record."""
    return sa.Column(
        "consumer_id",
        sa.ForeignKey("consumers.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )


# Consumers whose allocations are released at a time unless they are confirmed.
holds = sa.Table(
    "placement_holds",
    metadata,
    _consumer_id(),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Index("placement_holds_expires_at_idx", "expires_at"),
    **_EXACT,
)

# Groups of consumers that are kept together or apart.
groups = sa.Table(
    "placement_groups",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    # The project's external id.
    sa.Column("project_id", sa.String(255), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("policy", sa.String(32), nullable=False),
    sa.Column("max_per_host", sa.Integer, nullable=False),
    # A JSON list of the uuids of aggregates, if they are the domains of the group
    # instead of roots.
    sa.Column("aggregates", sa.Text),
    # Advances with every claim for the group, which makes such claims wait for each
    # other, and conflict on a Galera cluster.
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.UniqueConstraint(
        "project_id", "name", name="uniq_placement_groups0project_id0name"
    ),
    **_EXACT,
)

group_members = sa.Table(
    "placement_group_members",
    metadata,
    _consumer_id(),
    sa.Column(
        "group_id",
        sa.ForeignKey(
            "placement_groups.id", name="placement_group_members_group_id_fkey"
        ),
        nullable=False,
    ),
    sa.Index("placement_group_members_group_id_idx", "group_id"),
    **_EXACT,
)

# The answers to requests with an Idempotency-Key, until they expire.
idempotency_keys = sa.Table(
    "placement_idempotency_keys",
    metadata,
    # SHA-256 of the caller's project and user and the key, in hexadecimal digits.
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("body_hash", sa.String(64), nullable=False),
    # NULL only within the transaction that inserts the row.
    sa.Column("answer", sa.LargeBinary(2**24 - 1)),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Index("placement_idempotency_keys_expires_at_idx", "expires_at"),
    **_EXACT,
)

# What operators have released by ``/-/v1/consumers:release``, until it is swept.
releases = sa.Table(
    "placement_releases",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("consumer_uuid", sa.String(36), nullable=False),
    sa.Column("released_at", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.String(1000), nullable=False),
    # Who has released it, by external ids.
    sa.Column("project_id", sa.String(255)),
    sa.Column("user_id", sa.String(255)),
    # As JSON, the request that puts it back.
    sa.Column("restore", sa.LargeBinary(2**24 - 1), nullable=False),
    sa.Index("placement_releases_consumer_uuid_idx", "consumer_uuid"),
    sa.Index("placement_releases_released_at_idx", "released_at"),
    **_EXACT,
)

# How much projects may hold.
limits = sa.Table(
    "placement_limits",
    metadata,
    # The project's external id, or ``DEFAULT_PROJECT``.
    sa.Column("project_id", sa.String(255), primary_key=True),
    # ``CONSUMERS`` limits the number of consumers.
    sa.Column("resource_class_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("max_units", sa.BigInteger, nullable=False),
    sa.Column("set_at", sa.BigInteger, nullable=False),
    **_EXACT,
)

# Stands for consumers where resource classes have limits.
CONSUMERS = -1

# Its limit of a class holds for all projects without a limit of that class.
DEFAULT_PROJECT = "default"

# What a project holds of a class that has a limit. A claim creates the row.
limited_usages = sa.Table(
    "placement_limited_usages",
    metadata,
    sa.Column("project_id", sa.String(255), primary_key=True),
    sa.Column("resource_class_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("used", sa.BigInteger, nullable=False),
    # When ``used`` was counted.
    sa.Column("counted_at", sa.BigInteger, nullable=False),
    **_EXACT,
)

# The feed of changes.
changes = sa.Table(
    "placement_changes",
    metadata,
    sa.Column(
        "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True
    ),
    # NULL until the transaction is committed; then the sequencer assigns it.
    sa.Column("position", sa.BigInteger),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("provider_uuid", sa.String(36)),
    sa.Column("consumer_uuid", sa.String(36)),
    sa.Column("generation", sa.Integer),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("position", name="uniq_placement_changes0position"),
    **_EXACT,
)

# Row 1 has the last position that was assigned, and the greatest that was deleted.
change_positions = sa.Table(
    "placement_change_positions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("compacted", sa.BigInteger, nullable=False),
    **_EXACT,
)
