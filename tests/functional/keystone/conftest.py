"""Fixtures: one Keystone for a module, and services that validate its tokens."""

import collections.abc
import contextlib

import pytest

from tests.functional.keystone.cloud import (
    PREFIX,
    Cloud,
    Place,
    options,
)
from tests.servers import databases, keystone, server, virtualenvs
from tests.servers.plugin import skip_missing


@pytest.fixture(scope="module")
def cloud(pytestconfig: pytest.Config) -> collections.abc.Iterator[Cloud]:
    with contextlib.ExitStack() as stack:
        try:
            identity = stack.enter_context(keystone.running())
        except virtualenvs.MissingError as missing:
            skip_missing(pytestconfig, "keystone", str(missing))
        placement = identity.create_user("placement")
        service_project = identity.create_project("service")
        identity.grant(placement, "service", f"projects/{service_project}")
        project = identity.create_project("one")
        # A role that no policy rule names.
        identity.create_role("visitor")
        callers = {}
        for role in ("admin", "service", "reader", "member", "visitor"):
            callers[role] = identity.create_user(f"{role}-of-one")
            identity.grant(callers[role], role, f"projects/{project}")
        yield Cloud(
            identity,
            placement,
            service_project,
            project,
            identity.create_project("two"),
            callers,
        )


@pytest.fixture(scope="module")
def database(
    tmp_path_factory: pytest.TempPathFactory,
) -> databases.Databases:
    # Authentication does not depend on the database.
    return databases.SqliteFiles(tmp_path_factory.mktemp("databases"))


@pytest.fixture(scope="module")
def place(
    cloud: Cloud, database: databases.Databases
) -> collections.abc.Iterator[Place]:
    with (
        database.new() as url,
        server.processes(url, options=options(cloud), prefix=PREFIX) as service,
    ):
        cloud.keystone.create_endpoint("placement", service.url)
        yield Place(service.url, cloud)


@pytest.fixture
def configured(
    cloud: Cloud, database: databases.Databases
) -> collections.abc.Iterator[collections.abc.Callable[..., server.Application]]:
    """Build a service in this process, with options of ``[keystone_authtoken]``."""
    with contextlib.ExitStack() as stack:

        def make(**more: object) -> server.Application:
            url = stack.enter_context(database.new())
            return stack.enter_context(server.in_process(url, options(cloud, **more)))

        yield make
