"""Private PostgreSQL servers of which one follows the other, behind addresses.

An address is what a service is told to connect to, and can be pointed at another
server, as those are that a fail-over moves.
"""

import asyncio
import collections.abc
import contextlib
import threading
import typing

from tests.servers import ports, postgresql

SECONDS = 30

# As the primary calls it.
NAME = "standby"

# A role that may no more than it needs, and the database that it owns.
USER = "service"
DATABASE = "cloud"

# What a disk would be needed for does not matter, but the order of things does.
SETTINGS = {"synchronous_commit": "on", "hot_standby": "on"}

_BYTES = 65536

_T = typing.TypeVar("_T")


class Address:
    """A port that leads to a server, until it leads to another one."""

    def __init__(self, target: int) -> None:
        self._target: int | None = target
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._serve, ports.HOST, 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def url(self, database: str = DATABASE, user: str = USER) -> str:
        return f"postgresql+psycopg2://{user}@{ports.HOST}:{self.port}/{database}"

    def point_at(self, target: int | None) -> None:
        """Lead to the port ``target`` from now on; what is connected is cut.

        None leads nowhere: whoever connects is left without an answer.
        """
        self._do(self._point_at(target))

    def close(self) -> None:
        self._do(self._point_at(None))
        self._do(self._end())
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
                # Whichever side ends first ends the other.
                await asyncio.wait(
                    [
                        asyncio.ensure_future(_pass_on(reader, there[1])),
                        asyncio.ensure_future(_pass_on(there[0], writer)),
                    ],
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                there[1].close()
        except (OSError, asyncio.CancelledError):
            # Nobody listens there, or it was cut: the other side is told below.
            pass
        finally:
            self._tasks.discard(task)
            # Not before it has been sent what was said last.
            writer.close()

    def _do(self, work: collections.abc.Coroutine[typing.Any, typing.Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while some := await reader.read(_BYTES):
            writer.write(some)
            await writer.drain()


class Pair:
    """A primary and its standby, and where a service is told that they are."""

    def __init__(self, primary: postgresql.Cluster, durable: bool = False) -> None:
        self._stack = contextlib.ExitStack()
        self._durable = durable
        self.primary = primary
        self.standby = self._new_standby()
        self.writing = Address(primary.port)
        self.reading = Address(self.standby.port)

    def wait_until_equal(self) -> None:
        """Return when the standby shows all that the primary has."""
        wait_until_equal(self.primary, self.standby)

    def synchronise(self) -> None:
        """Let the primary acknowledge only what the standby has on its disk."""
        self.primary.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")
        self.primary.execute("SELECT pg_reload_conf()")
        self.primary.wait_until(
            "EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync')"
        )

    def promote(self) -> None:
        """Put the standby in the place of the primary, which somebody has killed."""
        self.primary = self.standby
        self.primary.execute("SELECT pg_promote()")
        self.writing.point_at(self.primary.port)

    def replace_standby(self) -> None:
        """Give the primary a new standby, instead of what has become it."""
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
    """Return when a standby shows all that its primary has acknowledged."""
    place = primary.value("pg_current_wal_flush_lsn()")
    standby.wait_until(f"pg_last_wal_replay_lsn() >= '{place}'")


@contextlib.contextmanager
def running(durable: bool = False) -> collections.abc.Iterator[Pair]:
    """Make a pair with an empty database, run it, and leave nothing of it behind.

    Raises accounts.MissingError when there are no programs, RuntimeError with their
    words when they fail.
    """
    with postgresql.running(durable, SETTINGS) as primary:
        primary.execute(f"CREATE ROLE {USER} LOGIN")
        primary.execute(f"CREATE DATABASE {DATABASE} OWNER {USER}")
        with contextlib.closing(Pair(primary, durable)) as pair:
            pair.wait_until_equal()
            yield pair
