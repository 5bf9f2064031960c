"""Require that every provider has a root."""

from alembic import op

from placement import exception
from placement.db import checks

revision = "611cd6dffd7b"
down_revision = "b4ed3a175331"


def upgrade() -> None:
    found = checks.missing_root_provider_ids(op.get_bind())
    if found:
        raise exception.ConfigurationError(
            reason=f"{found} resource providers have no root_provider_id: run "
            "`placement-manage db online_data_migrations` first."
        )
