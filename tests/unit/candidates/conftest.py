"""A database with the tables, the names that worlds use, and nothing else.

``tests/functional/candidates`` runs the same tests on the other databases.
"""

import pytest

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from tests.unit.candidates import worlds


@pytest.fixture(scope="module")
def engine():
    """An engine for worlds, on SQLite."""
    engine = engines.create_engine(DatabaseSettings("sqlite://"))
    worlds.make_tables(engine)
    yield engine
    engine.dispose()
