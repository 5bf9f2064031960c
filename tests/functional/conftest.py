"""A small cloud for the tests of the running service."""

import pytest
import sqlalchemy as sa

from tests.functional.db import worlds


@pytest.fixture
def world(engine: sa.Engine) -> sa.Engine:
    """An engine on a small cloud without inconsistencies."""
    worlds.write(engine)
    return engine
