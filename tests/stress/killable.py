"""Databases that can be killed and started again."""

import collections.abc
import contextlib
import os
import pathlib
import signal
import tempfile
import typing

import sqlalchemy as sa

from tests.servers import databases, mariadb, postgresql


class Database(typing.Protocol):
    """A database server that can be killed."""

    url: str

    def prepare(self) -> None:
        """Prepare for the next kill, while the database is up."""

    def kill(self, number: int) -> None:
        """Kill it; ``number`` counts the previous kills."""

    def come_back(self) -> None:
        """Start recovery, and wait until it accepts connections."""


class File:
    """An SQLite database, which has no server to kill."""

    def __init__(self, url: str) -> None:
        self.url = url

    def prepare(self) -> None:
        """Do nothing."""

    def kill(self, number: int) -> None:
        raise RuntimeError("a file cannot be killed")

    def come_back(self) -> None:
        raise RuntimeError("a file cannot be started")


class Postgresql:
    """A cluster. Every other kill hits a single session process.

    PostgreSQL then ends all sessions and recovers by itself.
    """

    def __init__(self, cluster: postgresql.Cluster, url: str) -> None:
        self._cluster = cluster
        self.url = url
        self._is_stopped = False

    def prepare(self) -> None:
        """Do nothing: it recovers from disk."""

    def kill(self, number: int) -> None:
        self._is_stopped = number % 2 == 0
        if self._is_stopped:
            self._cluster.kill()
        else:
            self._kill_process()

    def come_back(self) -> None:
        if self._is_stopped:
            self._cluster.start_again()
        else:
            self._cluster.wait_until_ready()

    def _kill_process(self) -> None:
        engine = sa.create_engine(self.url)
        with engine.connect() as conn:
            os.kill(conn.execute(_ANY_PROCESS).scalar_one(), signal.SIGKILL)
            # Wait until the crash is noticed, which ends this connection too.
            with contextlib.suppress(sa.exc.OperationalError):
                while True:
                    conn.execute(sa.text("SELECT pg_sleep(0.01)"))
        engine.dispose()


# Preferably a session, which may be writing.
_ANY_PROCESS = sa.text("""
    SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()
    ORDER BY backend_type = 'client backend' DESC, random() LIMIT 1
""")


class Mariadb:
    def __init__(self, running: mariadb.Server, url: str) -> None:
        self._server = running
        self.url = url

    def prepare(self) -> None:
        """Do nothing: it recovers from disk."""

    def kill(self, number: int) -> None:
        self._server.kill()

    def come_back(self) -> None:
        self._server.start_again()


@contextlib.contextmanager
def durable(kind: str) -> collections.abc.Iterator[Database]:
    """Yield a migrated database on a durable server of its own."""
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if kind == databases.SQLITE:
            made = stack.enter_context(databases.SqliteFiles(directory).new())
            yield File(made)
        elif kind == databases.POSTGRESQL:
            cluster = stack.enter_context(postgresql.running(durable=True))
            place = databases.PostgresqlCluster(directory, cluster)
            yield Postgresql(cluster, stack.enter_context(place.new()))
        else:
            running = stack.enter_context(mariadb.running(durable=True))
            servers = databases.MariadbDatabases(directory, running)
            yield Mariadb(running, stack.enter_context(servers.new()))
