"""A pytest plugin: the kinds of database to test on, and fixtures for databases."""

import collections.abc
import contextlib
import functools
import os
import typing

import pytest
import sqlalchemy as sa

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from tests.servers import accounts, databases, server

# Why tests were skipped, by kind of server.
_MISSING = pytest.StashKey[dict[str, str]]()

_Open = collections.abc.Callable[[str], databases.Databases]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        default=",".join(databases.KINDS),
        help=f"kinds of database, of {','.join(databases.KINDS)} (default: all)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_MISSING] = {}
    unknown = set(_kinds(config)) - set(databases.KINDS)
    if unknown:
        raise pytest.UsageError(f"--database: unknown: {', '.join(sorted(unknown))}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat each test that uses ``database_kind`` on every kind of database.

    A test with the mark ``any_database`` does not depend on the kind, and runs on the
    first one.
    """
    if "database_kind" in metafunc.fixturenames:
        kinds = _kinds(metafunc.config)
        if metafunc.definition.get_closest_marker("any_database"):
            kinds = kinds[:1]
        metafunc.parametrize("database_kind", kinds, scope="session")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the missing servers from an xdist worker to its controller."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["missing"] = session.config.stash[_MISSING]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: typing.Any) -> None:
    """Collect the missing servers of an xdist worker; a killed worker sends none."""
    missing = getattr(node, "workeroutput", {}).get("missing", {})
    node.config.stash[_MISSING].update(missing)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End the summary with the servers that were missing."""
    for kind, reason in terminalreporter.config.stash[_MISSING].items():
        terminalreporter.section("NOT TESTED", red=True, bold=True)
        terminalreporter.line(f"Nothing was tested on {kind}: {reason}.")
        terminalreporter.line("scripts/test installs it if it has the permission.")


def skip_missing(config: pytest.Config, kind: str, reason: str) -> typing.NoReturn:
    """Skip the test because this machine has no server of ``kind``.

    The summary ends with the reason. In continuous integration the test fails.
    """
    config.stash[_MISSING][kind] = reason
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(f"{kind}: {reason}", pytrace=False)
    pytest.skip(f"{kind}: {reason}")


def _kinds(config: pytest.Config) -> list[str]:
    return [kind for kind in config.getoption("--database").split(",") if kind]


@pytest.fixture(scope="session")
def database_kinds(pytestconfig: pytest.Config) -> list[str]:
    """The kinds of database that this run tests."""
    return _kinds(pytestconfig)


@pytest.fixture(scope="session")
def database_servers() -> collections.abc.Iterator[_Open]:
    """A function that starts the server of a kind, once; all stop after the session."""
    with contextlib.ExitStack() as stack:
        yield functools.cache(
            lambda kind: stack.enter_context(databases.opened(kind)),
        )


@pytest.fixture(scope="session")
def database_server(
    database_kind: str, database_servers: _Open, pytestconfig: pytest.Config
) -> databases.Databases:
    """The server of a kind, one per session; skips if this machine has none."""
    try:
        return database_servers(database_kind)
    except accounts.MissingError as missing:
        skip_missing(pytestconfig, database_kind, str(missing))


@pytest.fixture(scope="session")
def postgresql_server(
    database_kinds: list[str], database_servers: _Open, pytestconfig: pytest.Config
) -> databases.Databases:
    """The PostgreSQL server, for tests that are about PostgreSQL only."""
    kind = databases.POSTGRESQL
    if kind not in database_kinds:
        pytest.skip("about PostgreSQL")
    try:
        return database_servers(kind)
    except accounts.MissingError as missing:
        skip_missing(pytestconfig, kind, str(missing))


@pytest.fixture
def database_url(
    database_server: databases.Databases,
) -> collections.abc.Iterator[str]:
    """A migrated database with the standard names, for one test."""
    with database_server.new() as url:
        yield url


@pytest.fixture(scope="module")
def module_database_url(
    database_server: databases.Databases,
) -> collections.abc.Iterator[str]:
    """A migrated database with the standard names, for one module."""
    with database_server.new() as url:
        yield url


@pytest.fixture
def empty_database_url(
    database_server: databases.Databases,
) -> collections.abc.Iterator[str]:
    """A database without tables, for one test."""
    with database_server.empty() as url:
        yield url


@pytest.fixture
def application(database_url: str) -> collections.abc.Iterator[server.Application]:
    """The service in this process, on a database for one test."""
    with server.in_process(database_url) as loaded:
        yield loaded


@pytest.fixture
def engine(database_url: str) -> collections.abc.Iterator[sa.Engine]:
    """An engine as the service creates it, on a database for one test."""
    made = engines.create_engine(DatabaseSettings(database_url))
    yield made
    made.dispose()
