"""Require that every consumer with allocations has a record."""

from alembic import op

from placement import exception
from placement.db import checks

revision = "b5c396305c25"
down_revision = "611cd6dffd7b"


def upgrade() -> None:
    found = checks.incomplete_consumers(op.get_bind())
    if found:
        raise exception.ConfigurationError(
            reason=f"{found} consumers have allocations and no record: run "
            "`placement-manage db online_data_migrations` first."
        )
