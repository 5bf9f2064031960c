"""Cached data of commits that the database has lost is not used.

A commit is lost if the database crashes before it is flushed to disk, or if a backup
is restored while the service runs.
"""

import abc
import collections.abc
import contextlib
import os
import pathlib
import signal
import sqlite3
import uuid

import psycopg2
import pytest
import webob

from tests.functional import contents, sending, write_operations
from tests.servers import accounts, databases, mariadb, postgresql, server
from tests.servers.plugin import skip_missing

SEARCH = "resources=VCPU:1&in_tree="

# COMMIT does not flush to disk.
LOSING_POSTGRESQL = {
    "fsync": "on",
    "synchronous_commit": "off",
    "wal_writer_delay": "10s",
    "wal_writer_flush_after": "1GB",
}
LOSING_MARIADB = {
    "innodb-flush-log-at-trx-commit": 0,
    "innodb-flush-log-at-timeout": 2700,
}


class Database(abc.ABC):
    """A database that can lose all commits since a call of ``keep``."""

    url: str

    @abc.abstractmethod
    def keep(self) -> None: ...

    @abc.abstractmethod
    def lose(self) -> None:
        """Lose all commits since ``keep``."""


class Restored(Database):
    """A database whose rows are restored, as from a dump."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._keeper = contents.Keeper(url)

    def keep(self) -> None:
        self._keeper.keep()

    def lose(self) -> None:
        self._keeper.restore()


class RestoredFile(Database):
    """A SQLite database that is restored with the backup API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._path = pathlib.Path(url.removeprefix("sqlite:///"))
        self._backup = self._path.with_suffix(".backup")

    def keep(self) -> None:
        self._copy(self._path, self._backup)

    def lose(self) -> None:
        self._copy(self._backup, self._path)

    def _copy(self, source: pathlib.Path, target: pathlib.Path) -> None:
        with (
            contextlib.closing(sqlite3.connect(source)) as old,
            contextlib.closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)


class CrashedPostgresql(Database):
    """A server with asynchronous commits, crashed by killing a backend."""

    def __init__(self, cluster: postgresql.Cluster) -> None:
        self._cluster = cluster
        self._cluster.execute("CREATE DATABASE losing")
        self.url = cluster.url("losing")

    def keep(self) -> None:
        self._cluster.execute("CHECKPOINT")
        # The server flushes when a page of the log is full; continue on an empty one.
        self._cluster.execute("SELECT pg_switch_wal()")

    def lose(self) -> None:
        url = self.url.replace("+psycopg2", "")
        with (
            contextlib.closing(psycopg2.connect(url)) as killed,
            contextlib.closing(psycopg2.connect(url)) as other,
        ):
            os.kill(killed.info.backend_pid, signal.SIGKILL)
            # The server accepts connections until it notices. It then ends all other
            # backends and recovers.
            with contextlib.suppress(psycopg2.OperationalError):
                while True:
                    with other.cursor() as cursor:
                        cursor.execute("SELECT pg_sleep(0.01)")
        self._cluster.wait_until_ready()


class CrashedMariadb(Database):
    """A server that does not write the log at COMMIT, crashed by killing it."""

    def __init__(self, running: mariadb.Server) -> None:
        self._server = running
        self._server.execute("CREATE DATABASE losing")
        self.url = running.url("losing")

    def keep(self) -> None:
        self._server.execute(
            "SET GLOBAL innodb_flush_log_at_trx_commit = 1",
            "CREATE TABLE IF NOT EXISTS losing.written (id INTEGER)",
            "INSERT INTO losing.written VALUES (1)",
            "SET GLOBAL innodb_flush_log_at_trx_commit = 0",
        )

    def lose(self) -> None:
        self._server.kill()
        self._server.start_again()


@contextlib.contextmanager
def crashing_postgresql() -> collections.abc.Iterator[Database]:
    with postgresql.running(settings=LOSING_POSTGRESQL) as cluster:
        yield CrashedPostgresql(cluster)


@contextlib.contextmanager
def crashing_mariadb() -> collections.abc.Iterator[Database]:
    # It writes a log in memory at once.
    with mariadb.running(options=LOSING_MARIADB, on_disk=True) as running:
        yield CrashedMariadb(running)


CRASHING = {
    databases.POSTGRESQL: crashing_postgresql,
    databases.MARIADB: crashing_mariadb,
}


class Service:
    """The service in this process, on a database that can lose its last commits.

    ``host`` is a provider of VCPUs with one allocation.
    """

    def __init__(self, application: server.Application, database: Database) -> None:
        self._application = application
        self.keep = database.keep
        self.lose = database.lose
        self.host = ""

    def send(
        self, request: str, body: object = None, version: str = "latest"
    ) -> webob.Response:
        method, path = request.split()
        return sending.send(self._application, method, path, body, version)

    def do(self, request: str, body: object = None, version: str = "latest") -> None:
        answer = self.send(request, body, version)
        assert answer.status_int < 300, answer.text

    def add_host(self) -> None:
        self.host = str(uuid.uuid4())
        self.do("POST /resource_providers", {"uuid": self.host, "name": self.host})
        self.offer("VCPU")
        # It also inserts the owner of later claims.
        assert self.claim("VCPU", 1).status_int == 204

    def offer(self, *resource_classes: str) -> None:
        path = f"/resource_providers/{self.host}"
        body = {
            "resource_provider_generation": self.send(f"GET {path}").json["generation"],
            "inventories": {name: {"total": 64} for name in resource_classes},
        }
        self.do(f"PUT {path}/inventories", body)

    def claim(self, resource_class: str, units: int) -> webob.Response:
        body = write_operations.claim({self.host: {resource_class: units}})
        return self.send(f"PUT /allocations/{uuid.uuid4()}", body)

    def used(self) -> dict[str, int]:
        answer = self.send(f"GET /resource_providers/{self.host}/usages")
        used: dict[str, int] = answer.json["usages"]
        return used

    def used_in_search(self) -> dict[str, int]:
        """Return the usage of the host in a search, by resource class."""
        answer = self.send(f"GET /allocation_candidates?{SEARCH}{self.host}")
        summary = answer.json["provider_summaries"][self.host]
        return {name: each["used"] for name, each in summary["resources"].items()}


RESTORED, CRASHED = "restored", "crashed"


@pytest.fixture(scope="module")
def restored_database(module_database_url: str) -> Database:
    of_file = module_database_url.startswith("sqlite")
    return (RestoredFile if of_file else Restored)(module_database_url)


@pytest.fixture(scope="module")
def crashed_database(
    database_kind: str, pytestconfig: pytest.Config
) -> collections.abc.Iterator[Database]:
    with contextlib.ExitStack() as stack:
        try:
            yield stack.enter_context(CRASHING[database_kind]())
        except accounts.MissingError as missing:
            skip_missing(pytestconfig, database_kind, str(missing))


@pytest.fixture(scope="module", params=[RESTORED, CRASHED])
def shared_service(
    request: pytest.FixtureRequest, database_kind: str
) -> collections.abc.Iterator[Service]:
    if (database_kind, request.param) == (databases.SQLITE, CRASHED):
        pytest.skip("SQLite flushes commits")
    database: Database = request.getfixturevalue(f"{request.param}_database")
    options = {"placement_database": {"sync_on_startup": "true"}}
    with server.in_process(database.url, options) as application:
        yield Service(application, database)


@pytest.fixture
def service(shared_service: Service) -> Service:
    shared_service.add_host()
    return shared_service


def test_a_search_shows_the_usage_after_lost_claims(service: Service) -> None:
    service.keep()
    assert service.claim("VCPU", 3).status_int == 204
    assert service.used_in_search() == {"VCPU": 4}

    service.lose()
    assert service.used() == {"VCPU": 1}
    assert service.claim("VCPU", 5).status_int == 204

    assert service.used() == {"VCPU": 6}
    assert service.used_in_search() == {"VCPU": 6}


def test_a_lost_class_is_not_claimed_as_a_new_class_with_its_id(
    service: Service,
) -> None:
    service.keep()
    service.do("PUT /resource_classes/CUSTOM_LOST")
    service.offer("VCPU", "CUSTOM_LOST")
    assert service.claim("CUSTOM_LOST", 1).status_int == 204
    assert service.used_in_search() == {"VCPU": 1, "CUSTOM_LOST": 1}

    service.lose()
    service.do("PUT /resource_classes/CUSTOM_NEW")
    service.offer("VCPU", "CUSTOM_NEW")

    assert service.claim("CUSTOM_LOST", 1).status_int == 400
    assert service.claim("CUSTOM_NEW", 2).status_int == 204
    assert service.used() == {"VCPU": 1, "CUSTOM_NEW": 2}
    assert service.used_in_search() == service.used()


def test_a_lost_rename_of_a_class_is_not_used(service: Service) -> None:
    before, lost, after = (f"CUSTOM_{uuid.uuid4().hex.upper()}" for _ in range(3))
    service.do(f"PUT /resource_classes/{before}")
    service.offer("VCPU", before)
    service.keep()
    service.do(f"PUT /resource_classes/{before}", {"name": lost}, "1.6")
    assert service.used_in_search() == {"VCPU": 1, lost: 0}
    assert service.claim(lost, 1).status_int == 204

    service.lose()
    service.do(f"PUT /resource_classes/{before}", {"name": after}, "1.6")

    assert service.claim(lost, 1).status_int == 400
    assert service.claim(after, 2).status_int == 204
    assert service.used_in_search() == service.used() == {"VCPU": 1, after: 2}


def test_a_lost_trait_is_not_assigned_as_a_new_trait_with_its_id(
    service: Service,
) -> None:
    path = f"/resource_providers/{service.host}/traits"
    lost, after = (f"CUSTOM_{uuid.uuid4().hex.upper()}" for _ in range(2))
    service.keep()
    service.do(f"PUT /traits/{lost}")
    body = service.send(f"GET {path}").json
    service.do(f"PUT {path}", body | {"traits": [lost]})

    service.lose()
    service.do(f"PUT /traits/{after}")
    body = service.send(f"GET {path}").json

    assert service.send(f"PUT {path}", body | {"traits": [lost]}).status_int == 400
    service.do(f"PUT {path}", body | {"traits": [after]})
    assert service.send(f"GET {path}").json["traits"] == [after]
