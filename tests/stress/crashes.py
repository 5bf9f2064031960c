"""``python -m tests.stress.crashes``: kill workers and database servers under load.

Each client claims, moves and releases for its own consumers, and tracks the states
that they may be in. The database server is durable: it flushes to disk at COMMIT.
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
from tests.stress.client_processes import Allocations, claim_body

VERSION = "1.39"
WORKERS = 4
CLIENTS = 8
RECOVERY_SECONDS_MAX = 10

# Time limit of a response, also while the database is down.
RESPONSE_SECONDS = 60

# A run fails if a client writes nothing for this long.
STANDSTILL_SECONDS = 90

PAUSE_AFTER_FAILURE_SECONDS = 0.05

# Random delay before a kill, so that kills hit different steps.
PAUSE_SECONDS_MAX = 0.3

HOSTS = [str(uuid.UUID(int=number)) for number in range(1, 5)]
POOL = str(uuid.UUID(int=99))
HOST_CLASSES = ("VCPU", "MEMORY_MB", "DISK_GB")
POOL_CLASSES = ("SRIOV_NET_VF",)
CONSUMERS_PER_CLIENT = 4

# Enough of each class that no claim is refused.
UNITS = 1_000_000

# The allocations of all consumers of a client.
World = dict[str, Allocations]


@dataclasses.dataclass
class Figures:
    """The counts of a run; ``violations`` has a sentence for each.

    ``unanswered`` requests were at a killed worker; ``unavailable`` ones got a 5xx
    while the database was down. ``recoveries`` has, for each outage, the seconds from
    the return of the database until every client has written again.
    """

    workers_killed: int = 0
    databases_killed: int = 0
    requests: int = 0
    acknowledged: int = 0
    unanswered: int = 0
    unavailable: int = 0
    seconds: float = 0
    recoveries: list[float] = dataclasses.field(default_factory=list)
    violations: list[str] = dataclasses.field(default_factory=list)


class Sent(typing.NamedTuple):
    """A request of a client; ``status`` is None if it was not answered.

    Times are monotonic, in seconds.
    """

    request: str
    begun: float
    ended: float
    status: int | None
    text: str

    def spans(self, begun: float, ended: float) -> bool:
        """Return whether the request overlaps the interval."""
        return self.begun <= ended and begun <= self.ended


class NotServed(Exception):
    """A request was not answered, or with a 5xx."""


class _Client(threading.Thread):
    """Writes for its own consumers until ``stop`` is set.

    ``worlds`` has every possible state: all include the acknowledged writes, and for a
    write that was not answered there is a state with it and one without.
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
        # Times of acknowledged writes.
        self.acknowledged: list[float] = []
        self.violations: list[str] = []

    def run(self) -> None:
        try:
            while not self._stop_asked.is_set():
                try:
                    self._write()
                except NotServed:
                    time.sleep(PAUSE_AFTER_FAILURE_SECONDS)
        except Exception as failure:
            self.violations.append(f"a client ended with {failure!r}")

    def check_last(self) -> None:
        """Compare the allocations of all consumers with the possible states."""
        found = {uuid: self._read(uuid)[0] for uuid in self._consumers}
        if found not in self.worlds:
            self.violations.append(f"{found} is not in {self.worlds}")

    def _write(self) -> None:
        chosen = self._random.sample(self._consumers, self._random.choice((1, 1, 2)))
        read = {uuid: self._read(uuid) for uuid in chosen}
        held = {uuid: found for uuid, (found, _) in read.items()}
        is_certain = all(
            world[uuid] == held[uuid] for world in self.worlds for uuid in chosen
        )
        first = chosen[0]
        if len(chosen) == 1 and held[first] and is_certain and self._coin():
            # It has no generation, so it is sent only in a known state.
            self._send_write("DELETE", f"/allocations/{first}", None, held, {first: {}})
            return
        wanted = {uuid: self._drawn() for uuid in chosen}
        bodies = {
            uuid: claim_body(wanted[uuid], generation)
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
        """Send a write from ``held`` to ``wanted``, and update the possible states."""
        based = [world for world in self.worlds if _agrees(world, held)]
        written = [world | wanted for world in based]
        try:
            answer = self._send(method, path, body)
        except NotServed:
            self.worlds += [world for world in written if world not in self.worlds]
            raise
        if answer.status == 204:
            # The generation proves that the consumers were in the state that was read.
            self.worlds = written
            self.acknowledged.append(time.monotonic())
        elif answer.status != 409 or len(self.worlds) == 1:
            self.violations.append(
                f"{method}: {answer.status} {answer.content.decode()}"
            )

    def _read(self, consumer: str) -> tuple[Allocations, int | None]:
        """Return the allocations of a consumer and its generation."""
        answer = self._send("GET", f"/allocations/{consumer}")
        document = answer.document()
        held: Allocations = {
            provider: one["resources"]
            for provider, one in document["allocations"].items()
        }
        if all(world[consumer] != held for world in self.worlds):
            possible = [world[consumer] for world in self.worlds]
            self.violations.append(f"{consumer} has {held}, not one of {possible}")
        return held, document.get("consumer_generation")

    def _send(self, method: str, path: str, body: object = None) -> Answer:
        """Send a request on a new connection.

        Raises NotServed if it is not answered, or with a 5xx.
        """
        begun = time.monotonic()
        answer = None
        # A killed worker leaves its connections open; clients get one of these.
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            Connection(self._url, VERSION, RESPONSE_SECONDS) as connection,
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
            raise NotServed()
        return answer

    def _drawn(self) -> Allocations:
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
        """Prepare for the next kill, while the database is up."""

    def kill(self, number: int) -> None:
        """Kill it; ``number`` counts the previous kills."""

    def come_back(self) -> None:
        """Start recovery, and wait until it accepts connections."""


class _File:
    """An SQLite database, which has no server to kill."""

    def __init__(self, url: str) -> None:
        self.url = url

    def prepare(self) -> None:
        """Do nothing."""

    def kill(self, number: int) -> None:
        raise RuntimeError("a file cannot be killed")

    def come_back(self) -> None:
        raise RuntimeError("a file cannot be started")


class _Postgresql:
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


class _Mariadb:
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
def _database(kind: str) -> collections.abc.Iterator[Database]:
    """Yield a migrated database on a durable server of its own."""
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
    """An interval without the database; times are monotonic, in seconds."""

    begun: float
    ended: float


class _Run:
    """The clients of a service, and the kills."""

    def __init__(self, database: Database, service: server.Server, seed: int) -> None:
        self._database = database
        self._service = service
        # The service runs in the directory of its log.
        self._log_path = pathlib.Path(f"/proc/{service.pid}/cwd/server.log").resolve()
        self._stop = threading.Event()
        self._clients = [
            _Client(service.url, seed * CLIENTS + number, self._stop)
            for number in range(CLIENTS)
        ]
        self._killed: list[float] = []
        self._outages: list[_Outage] = []

    def kill(self, workers: int, times: int) -> None:
        """Kill ``workers`` workers, and the database ``times`` times, under load.

        Raises RuntimeError if the service comes to a standstill.
        """
        for client in self._clients:
            client.start()
        try:
            for number in range(max(workers, times)):
                self._database.prepare()
                self._wait_for_writes()
                if number < workers:
                    self._kill_worker()
                # Spread over the run, also while a new worker starts.
                if (number + 1) * times // workers > number * times // workers:
                    self._kill_database()
            self._wait_for_writes()
        finally:
            self._stop.set()
            for client in self._clients:
                client.join(STANDSTILL_SECONDS)

    def figures(self) -> Figures:
        """Return the counts, after all clients have stopped."""
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
            violations=[one for client in self._clients for one in client.violations],
        )
        figures.violations += filter(None, map(self._violation, sent))
        figures.violations += [
            f"a client wrote again only after {seconds:.1f} seconds"
            for seconds in figures.recoveries
            if seconds > RECOVERY_SECONDS_MAX
        ]
        figures.violations += invariants.violations(self._database.url)
        return figures

    def _wait_for_writes(self) -> None:
        """Wait until every client has written, and two workers have served requests.

        The second worker can serve the clients when the first is killed.
        """
        begun = time.monotonic()
        while self._last_write_of_each() < begun or len(self._serving()) < 2:
            if time.monotonic() - begun > STANDSTILL_SECONDS:
                raise RuntimeError(f"the service is at a standstill:\n{self._log()}")
            time.sleep(0.02)
        time.sleep(random.uniform(0, PAUSE_SECONDS_MAX))

    def _serving(self) -> list[int]:
        """Return the workers that have served a request, oldest first."""
        # A worker has a single thread until its first request.
        return [
            child.pid
            for child in sorted(_children(self._service.pid))
            if child.threads > 1
        ]

    def _log(self) -> str:
        """Return the last requests and the end of the log of the service."""
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
        """Return the seconds from the end until every client has written again."""
        return max(
            next(
                (each for each in client.acknowledged if each > outage.ended), math.inf
            )
            - outage.ended
            for client in self._clients
        )

    def _violation(self, sent: Sent) -> str | None:
        """Return why the response to a request is not allowed; None if it is."""
        if sent.status is None:
            if any(sent.spans(killed, killed) for killed in self._killed):
                return None
            return f"{sent.request} was not answered, and no worker was killed"
        if sent.status < 500 or any(sent.spans(*outage) for outage in self._outages):
            return None
        return f"{sent.request}, no outage: {sent.status} {sent.text}"


class _Child(typing.NamedTuple):
    """A process; sorts by age, oldest first."""

    started: int
    pid: int
    threads: int


def _children(pid: int) -> list[_Child]:
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # The name before the last bracket may contain spaces and brackets.
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
    """Kill workers of a service under load, and a database server of ``kind``.

    With ``preload`` new workers are forked from the loaded application.

    Raises RuntimeError if the service does not recover, and accounts.MissingError if
    this machine has no such server.
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
    """Do what ``run`` does, with a given migrated ``database``.

    ``options`` configure the service. Raises RuntimeError if it does not recover.
    """
    begun = time.monotonic()
    with server.processes(
        database.url, workers=WORKERS, options=options, preload=preload
    ) as service:
        _create_providers(service.url)
        load = _Run(database, service, seed)
        load.kill(workers_killed, databases_killed)
        figures = load.figures()
    figures.seconds = time.monotonic() - begun
    return figures


def _create_providers(url: str) -> None:
    with Connection(url, VERSION) as api:
        for provider in (*HOSTS, POOL):
            body = {"name": provider, "uuid": provider}
            api.send("POST", "/resource_providers", body).document()
            classes = POOL_CLASSES if provider == POOL else HOST_CLASSES
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
@click.option("--seed", default=1, show_default=True, help="Seed of the requests.")
@click.option(
    "--preload", is_flag=True, help="Fork new workers from the loaded application."
)
def main(
    kind: str, workers_killed: int, databases_killed: int, seed: int, preload: bool
) -> None:
    """Kill workers and database servers under load; print counts and violations."""
    figures = run(kind, workers_killed, databases_killed, seed, preload)
    for line in lines(figures):
        click.echo(line)
    sys.exit(bool(figures.violations))


def lines(figures: Figures) -> list[str]:
    """Return the counts as sentences, then the violations."""
    recoveries = figures.recoveries or [0.0]
    return [
        f"{figures.workers_killed} workers and {figures.databases_killed} databases "
        f"killed in {figures.seconds:.0f} seconds",
        f"{figures.requests} requests, {figures.acknowledged} writes acknowledged, "
        f"{figures.unanswered} not answered, {figures.unavailable} answered with a 5xx",
        f"every client wrote again within {max(recoveries):.2f} seconds after the "
        f"database was up (median {statistics.median(recoveries):.2f})",
        f"{len(figures.violations)} violations",
        *figures.violations,
    ]


if __name__ == "__main__":
    main()
