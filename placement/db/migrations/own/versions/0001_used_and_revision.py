"""Add ``inventories.used``, provider revisions, and the revision of names.

The columns have defaults for services that do not write them. Reconciling fills them
afterwards, while the service can run.
"""

import sqlalchemy as sa
from alembic import op

from placement.db.revision import first

revision = "0001"
down_revision = None


def upgrade() -> None:
    # Without transactional DDL, an interrupted upgrade leaves part of its changes.
    found = sa.inspect(op.get_bind())
    _add_column(found, "inventories", "used")
    _add_column(found, "resource_providers", "revision")
    if op.get_bind().dialect.name in ("mysql", "mariadb"):
        # FLOAT is single precision there: 10 times 0.9 would be less than 9.
        op.alter_column(
            "inventories",
            "allocation_ratio",
            type_=sa.Double(),
            existing_nullable=False,
        )
    if not found.has_table("placement_name_changes"):
        op.create_table(
            "placement_name_changes",
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("revision", sa.BigInteger, nullable=False),
        )
    changes = sa.table("placement_name_changes", sa.column("id"), sa.column("revision"))
    if op.get_bind().scalar(sa.select(changes.c.id)) is None:
        op.execute(sa.insert(changes).values(id=1, revision=first()))


def _add_column(found: sa.Inspector, table: str, name: str) -> None:
    if name not in {column["name"] for column in found.get_columns(table)}:
        op.add_column(
            table, sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
        )
