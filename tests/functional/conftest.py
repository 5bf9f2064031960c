"""Databases and applications for the tests that need real ones."""

import collections.abc
import contextlib
import functools
import os
import typing

import pytest
import sqlalchemy as sa

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from tests.conftest import MISSING, kinds
from tests.functional import accounts, databases, server
from tests.functional.db import worlds

_Open = collections.abc.Callable[[str], databases.Databases]


@pytest.fixture(scope="session")
def database_servers() -> collections.abc.Iterator[_Open]:
    """What opens the server of a kind, or returns it; they close after all tests."""
    with contextlib.ExitStack() as stack:
        yield functools.cache(
            lambda kind: stack.enter_context(databases.opened(kind)),
        )


@pytest.fixture(scope="session")
def database_server(
    database_kind: str, database_servers: _Open, pytestconfig: pytest.Config
) -> databases.Databases:
    """Where new databases of a kind come from; one for all tests.

    A kind that this machine lacks is skipped, but never unseen.
    """
    try:
        return database_servers(database_kind)
    except accounts.MissingError as missing:
        skip_loudly(pytestconfig, database_kind, str(missing))


@pytest.fixture(scope="session")
def postgresql_server(
    database_kinds: list[str], database_servers: _Open, pytestconfig: pytest.Config
) -> databases.Databases:
    """Where new databases come from for tests that are about PostgreSQL only."""
    kind = databases.POSTGRESQL
    if kind not in database_kinds:
        pytest.skip("about PostgreSQL")
    try:
        return database_servers(kind)
    except accounts.MissingError as missing:
        skip_loudly(pytestconfig, kind, str(missing))


def skip_loudly(config: pytest.Config, kind: str, reason: str) -> typing.NoReturn:
    """Skip what needs a ``kind`` of server that this machine lacks.

    The summary ends with it, and in continuous integration it is a failure.
    """
    config.stash[MISSING][kind] = reason
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(f"{kind}: {reason}", pytrace=False)
    pytest.skip(f"{kind}: {reason}")


@pytest.fixture(scope="session")
def database_kinds(pytestconfig: pytest.Config) -> list[str]:
    """The kinds of database that are tested in this run."""
    return kinds(pytestconfig)


@pytest.fixture
def database_url(
    database_server: databases.Databases,
) -> collections.abc.Iterator[str]:
    """A migrated database of the test's own, with the standard names in it."""
    with database_server.new() as url:
        yield url


@pytest.fixture(scope="module")
def module_database_url(
    database_server: databases.Databases,
) -> collections.abc.Iterator[str]:
    """A migrated database of all the tests of a module."""
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


@pytest.fixture
def engine(database_url: str) -> collections.abc.Iterator[sa.Engine]:
    """An engine as the service has it, on a database of the test's own."""
    made = engines.create_engine(DatabaseSettings(database_url))
    yield made
    made.dispose()


@pytest.fixture
def world(engine: sa.Engine) -> sa.Engine:
    """An engine on a small cloud in which everything agrees."""
    worlds.write(engine)
    return engine
