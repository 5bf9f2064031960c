"""What is used of an inventory, and what is new about a provider, in one column each.

Also the record of changed names. The columns have defaults for writers that do
not know them.
"""

import sqlalchemy as sa
from alembic import op

from placement.db import online

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.add_column(
        "inventories",
        sa.Column("used", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.add_column(
        "resource_providers",
        sa.Column("revision", sa.BigInteger, nullable=False, server_default="0"),
    )
    if op.get_bind().dialect.name in ("mysql", "mariadb"):
        # FLOAT is single precision there: ten times 0.9 would be less than nine.
        op.alter_column(
            "inventories",
            "allocation_ratio",
            type_=sa.Double(),
            existing_nullable=False,
        )
    changes = op.create_table(
        "placement_name_changes",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(changes, [{"id": 1, "revision": 0}])
    online.fill_used(op.get_bind())
