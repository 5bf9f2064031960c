"""Databases and applications for the tests that need real ones."""

import collections.abc
import os

import pytest

from tests.conftest import MISSING
from tests.functional import databases, postgresql, server


@pytest.fixture(scope="session")
def database_server(
    database_kind: str, pytestconfig: pytest.Config
) -> collections.abc.Iterator[databases.Databases]:
    """Where new databases of a kind come from; one for all tests.

    A kind that this machine lacks is skipped, but never unseen: the summary ends
    with it, and in continuous integration it is a failure.
    """
    try:
        with databases.opened(database_kind) as opened:
            yield opened
    except postgresql.MissingError as missing:
        pytestconfig.stash[MISSING][database_kind] = str(missing)
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail(f"{database_kind}: {missing}", pytrace=False)
        pytest.skip(f"{database_kind}: {missing}")


@pytest.fixture
def database_url(
    database_server: databases.Databases,
) -> collections.abc.Iterator[str]:
    """A migrated database of the test's own, with the standard names in it."""
    with database_server.new() as url:
        yield url


@pytest.fixture
def empty_database_url(
    database_server: databases.Databases,
) -> collections.abc.Iterator[str]:
    """A database of the test's own without any table."""
    with database_server.empty() as url:
        yield url


@pytest.fixture
def application(database_url: str) -> collections.abc.Iterator[server.Application]:
    """The service in this process, on a database of its own."""
    with server.in_process(database_url) as loaded:
        yield loaded
