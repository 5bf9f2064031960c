"""An aggregate is stored once; each provider keeps how its uuid was written.

The column is NULL for writers that do not know it.
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
    # An upgrade that ended in the middle may have left the column.
    columns = sa.inspect(conn).get_columns(table)
    if "spelling" in {column["name"] for column in columns}:
        return
    # As all text of the table; the default of a database may be another.
    exact = mariadb.exact_collation(conn.dialect)
    text = sa.String(36).with_variant(
        mysql.VARCHAR(36, charset=tables.EXACT_CHARSET, collation=exact),
        *mariadb.DIALECTS,
    )
    op.add_column(table, sa.Column("spelling", text))
