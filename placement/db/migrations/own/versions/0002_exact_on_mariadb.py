"""Names compare exactly on MariaDB, and ratios are what they were given as.

Another Placement goes on with these tables as with its own.
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
    # What was stored in single precision, such as 0.8999999761581421, was shown and
    # meant as the shortest number that is stored so.
    op.execute(
        "UPDATE inventories "
        "SET allocation_ratio = CAST(CAST(allocation_ratio AS FLOAT) AS CHAR), "
        "updated_at = updated_at"
    )
    collation = mariadb.exact_collation(conn.dialect)
    for table in _comparing_otherwise(conn, collation):
        op.execute(
            # The row format that has room for the index of the longest name.
            f"ALTER TABLE {table} ROW_FORMAT = DYNAMIC, "
            f"CONVERT TO CHARACTER SET {tables.EXACT_CHARSET} COLLATE {collation}"
        )


def _comparing_otherwise(conn: sa.Connection, collation: str) -> list[str]:
    """Return the tables of ours with a text that is not compared as it is to be."""
    found = conn.execute(
        sa.text(
            "SELECT DISTINCT table_name FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND collation_name <> :collation"
        ),
        {"collation": collation},
    )
    return sorted({table for (table,) in found} & tables.metadata.tables.keys())
