"""Add states of providers, holds, groups, releases, limits, and the feed of changes.

The state has a default for services that do not write it. The rows of a consumer go
with the consumer's record, whichever service deletes it.
"""

import typing

import sqlalchemy as sa
from alembic import op

from placement.db import mariadb, tables

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # Without transactional DDL, an interrupted upgrade leaves part of its changes.
    found = sa.inspect(op.get_bind())
    columns = {each["name"] for each in found.get_columns("resource_providers")}
    if "state" not in columns:
        op.add_column(
            "resource_providers",
            sa.Column("state", sa.Integer, nullable=False, server_default="0"),
        )
    for name, parts in _tables().items():
        if not found.has_table(name):
            op.create_table(name, *parts, **_exact(op.get_bind().dialect))
    if op.get_bind().dialect.name == "sqlite":
        # It does not enforce foreign keys unless each connection asks for it.
        op.execute(
            "CREATE TRIGGER IF NOT EXISTS placement_consumer_deleted "
            "AFTER DELETE ON consumers BEGIN "
            "DELETE FROM placement_holds WHERE consumer_id = OLD.id; "
            "DELETE FROM placement_group_members WHERE consumer_id = OLD.id; "
            "END"
        )


def _tables() -> dict[str, list[sa.schema.SchemaItem]]:
    # Whole: the new tables, by name.
    return {
        "placement_provider_states": [
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("resource_provider_id", sa.Integer, nullable=False),
            sa.Column("state", sa.Integer, nullable=False),
            sa.Column("reason", sa.String(1000), nullable=False),
            sa.Column("project_id", sa.String(255)),
            sa.Column("user_id", sa.String(255)),
            sa.Column("set_at", sa.BigInteger, nullable=False),
            sa.Column("until", sa.BigInteger),
            sa.Index(
                "placement_provider_states_resource_provider_id_idx",
                "resource_provider_id",
            ),
            sa.Index("placement_provider_states_until_idx", "until"),
        ],
        "placement_holds": [
            _consumer_id(),
            sa.Column("expires_at", sa.BigInteger, nullable=False),
            sa.Index("placement_holds_expires_at_idx", "expires_at"),
        ],
        "placement_groups": [
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("project_id", sa.String(255), nullable=False),
            sa.Column("name", sa.String(255), nullable=False),
            sa.Column("policy", sa.String(32), nullable=False),
            sa.Column("max_per_host", sa.Integer, nullable=False),
            sa.Column("aggregates", sa.Text),
            sa.Column("revision", sa.BigInteger, nullable=False),
            sa.UniqueConstraint(
                "project_id", "name", name="uniq_placement_groups0project_id0name"
            ),
        ],
        "placement_group_members": [
            _consumer_id(),
            sa.Column(
                "group_id",
                sa.Integer,
                sa.ForeignKey(
                    "placement_groups.id", name="placement_group_members_group_id_fkey"
                ),
                nullable=False,
            ),
            sa.Index("placement_group_members_group_id_idx", "group_id"),
        ],
        "placement_idempotency_keys": [
            sa.Column("id", sa.String(64), primary_key=True),
            sa.Column("body_hash", sa.String(64), nullable=False),
            sa.Column("answer", sa.LargeBinary(2**24 - 1)),
            sa.Column("expires_at", sa.BigInteger, nullable=False),
            sa.Index("placement_idempotency_keys_expires_at_idx", "expires_at"),
        ],
        "placement_releases": [
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("consumer_uuid", sa.String(36), nullable=False),
            sa.Column("released_at", sa.BigInteger, nullable=False),
            sa.Column("reason", sa.String(1000), nullable=False),
            sa.Column("project_id", sa.String(255)),
            sa.Column("user_id", sa.String(255)),
            sa.Column("restore", sa.LargeBinary(2**24 - 1), nullable=False),
            sa.Index("placement_releases_consumer_uuid_idx", "consumer_uuid"),
            sa.Index("placement_releases_released_at_idx", "released_at"),
        ],
        "placement_limits": [
            sa.Column("project_id", sa.String(255), primary_key=True),
            _resource_class_id(),
            sa.Column("max_units", sa.BigInteger, nullable=False),
            sa.Column("set_at", sa.BigInteger, nullable=False),
        ],
        "placement_limited_usages": [
            sa.Column("project_id", sa.String(255), primary_key=True),
            _resource_class_id(),
            sa.Column("used", sa.BigInteger, nullable=False),
            sa.Column("counted_at", sa.BigInteger, nullable=False),
        ],
        "placement_changes": [
            sa.Column("id", _BIG_ID, primary_key=True),
            sa.Column("position", sa.BigInteger),
            sa.Column("kind", sa.String(32), nullable=False),
            sa.Column("provider_uuid", sa.String(36)),
            sa.Column("consumer_uuid", sa.String(36)),
            sa.Column("generation", sa.Integer),
            sa.Column("changed_at", sa.BigInteger, nullable=False),
            sa.UniqueConstraint("position", name="uniq_placement_changes0position"),
        ],
        "placement_change_positions": [
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("last", sa.BigInteger, nullable=False),
            sa.Column("compacted", sa.BigInteger, nullable=False),
        ],
    }


# SQLite numbers the rows of INTEGER keys only.
_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _consumer_id() -> sa.Column[int]:
    return sa.Column(
        "consumer_id",
        sa.Integer,
        sa.ForeignKey("consumers.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )


def _resource_class_id() -> sa.Column[int]:
    return sa.Column(
        "resource_class_id", sa.Integer, primary_key=True, autoincrement=False
    )


def _exact(dialect: sa.Dialect) -> dict[str, typing.Any]:
    """Return the options of a table that compares text exactly."""
    if dialect.name not in mariadb.DIALECTS:
        return {}
    return {
        "mysql_engine": "InnoDB",
        "mysql_charset": tables.EXACT_CHARSET,
        "mysql_collate": mariadb.exact_collation(dialect),
        "mysql_row_format": "DYNAMIC",
    }
