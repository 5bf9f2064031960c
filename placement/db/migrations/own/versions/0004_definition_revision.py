"""Add the revision of a provider's definition, which claims do not change.

The column has a default for services that do not write it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    table, name = "resource_providers", "definition_revision"
    # An interrupted upgrade may have added the column already.
    columns = sa.inspect(op.get_bind()).get_columns(table)
    if name not in {column["name"] for column in columns}:
        op.add_column(
            table, sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
        )
