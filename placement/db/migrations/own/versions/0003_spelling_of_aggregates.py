"""Keep, for each provider, how the client wrote the uuid of an aggregate.

The column is NULL for memberships that other services write.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from placement.db import mariadb, tables

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    conn = op.get_bind()
    table = "resource_provider_aggregates"
    # An interrupted upgrade may have added the column already.
    columns = sa.inspect(conn).get_columns(table)
    if "spelling" in {column["name"] for column in columns}:
        return
    # Explicit, because the default of the database may differ from the table.
    exact = mariadb.exact_collation(conn.dialect)
    text = sa.String(36).with_variant(
        mysql.VARCHAR(36, charset=tables.EXACT_CHARSET, collation=exact),
        *mariadb.DIALECTS,
    )
    op.add_column(table, sa.Column("spelling", text))
