"""Real databases for tests, by kind: as many as wanted, each one new.

A kind is made ready once: a template is migrated by the service's own program
and holds the standard names. Every database of a test is a copy of it.
"""

import abc
import collections.abc
import contextlib
import itertools
import pathlib
import sqlite3
import tempfile

from tests.servers import configuration, mariadb, postgresql, programs

SQLITE = "sqlite"
POSTGRESQL = "postgresql"
MARIADB = "mariadb"
KINDS = (SQLITE, POSTGRESQL, MARIADB)


class Databases(abc.ABC):
    """A place where databases of one kind are made."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory
        self._names = (f"test_{number}" for number in itertools.count(1))
        self._template: str | None = None

    @contextlib.contextmanager
    def new(self) -> collections.abc.Iterator[str]:
        """Yield the URL of a migrated database that nobody has used."""
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
        """Yield the URL of a database without any table."""
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
        with tempfile.TemporaryDirectory(dir=self._directory) as made:
            config_dir = pathlib.Path(made)
            configuration.write(config_dir, self.url(name))
            programs.migrate(config_dir)
            programs.start_once(config_dir)
        return name


class SqliteFiles(Databases):
    """Each database is a file."""

    def url(self, name: str) -> str:
        return f"sqlite:///{self._path(name)}"

    def _create(self, name: str) -> None:
        self._path(name).touch()

    def _copy(self, source: str, name: str) -> None:
        # Through SQLite, because part of a database may still be in its log.
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

    def url(self, name: str) -> str:
        return self._cluster.url(name)

    def _create(self, name: str) -> None:
        self._cluster.execute(f"CREATE DATABASE {name}")

    def _copy(self, source: str, name: str) -> None:
        self._cluster.execute(f"CREATE DATABASE {name} TEMPLATE {source}")

    def _drop(self, name: str) -> None:
        # A pool may keep connections for as long as the tests run.
        self._cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")


class MariadbDatabases(Databases):
    """The databases of one private server."""

    def __init__(self, directory: pathlib.Path, server: mariadb.Server) -> None:
        super().__init__(directory)
        self._server = server
        # By template; it does not change.
        self._known: dict[str, list[str]] = {}

    def url(self, name: str) -> str:
        return self._server.url(name)

    def _create(self, name: str) -> None:
        self._server.execute(f"CREATE DATABASE {name}")

    def _copy(self, source: str, name: str) -> None:
        self._server.execute(
            f"CREATE DATABASE {name}",
            f"USE {name}",
            # A table may refer to one that comes after it.
            "SET foreign_key_checks = 0",
            "SET sql_mode = NO_AUTO_VALUE_ON_ZERO",
            *self._copying(source),
        )

    def _copying(self, source: str) -> list[str]:
        """Return the statements that make all that ``source`` has in another."""
        if source in self._known:
            return self._known[source]
        statements = self._known[source] = []
        for (table,) in self._server.rows(f"SHOW TABLES IN {source}"):
            ((_, definition),) = self._server.rows(
                f"SHOW CREATE TABLE {source}.{table}"
            )
            rows = f"INSERT INTO {table} SELECT * FROM {source}.{table}"
            statements += [definition, rows]
        return statements

    def _drop(self, name: str) -> None:
        self._server.end_connections(name)
        self._server.execute(f"DROP DATABASE {name}")


@contextlib.contextmanager
def opened(kind: str) -> collections.abc.Iterator[Databases]:
    """Yield a place for databases of ``kind``; end it and remove it afterwards.

    Raises accounts.MissingError when this machine cannot have one.
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
            server = stack.enter_context(mariadb.running())
            yield MariadbDatabases(directory, server)
