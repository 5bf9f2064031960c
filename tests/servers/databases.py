"""Create databases for tests, as copies of a migrated template.

The template of a kind is migrated once per process, and has the standard names.
"""

import abc
import collections.abc
import contextlib
import itertools
import pathlib
import sqlite3
import tempfile
import typing

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import migrations
from tests.servers import mariadb, postgresql, server

SQLITE = "sqlite"
POSTGRESQL = "postgresql"
MARIADB = "mariadb"
KINDS = (SQLITE, POSTGRESQL, MARIADB)


class Databases(abc.ABC):
    """Creates databases of one kind, on one server."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory
        self._names = (f"test_{number}" for number in itertools.count(1))
        self._template: str | None = None

    @contextlib.contextmanager
    def new(self) -> collections.abc.Iterator[str]:
        """Yield the URL of a new migrated database; drop it when the block ends."""
        if self._template is None:
            self._template = self._make_template()
        name = next(self._names)
        self._copy(self._template, name)
        try:
            yield self.url(name)
        finally:
            self._drop(name)

    @contextlib.contextmanager
    def empty(self) -> collections.abc.Iterator[str]:
        """Yield the URL of a new database without tables."""
        name = next(self._names)
        self._create(name)
        try:
            yield self.url(name)
        finally:
            self._drop(name)

    @abc.abstractmethod
    def url(self, name: str) -> str:
        """Return the SQLAlchemy URL of a database."""

    @abc.abstractmethod
    def _create(self, name: str) -> None: ...

    @abc.abstractmethod
    def _copy(self, source: str, name: str) -> None: ...

    @abc.abstractmethod
    def _drop(self, name: str) -> None: ...

    def _make_template(self) -> str:
        name = "template_migrated"
        self._create(name)
        engine = engines.create_engine(DatabaseSettings(self.url(name)))
        migrations.sync(engine)
        engine.dispose()
        with server.in_process(self.url(name)):
            # Building the application inserted the standard names.
            return name


class SqliteFiles(Databases):
    """Each database is a file."""

    def url(self, name: str) -> str:
        return f"sqlite:///{self._path(name)}"

    def _create(self, name: str) -> None:
        self._path(name).touch()

    def _copy(self, source: str, name: str) -> None:
        # Not a copy of the file: part of the database may still be in the WAL file.
        with (
            contextlib.closing(sqlite3.connect(self._path(source))) as old,
            contextlib.closing(sqlite3.connect(self._path(name))) as new,
        ):
            old.backup(new)

    def _drop(self, name: str) -> None:
        for suffix in ("", "-wal", "-shm"):
            path = self._path(name)
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    def _path(self, name: str) -> pathlib.Path:
        return self._directory / f"{name}.db"


class PostgresqlCluster(Databases):
    """The databases of one private cluster."""

    def __init__(self, directory: pathlib.Path, cluster: postgresql.Cluster) -> None:
        super().__init__(directory)
        self._cluster = cluster
        # Older servers always copy the files, which is faster than logging the pages.
        version = int(cluster.value("current_setting('server_version_num')"))
        self._options = " STRATEGY FILE_COPY" if version >= 150000 else ""

    def url(self, name: str) -> str:
        return self._cluster.url(name)

    @property
    def log(self) -> pathlib.Path:
        """The server's own log."""
        return self._cluster.log

    def wait_until(self, condition: str) -> None:
        """Wait until an SQL expression is true."""
        self._cluster.wait_until(condition)

    def value(self, expression: str) -> typing.Any:
        """Return the value of an SQL expression."""
        return self._cluster.value(expression)

    def _create(self, name: str) -> None:
        self._cluster.execute(f"CREATE DATABASE {name}{self._options}")

    def _copy(self, source: str, name: str) -> None:
        self._cluster.execute(
            f"CREATE DATABASE {name} TEMPLATE {source}{self._options}"
        )

    def _drop(self, name: str) -> None:
        # Connections of a pool may still be open.
        self._cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")


class MariadbDatabases(Databases):
    """The databases of one private server."""

    def __init__(self, directory: pathlib.Path, running: mariadb.Server) -> None:
        super().__init__(directory)
        self._server = running
        # Statements that copy a template, which does not change.
        self._copies: dict[str, list[str]] = {}

    def url(self, name: str) -> str:
        return self._server.url(name)

    def _create(self, name: str) -> None:
        self._server.execute(f"CREATE DATABASE {name}")

    def _copy(self, source: str, name: str) -> None:
        self._server.execute(
            f"CREATE DATABASE {name}",
            f"USE {name}",
            # A table may refer to one that is created later.
            "SET foreign_key_checks = 0",
            "SET sql_mode = NO_AUTO_VALUE_ON_ZERO",
            *self._copy_statements(source),
        )

    def _copy_statements(self, source: str) -> list[str]:
        """Return the statements that copy the tables of ``source``."""
        if source in self._copies:
            return self._copies[source]
        statements = self._copies[source] = []
        for (table,) in self._server.rows(f"SHOW TABLES IN {source}"):
            ((_, definition),) = self._server.rows(
                f"SHOW CREATE TABLE {source}.{table}"
            )
            statements.append(definition)
            if self._server.rows(f"SELECT 1 FROM {source}.{table} LIMIT 1"):
                statements.append(f"INSERT INTO {table} SELECT * FROM {source}.{table}")
        return statements

    def _drop(self, name: str) -> None:
        self._server.end_connections(name)
        self._server.execute(f"DROP DATABASE {name}")


@contextlib.contextmanager
def opened(kind: str) -> collections.abc.Iterator[Databases]:
    """Run a server of ``kind`` until the block ends, and remove it.

    Raises accounts.MissingError if this machine cannot run one.
    """
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="placement-tests-"))
        )
        if kind == SQLITE:
            yield SqliteFiles(directory)
        elif kind == POSTGRESQL:
            cluster = stack.enter_context(postgresql.running())
            yield PostgresqlCluster(directory, cluster)
        else:
            running = stack.enter_context(mariadb.running())
            yield MariadbDatabases(directory, running)
