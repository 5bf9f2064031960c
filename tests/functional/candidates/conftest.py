"""The engine for worlds, on PostgreSQL and MariaDB."""

import pytest

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from tests.servers import databases
from tests.unit.candidates import worlds


@pytest.fixture(scope="module")
def engine(database_kind, database_server):
    """An engine for worlds; tests/unit/candidates has the one for SQLite."""
    if database_kind == databases.SQLITE:
        pytest.skip("runs in tests/unit/candidates")
    with database_server.empty() as url:
        engine = engines.create_engine(DatabaseSettings(url))
        worlds.make_tables(engine)
        yield engine
        engine.dispose()
