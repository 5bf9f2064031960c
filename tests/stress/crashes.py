"""``python -m tests.stress.crashes``: what is killed in the middle of load.

Clients claim, move and release, each for consumers of its own, and know after every
answer what these may hold. Meanwhile workers of the service are killed, and the
server of databases is; it waits for its disk as a real one does.
"""

import collections.abc
import contextlib
import dataclasses
import http.client
import math
import os
import pathlib
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
import typing
import uuid

import click
import sqlalchemy as sa

from tests.functional import invariants
from tests.functional.connection import Answer, Connection
from tests.servers import configuration, databases, mariadb, postgresql, server
from tests.stress.client_processes import Held, body_of

VERSION = "1.39"
WORKERS = 4
CLIENTS = 8
RECOVERY_SECONDS_MAX = 10

# An answer takes no longer, not even while the database is away.
ANSWER_SECONDS = 60

# If it takes longer until every client has written something, the service is at an end.
STANDSTILL_SECONDS = 90

PAUSE_WHEN_REFUSED_SECONDS = 0.05

# Between the kills, beside the time until every client has written something.
PAUSE_SECONDS_MAX = 0.3

HOSTS = [str(uuid.UUID(int=number)) for number in range(1, 5)]
POOL = str(uuid.UUID(int=99))
OF_HOST = ("VCPU", "MEMORY_MB", "DISK_GB")
OF_POOL = ("SRIOV_NET_VF",)
CONSUMERS_PER_CLIENT = 4

# So many of each class that nobody has to be refused.
UNITS = 1_000_000

# What all consumers of a client hold at one moment.
World = dict[str, Held]


@dataclasses.dataclass
class Figures:
    """What came of a run; ``wrong`` has a sentence for whatever must not be.

    ``unanswered`` requests were at a worker that was killed; ``unavailable`` ones got
    a 5xx while the database was away. ``recoveries`` are, for each time that it was,
    the seconds from its return until the last client had written something.
    """

    workers_killed: int = 0
    databases_killed: int = 0
    requests: int = 0
    acknowledged: int = 0
    unanswered: int = 0
    unavailable: int = 0
    seconds: float = 0
    recoveries: list[float] = dataclasses.field(default_factory=list)
    wrong: list[str] = dataclasses.field(default_factory=list)


class Sent(typing.NamedTuple):
    """A request of a client; ``status`` is None if there was no answer.

    Times are of the monotonic clock, in seconds.
    """

    what: str
    begun: float
    ended: float
    status: int | None
    text: str

    def spans(self, begun: float, ended: float) -> bool:
        """Say whether it was under way at any time between both."""
        return self.begun <= ended and begun <= self.ended


class Refused(Exception):
    """A request was not done: it was not answered, or with a 5xx."""


class _Client(threading.Thread):
    """Writes for its own consumers until it is told to stop.

    ``worlds`` are all that may be true: what is acknowledged is in each of them; of a
    request without an answer there is one with it and one without.
    """

    def __init__(self, url: str, seed: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._random = random.Random(seed)
        self._stop_asked = stop
        self._consumers = [
            str(uuid.UUID(int=self._random.getrandbits(128), version=4))
            for _ in range(CONSUMERS_PER_CLIENT)
        ]
        self.worlds: list[World] = [{uuid: {} for uuid in self._consumers}]
        self.sent: list[Sent] = []
        # When it was told that something was written.
        self.acknowledged: list[float] = []
        self.wrong: list[str] = []

    def run(self) -> None:
        try:
            while not self._stop_asked.is_set():
                try:
                    self._write()
                except Refused:
                    time.sleep(PAUSE_WHEN_REFUSED_SECONDS)
        except Exception as failure:
            self.wrong.append(f"a client ended with {failure!r}")

    def check_last(self) -> None:
        """Compare all that its consumers hold with what they may hold together."""
        found = {uuid: self._read(uuid)[0] for uuid in self._consumers}
        if found not in self.worlds:
            self.wrong.append(f"{found} is none of {self.worlds}")

    def _write(self) -> None:
        chosen = self._random.sample(self._consumers, self._random.choice((1, 1, 2)))
        read = {uuid: self._read(uuid) for uuid in chosen}
        held = {uuid: found for uuid, (found, _) in read.items()}
        is_certain = all(
            world[uuid] == held[uuid] for world in self.worlds for uuid in chosen
        )
        first = chosen[0]
        if len(chosen) == 1 and held[first] and is_certain and self._coin():
            # Carries no generation.
            self._send_write("DELETE", f"/allocations/{first}", None, held, {first: {}})
            return
        wanted = {uuid: self._drawn() for uuid in chosen}
        bodies = {
            uuid: body_of(wanted[uuid], generation)
            for uuid, (_, generation) in read.items()
        }
        if len(chosen) == 1:
            self._send_write(
                "PUT", f"/allocations/{first}", bodies[first], held, wanted
            )
        else:
            self._send_write("POST", "/allocations", bodies, held, wanted)

    def _send_write(
        self, method: str, path: str, body: object, held: World, wanted: World
    ) -> None:
        """Send what makes ``wanted`` of ``held``, and note what may be true then."""
        based = [world for world in self.worlds if _agrees(world, held)]
        written = [world | wanted for world in based]
        try:
            answer = self._send(method, path, body)
        except Refused:
            self.worlds += [world for world in written if world not in self.worlds]
            raise
        if answer.status == 204:
            # Was it not what it had read, it would have been refused.
            self.worlds = written
            self.acknowledged.append(time.monotonic())
        elif answer.status != 409 or len(self.worlds) == 1:
            self.wrong.append(f"{method}: {answer.status} {answer.content.decode()}")

    def _read(self, consumer: str) -> tuple[Held, int | None]:
        """Return what a consumer holds, and its generation."""
        answer = self._send("GET", f"/allocations/{consumer}")
        document = answer.document()
        held: Held = {
            provider: one["resources"]
            for provider, one in document["allocations"].items()
        }
        if all(world[consumer] != held for world in self.worlds):
            possible = [world[consumer] for world in self.worlds]
            self.wrong.append(f"{consumer} holds {held} and none of {possible}")
        return held, document.get("consumer_generation")

    def _send(self, method: str, path: str, body: object = None) -> Answer:
        """Send a request on a connection of its own.

        Raises Refused when it is not answered or by a 5xx.
        """
        begun = time.monotonic()
        answer = None
        # Workers end with connections open; what that raises is one of these.
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            Connection(self._url, VERSION, ANSWER_SECONDS) as connection,
        ):
            answer = connection.send(method, path, body)
        self.sent.append(
            Sent(
                f"{method} {path}",
                begun,
                time.monotonic(),
                answer and answer.status,
                answer.content.decode() if answer and answer.status >= 500 else "",
            )
        )
        if answer is None or answer.status >= 500:
            raise Refused()
        return answer

    def _drawn(self) -> Held:
        host, units = self._random.choice(HOSTS), self._random.randint(1, 9)
        return {
            host: {"VCPU": units, "MEMORY_MB": 512 * units, "DISK_GB": 10 * units},
            POOL: {"SRIOV_NET_VF": units},
        }

    def _coin(self) -> bool:
        return self._random.random() < 0.5


def _agrees(world: World, held: World) -> bool:
    return all(world[uuid] == found for uuid, found in held.items())


class Database(typing.Protocol):
    """A database server that can be killed."""

    url: str

    def prepare(self) -> None:
        """Do what has to be done, while it serves, so that it can be killed."""

    def kill(self, number: int) -> None:
        """End it as a crash does; ``number`` is how often that was done before."""

    def come_back(self) -> None:
        """Let it recover, and return when it takes connections again."""


class _File:
    """SQLite has nobody to kill."""

    def __init__(self, url: str) -> None:
        self.url = url

    def prepare(self) -> None:
        """Nothing to do."""

    def kill(self, number: int) -> None:
        raise RuntimeError("a file cannot be killed")

    def come_back(self) -> None:
        raise RuntimeError("a file does not come back")


class _Postgresql:
    """A cluster that is stopped at once or, every other time, loses a process.

    It takes that for a crash: it ends all other processes, and recovers by itself.
    """

    def __init__(self, cluster: postgresql.Cluster, url: str) -> None:
        self._cluster = cluster
        self.url = url
        self._is_stopped = False

    def prepare(self) -> None:
        """Nothing to do: it recovers from its disk."""

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
            # Until it has ended this connection, too, it has not noticed.
            with contextlib.suppress(sa.exc.OperationalError):
                while True:
                    conn.execute(sa.text("SELECT pg_sleep(0.01)"))
        engine.dispose()


# Of a session if there is one, which may be writing.
_ANY_PROCESS = sa.text("""
    SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()
    ORDER BY backend_type = 'client backend' DESC, random() LIMIT 1
""")


class _Mariadb:
    def __init__(self, running: mariadb.Server, url: str) -> None:
        self._server = running
        self.url = url

    def prepare(self) -> None:
        """Nothing to do: it recovers from its disk."""

    def kill(self, number: int) -> None:
        self._server.kill()

    def come_back(self) -> None:
        self._server.start_again()


@contextlib.contextmanager
def _database(kind: str) -> collections.abc.Iterator[Database]:
    """Yield a migrated database on a server of its own, which keeps what it says."""
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if kind == databases.SQLITE:
            made = stack.enter_context(databases.SqliteFiles(directory).new())
            yield _File(made)
        elif kind == databases.POSTGRESQL:
            cluster = stack.enter_context(postgresql.running(durable=True))
            place = databases.PostgresqlCluster(directory, cluster)
            yield _Postgresql(cluster, stack.enter_context(place.new()))
        else:
            running = stack.enter_context(mariadb.running(durable=True))
            servers = databases.MariadbDatabases(directory, running)
            yield _Mariadb(running, stack.enter_context(servers.new()))


class _Outage(typing.NamedTuple):
    """A time without the database, by the monotonic clock, in seconds."""

    begun: float
    ended: float


class _Run:
    """Clients, and the kills in the middle of what they do."""

    def __init__(self, database: Database, service: server.Server, seed: int) -> None:
        self._database = database
        self._service = service
        # It runs where its log is.
        self._log_path = pathlib.Path(f"/proc/{service.pid}/cwd/server.log").resolve()
        self._stop = threading.Event()
        self._clients = [
            _Client(service.url, seed * CLIENTS + number, self._stop)
            for number in range(CLIENTS)
        ]
        self._killed: list[float] = []
        self._outages: list[_Outage] = []

    def kill(self, workers: int, times: int) -> None:
        """Let the clients write, and kill: so many workers, and so often the database.

        Raises RuntimeError when the service comes to a standstill.
        """
        for client in self._clients:
            client.start()
        try:
            for number in range(max(workers, times)):
                self._database.prepare()
                self._wait_for_writes()
                if number < workers:
                    self._kill_worker()
                # Spread over the run; a worker that begins then has no database.
                if (number + 1) * times // workers > number * times // workers:
                    self._kill_database()
            self._wait_for_writes()
        finally:
            self._stop.set()
            for client in self._clients:
                client.join(STANDSTILL_SECONDS)

    def figures(self) -> Figures:
        """Return what came of it, once all clients have stopped."""
        for client in self._clients:
            client.check_last()
        sent = [each for client in self._clients for each in client.sent]
        figures = Figures(
            workers_killed=len(self._killed),
            databases_killed=len(self._outages),
            requests=len(sent),
            acknowledged=sum(len(client.acknowledged) for client in self._clients),
            unanswered=sum(each.status is None for each in sent),
            unavailable=sum((each.status or 0) >= 500 for each in sent),
            recoveries=[self._recovery(outage) for outage in self._outages],
            wrong=[wrong for client in self._clients for wrong in client.wrong],
        )
        figures.wrong += filter(None, map(self._wrong, sent))
        figures.wrong += [
            f"written again only after {seconds:.1f} seconds"
            for seconds in figures.recoveries
            if seconds > RECOVERY_SECONDS_MAX
        ]
        figures.wrong += invariants.violations(self._database.url)
        return figures

    def _wait_for_writes(self) -> None:
        """Return when every client has written something from now on.

        And when two workers have served somebody: one to kill, and one to go on.
        """
        begun = time.monotonic()
        while self._last_write_of_each() < begun or len(self._serving()) < 2:
            if time.monotonic() - begun > STANDSTILL_SECONDS:
                raise RuntimeError(f"nobody serves:\n{self._log()}")
            time.sleep(0.02)
        time.sleep(random.uniform(0, PAUSE_SECONDS_MAX))

    def _serving(self) -> list[int]:
        """Return the workers that have served somebody; the oldest comes first."""
        # A worker has but one thread until it serves.
        return [
            child.pid
            for child in sorted(_children(self._service.pid))
            if child.threads > 1
        ]

    def _log(self) -> str:
        """Return the end of what the service says, and what it has answered last."""
        last = [client.sent[-1] for client in self._clients if client.sent]
        return "\n".join([*map(str, last), self._log_path.read_text()[-5000:]])

    def _last_write_of_each(self) -> float:
        return min(
            client.acknowledged[-1] if client.acknowledged else 0.0
            for client in self._clients
        )

    def _kill_worker(self) -> None:
        oldest, *_ = self._serving()
        self._killed.append(time.monotonic())
        os.kill(oldest, signal.SIGKILL)

    def _kill_database(self) -> None:
        begun = time.monotonic()
        self._database.kill(len(self._outages))
        self._database.come_back()
        self._outages.append(_Outage(begun, time.monotonic()))

    def _recovery(self, outage: _Outage) -> float:
        """Return the seconds from the end until each client has written again."""
        return max(
            next(
                (each for each in client.acknowledged if each > outage.ended), math.inf
            )
            - outage.ended
            for client in self._clients
        )

    def _wrong(self, sent: Sent) -> str | None:
        """Say what is wrong with how a request fared; None if nothing is."""
        if sent.status is None:
            if any(sent.spans(killed, killed) for killed in self._killed):
                return None
            return f"{sent.what} was not answered, and no worker was killed"
        if sent.status < 500 or any(sent.spans(*outage) for outage in self._outages):
            return None
        return f"{sent.what} with a database: {sent.status} {sent.text}"


class _Child(typing.NamedTuple):
    """A process; the oldest is the least."""

    started: int
    pid: int
    threads: int


def _children(pid: int) -> list[_Child]:
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # What is before the last bracket is a name, which may be anything.
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                started, threads = int(fields[19]), int(fields[17])
                found.append(_Child(started, int(process.name), threads))
    return found


def run(
    kind: str,
    workers_killed: int,
    databases_killed: int,
    seed: int,
    preload: bool = False,
) -> Figures:
    """Kill so many workers, and so often a database of ``kind``, in the middle of load.

    With ``preload`` the next worker is there at once.

    Raises RuntimeError when the service does not come back, and
    accounts.MissingError when this machine has no such database.
    """
    with _database(kind) as database:
        return run_on(database, workers_killed, databases_killed, seed, preload)


def run_on(
    database: Database,
    workers_killed: int,
    databases_killed: int,
    seed: int,
    preload: bool = False,
    options: configuration.Options | None = None,
) -> Figures:
    """Do what ``run`` does with a migrated ``database``; ``options`` are the service's.

    Raises RuntimeError when the service does not come back.
    """
    begun = time.monotonic()
    with server.processes(
        database.url, workers=WORKERS, options=options, preload=preload
    ) as service:
        _make_world(service.url)
        whole = _Run(database, service, seed)
        whole.kill(workers_killed, databases_killed)
        figures = whole.figures()
    figures.seconds = time.monotonic() - begun
    return figures


def _make_world(url: str) -> None:
    with Connection(url, VERSION) as api:
        for provider in (*HOSTS, POOL):
            body = {"name": provider, "uuid": provider}
            api.send("POST", "/resource_providers", body).document()
            classes = OF_POOL if provider == POOL else OF_HOST
            inventories = {name: {"total": UNITS} for name in classes}
            api.send(
                "PUT",
                f"/resource_providers/{provider}/inventories",
                {"resource_provider_generation": 0, "inventories": inventories},
            ).document()


@click.command()
@click.option("--database", "kind", type=click.Choice(databases.KINDS), required=True)
@click.option("--workers-killed", default=200, show_default=True)
@click.option("--databases-killed", default=20, show_default=True)
@click.option("--seed", default=1, show_default=True, help="Of what clients do.")
@click.option("--preload", is_flag=True, help="Workers are there at once, as copies.")
def main(
    kind: str, workers_killed: int, databases_killed: int, seed: int, preload: bool
) -> None:
    """Kill workers and databases in the middle of load; report what came of it."""
    figures = run(kind, workers_killed, databases_killed, seed, preload)
    for line in lines(figures):
        click.echo(line)
    sys.exit(bool(figures.wrong))


def lines(figures: Figures) -> list[str]:
    """Return the figures in sentences, and then everything that is wrong."""
    recoveries = figures.recoveries or [0.0]
    return [
        f"{figures.workers_killed} workers and {figures.databases_killed} databases "
        f"killed in {figures.seconds:.0f} seconds",
        f"{figures.requests} requests, {figures.acknowledged} writes acknowledged, "
        f"{figures.unanswered} not answered, {figures.unavailable} times a 5xx",
        f"every client wrote again {max(recoveries):.2f} seconds after the database "
        f"was back, or sooner; {statistics.median(recoveries):.2f} as a rule",
        f"{len(figures.wrong)} wrong",
        *figures.wrong,
    ]


if __name__ == "__main__":
    main()
