"""Run a PostgreSQL primary and its standby, each behind a proxy address.

The service connects to the addresses. A fail-over points them at other servers.
"""

import asyncio
import collections.abc
import contextlib
import threading
import typing

from tests.servers import ports, postgresql

SECONDS = 30

# The application_name of the standby.
NAME = "standby"

# The role of the service, without special privileges, and its database.
USER = "service"
DATABASE = "cloud"

# COMMIT waits for the WAL flush, even if fsync is off.
SETTINGS = {"synchronous_commit": "on", "hot_standby": "on"}

_BYTES = 65536

_T = typing.TypeVar("_T")


class Address:
    """A TCP proxy with a fixed port and a changeable target."""

    def __init__(self, target: int) -> None:
        self._target: int | None = target
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, ports.HOST, 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def url(self, database: str = DATABASE, user: str = USER) -> str:
        return f"postgresql+psycopg2://{user}@{ports.HOST}:{self.port}/{database}"

    def point_at(self, target: int | None) -> None:
        """Close all connections, and forward new ones to the port ``target``.

        With None, new connections get no answer.
        """
        self._run(self._point_at(target))

    @property
    def has_connections(self) -> bool:
        return bool(self._tasks)

    def close(self) -> None:
        self._run(self._point_at(None))
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    async def _point_at(self, target: int | None) -> None:
        self._target = target
        for task in self._tasks:
            task.cancel()

    async def _end(self) -> None:
        self._server.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if self._target is None:
                await asyncio.Event().wait()
            there = await asyncio.open_connection(ports.HOST, self._target)
            try:
                # If either side closes, close the other.
                await asyncio.wait(
                    [
                        asyncio.ensure_future(_forward(reader, there[1])),
                        asyncio.ensure_future(_forward(there[0], writer)),
                    ],
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                there[1].close()
        except (OSError, asyncio.CancelledError):
            # The target refused or the proxy was redirected; close the client below.
            pass
        finally:
            self._tasks.discard(task)
            # Pending data is sent before the close.
            writer.close()

    def _run(self, work: collections.abc.Coroutine[typing.Any, typing.Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while some := await reader.read(_BYTES):
            writer.write(some)
            await writer.drain()


class Pair:
    """A primary and its standby, with the addresses that the service uses."""

    def __init__(self, primary: postgresql.Cluster, durable: bool = False) -> None:
        self._stack = contextlib.ExitStack()
        self._durable = durable
        self.primary = primary
        self.standby = self._new_standby()
        self.writing = Address(primary.port)
        self.reading = Address(self.standby.port)

    def wait_until_equal(self) -> None:
        """Wait until the standby has replayed all WAL of the primary."""
        wait_until_equal(self.primary, self.standby)

    def synchronise(self) -> None:
        """Make replication synchronous."""
        self.primary.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")
        self.primary.execute("SELECT pg_reload_conf()")
        self.primary.wait_until(
            "EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync')"
        )

    def promote(self) -> None:
        """Promote the standby after the primary was killed."""
        self.primary = self.standby
        self.primary.execute("SELECT pg_promote()")
        self.writing.point_at(self.primary.port)

    def replace_standby(self) -> None:
        """Start a new standby of the current primary."""
        self.standby = self._new_standby()
        self.reading.point_at(self.standby.port)

    def close(self) -> None:
        self.writing.close()
        self.reading.close()
        self._stack.close()

    def _new_standby(self) -> postgresql.Cluster:
        return self._stack.enter_context(
            postgresql.following(self.primary, NAME, self._durable, SETTINGS)
        )


def wait_until_equal(primary: postgresql.Cluster, standby: postgresql.Cluster) -> None:
    """Wait until a standby has replayed all flushed WAL of its primary."""
    place = primary.value("pg_current_wal_flush_lsn()")
    standby.wait_until(f"pg_last_wal_replay_lsn() >= '{place}'")


@contextlib.contextmanager
def running(durable: bool = False) -> collections.abc.Iterator[Pair]:
    """Run a new pair with an empty database until the block ends, and remove it.

    Raises accounts.MissingError if the programs are missing, RuntimeError with their
    output if they fail.
    """
    with postgresql.running(durable, SETTINGS, has_own_identifier=True) as primary:
        primary.execute(f"CREATE ROLE {USER} LOGIN")
        primary.execute(f"CREATE DATABASE {DATABASE} OWNER {USER}")
        with contextlib.closing(Pair(primary, durable)) as pair:
            pair.wait_until_equal()
            yield pair
