"""Fixtures: contexts and transactions on the migrated database of a test."""

import pytest

from placement.db import transaction
from tests.functional.db import contexts


@pytest.fixture
def context(database_url):
    """The context of a request."""
    with contexts.context(database_url) as made:
        yield made


@pytest.fixture
def read(context):
    return lambda work: transaction.read(context, work)


@pytest.fixture
def write(context):
    return lambda work: transaction.write(context, work)
