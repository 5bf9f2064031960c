"""Databases with the tables, the names that worlds use, and nothing else."""

import pytest
import sqlalchemy as sa

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from tests.servers import databases
from tests.unit.candidates import worlds


@pytest.fixture(scope="module")
def engine(database_kind, database_server):
    """An engine for worlds, on each kind of database that is asked for."""
    if database_kind == databases.SQLITE:
        engine = sa.create_engine("sqlite://")
        worlds.make_tables(engine)
        yield engine
        return
    with database_server.empty() as url:
        engine = engines.create_engine(DatabaseSettings(url))
        worlds.make_tables(engine)
        yield engine
        engine.dispose()
