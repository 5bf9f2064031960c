"""Compare names exactly on MariaDB, and restore ratios to what clients sent.

OpenStack's Placement can go on with these tables.
"""

import sqlalchemy as sa
from alembic import op

from placement.db import mariadb, tables

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    conn = op.get_bind()
    if conn.dialect.name not in mariadb.DIALECTS:
        return
    # A single precision value such as 0.8999999761581421 stands for the shortest number
    # that is stored as such, 0.9, which clients were shown.
    op.execute(
        "UPDATE inventories "
        "SET allocation_ratio = CAST(CAST(allocation_ratio AS FLOAT) AS CHAR), "
        "updated_at = updated_at"
    )
    collation = mariadb.exact_collation(conn.dialect)
    for table in _with_other_collation(conn, collation):
        op.execute(
            # Other row formats cannot index the longest names.
            f"ALTER TABLE {table} ROW_FORMAT = DYNAMIC, "
            f"CONVERT TO CHARACTER SET {tables.EXACT_CHARSET} COLLATE {collation}"
        )


def _with_other_collation(conn: sa.Connection, collation: str) -> list[str]:
    """Return our tables that have a column with another collation."""
    found = conn.execute(
        sa.text(
            "SELECT DISTINCT table_name FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND collation_name <> :collation"
        ),
        {"collation": collation},
    )
    return sorted({table for (table,) in found} & tables.metadata.tables.keys())
