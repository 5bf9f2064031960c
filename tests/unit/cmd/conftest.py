import os
import typing
from unittest import mock

import click.testing
import pytest

from placement.client import Client, Inventories, Inventory, WSGITransport
from placement.cmd.connection import Connection
from placement.cmd.placement import placement
from tests.unit import in_process
from tests.unit.cmd import operators


class Hosts(typing.NamedTuple):
    """The uuids of two providers: one has 1 VCPU, two has 2; both have 64 MB."""

    one: str
    two: str


@pytest.fixture
def application(tmp_path):
    return in_process.application(tmp_path)


@pytest.fixture
def client(application):
    """A client of a service with an empty database."""
    return Client(WSGITransport(application))


@pytest.fixture
def endpoint(application):
    """The URL of the same service."""
    with in_process.serving(application) as url:
        yield url


@pytest.fixture
def bare_command(tmp_path, monkeypatch):
    """Return a function that runs the command on a machine without a server."""
    monkeypatch.setenv("PLACEMENT_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("PLACEMENT_ENDPOINT", raising=False)
    monkeypatch.delenv("PLACEMENT_TOKEN", raising=False)

    def run(*arguments, **options):
        return click.testing.CliRunner().invoke(placement, arguments, **options)

    # A server sets a variable for its workers.
    with mock.patch.dict(os.environ):
        yield run


@pytest.fixture
def operator_machine(tmp_path, monkeypatch):
    """Use a home directory without a placement.conf, and restore logging afterwards."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with operators.restored_logging():
        yield


@pytest.fixture
def database(tmp_path):
    """A database for the operator commands, without tables."""
    return operators.Database(tmp_path)


@pytest.fixture
def command(bare_command, client, monkeypatch):
    """Return a function that runs the command with the service of ``client``."""
    monkeypatch.setattr(Connection, "client", lambda _connection: client)
    return bare_command


@pytest.fixture
def hosts(client):
    return Hosts(*(add_host(client, name, vcpus) for name, vcpus in HOSTS.items()))


HOSTS = {"one": 1, "two": 2}


def add_host(client, name, vcpus):
    provider = client.create_provider(name)
    offer = {"VCPU": Inventory(total=vcpus), "MEMORY_MB": Inventory(total=64)}
    client.replace_inventories(provider.uuid, Inventories(provider.generation, offer))
    return provider.uuid


def recorded_requests(client, monkeypatch):
    """Return a list that each request of the client is added to, without its query."""
    requests = []
    request = client.request

    def recorded(method, path, *more, **options):
        requests.append(f"{method} {path.partition('?')[0]}")
        return request(method, path, *more, **options)

    monkeypatch.setattr(client, "request", recorded)
    return requests
