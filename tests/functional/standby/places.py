"""The service in this process, on a primary and a standby."""

import collections
import collections.abc
import contextlib
import threading
import time
import types
import typing
import uuid

import pytest
import sqlalchemy as sa
import webob

from placement import client
from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import replica
from tests import waiting
from tests.servers import accounts, databases, postgresql, server, standby
from tests.servers.plugin import skip_missing

SECONDS = 60

# Repetitions of what a defective service may do right by chance.
TIMES = 20

AMOUNTS = {"VCPU": 2, "MEMORY_MB": 512}
OFFER = {"VCPU": client.Inventory(total=64), "MEMORY_MB": client.Inventory(total=65536)}
PROJECT = str(uuid.UUID(int=1))
USER = str(uuid.UUID(int=2))
AGGREGATE = str(uuid.UUID(int=3))


class Place(typing.NamedTuple):
    """A service in this process, and its servers."""

    pair: standby.Pair
    api: client.Client
    application: server.Application


@contextlib.contextmanager
def running_pair(
    config: pytest.Config, kinds: list[str], durable: bool = False
) -> collections.abc.Iterator[standby.Pair]:
    if databases.POSTGRESQL not in kinds:
        pytest.skip("about PostgreSQL")
    with contextlib.ExitStack() as stack:
        try:
            pair = stack.enter_context(standby.running(durable))
        except accounts.MissingError as missing:
            skip_missing(config, databases.POSTGRESQL, str(missing))
        yield pair


def options(pair: standby.Pair) -> dict[str, dict[str, object]]:
    return {
        "placement_database": {
            "slave_connection": pair.reading.url(),
            "sync_on_startup": "true",
        }
    }


@contextlib.contextmanager
def serving(pair: standby.Pair) -> collections.abc.Iterator[Place]:
    with server.in_process(pair.writing.url(), options(pair)) as application:
        pair.wait_until_equal()
        api = client.Client(client.WSGITransport(application))
        yield Place(pair, api, application)


@contextlib.contextmanager
def counted(place: Place) -> collections.abc.Iterator[collections.Counter[str]]:
    """Count the statements that this thread sends to ``primary`` and ``standby``."""
    names = {
        place.pair.writing.port: "primary",
        place.pair.reading.port: "standby",
    }
    counts: collections.Counter[str] = collections.Counter()
    this_thread = threading.get_ident()

    def note(conn: sa.Connection, *_: object) -> None:
        port = conn.engine.url.port
        if port in names and threading.get_ident() == this_thread:
            counts[names[port]] += 1

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield counts
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


def get(application: server.Application, path: str) -> webob.Response:
    headers = {
        "x-auth-token": "admin",
        "accept": "application/json",
        "openstack-api-version": "placement latest",
    }
    return webob.Request.blank(path, headers=headers).get_response(application)


def add_host(api: client.Client) -> str:
    host = str(uuid.uuid4())
    api.create_provider(host, host)
    api.replace_inventories(host, client.Inventories(0, OFFER))
    return host


def add_consumer(api: client.Client, host: str, vcpus: int = 2) -> str:
    consumer = str(uuid.uuid4())
    wanted = client.AllocationRequest({host: {**AMOUNTS, "VCPU": vcpus}})
    assert api.claim(
        consumer,
        wanted,
        project_id=PROJECT,
        user_id=USER,
        consumer_type="INSTANCE",
    )
    return consumer


@contextlib.contextmanager
def paused(cluster: postgresql.Cluster) -> collections.abc.Iterator[None]:
    """Pause the replay of WAL until the block ends."""
    cluster.execute("SELECT pg_wal_replay_pause()")
    cluster.wait_until("pg_get_wal_replay_pause_state() = 'paused'")
    try:
        yield
    finally:
        cluster.execute("SELECT pg_wal_replay_resume()")


@contextlib.contextmanager
def configured(
    cluster: postgresql.Cluster, name: str, value: str
) -> collections.abc.Iterator[None]:
    """Change a setting of a server until the block ends."""
    cluster.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    cluster.execute("SELECT pg_reload_conf()")
    cluster.wait_until(f"current_setting('{name}') = '{value}'")
    try:
        yield
    finally:
        cluster.execute(f"ALTER SYSTEM RESET {name}")
        cluster.execute("SELECT pg_reload_conf()")


class Clock:
    """The clock of the replica, which advances only on demand."""

    def __init__(self) -> None:
        self._now = 1000.0
        self.sleep = time.sleep

    def monotonic(self) -> float:
        return self._now

    def end_pause(self) -> None:
        """Advance to the end of a pause in which the standby is not used."""
        self._now += replica.PAUSE_SECONDS


def wait_until_used(place: Place, host: str, clock: Clock) -> None:
    """Wait until the standby is read. Raises RuntimeError after a minute."""

    def is_used() -> bool:
        clock.end_pause()
        with counted(place) as counts:
            place.api.get_provider(host)
        return counts["standby"] > 1

    waiting.until(is_used)


@contextlib.contextmanager
def reading(url: str, pair: standby.Pair) -> collections.abc.Iterator[typing.Any]:
    """Yield a context for transactions that read."""
    settings = DatabaseSettings(url, slave_connection=pair.reading.url())
    engine = engines.create_engine(settings)
    yield types.SimpleNamespace(engine=engine, replica=replica.create(engine, settings))
    engine.dispose()


def is_in_recovery(conn: sa.Connection) -> bool:
    found: bool = conn.execute(sa.text("SELECT pg_is_in_recovery()")).scalar_one()
    return found
