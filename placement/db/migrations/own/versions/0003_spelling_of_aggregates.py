"""An aggregate is stored once; each provider keeps how its uuid was written.

The column is NULL for writers that do not know it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    table = "resource_provider_aggregates"
    # An upgrade that ended in the middle may have left the column.
    columns = sa.inspect(op.get_bind()).get_columns(table)
    if "spelling" not in {column["name"] for column in columns}:
        op.add_column(table, sa.Column("spelling", sa.String(36)))
