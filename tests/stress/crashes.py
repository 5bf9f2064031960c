"""``python -m tests.stress.crashes``: kill workers and database servers under load.

The database server is durable: it flushes to disk at COMMIT.
"""

import contextlib
import dataclasses
import math
import os
import pathlib
import random
import signal
import statistics
import sys
import threading
import time
import typing

import click

from tests.functional import invariants
from tests.functional.connection import Connection
from tests.servers import configuration, databases, server
from tests.stress import killable, placing_crash_clients
from tests.stress.crash_clients import HOSTS, POOL, VERSION, Client, Sent

WORKERS = 4
CLIENTS = 8
RECOVERY_SECONDS_MAX = 10

# A run fails if a client writes nothing for this long.
STANDSTILL_SECONDS = 90

# Random delay before a kill, so that kills hit different steps.
PAUSE_SECONDS_MAX = 0.3

HOST_CLASSES = ("VCPU", "MEMORY_MB", "DISK_GB")
POOL_CLASSES = ("SRIOV_NET_VF",)

# Enough of each class that no claim is refused.
UNITS = 1_000_000


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


class _Outage(typing.NamedTuple):
    """An interval without the database; times are monotonic, in seconds."""

    begun: float
    ended: float


class _Run:
    """The clients of a service, and the kills."""

    def __init__(
        self,
        database: killable.Database,
        service: server.Server,
        seed: int,
        kind: type[Client],
    ) -> None:
        self._database = database
        self._service = service
        # The service runs in the directory of its log.
        self._log_path = pathlib.Path(f"/proc/{service.pid}/cwd/server.log").resolve()
        self._stop = threading.Event()
        self._clients = [
            kind(service.url, seed * CLIENTS + number, self._stop)
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
                # Spread over the run, even while a new worker starts.
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
    clients: type[Client] = Client,
) -> Figures:
    """Kill workers of a service under load, and a database server of ``kind``.

    With ``preload`` new workers are forked from the loaded application. ``clients`` is
    the kind of the clients.

    Raises RuntimeError if the service does not recover, and accounts.MissingError if
    this machine has no such server.
    """
    with killable.durable(kind) as database:
        return run_on(
            database, workers_killed, databases_killed, seed, preload, clients=clients
        )


def run_on(
    database: killable.Database,
    workers_killed: int,
    databases_killed: int,
    seed: int,
    preload: bool = False,
    options: configuration.Options | None = None,
    clients: type[Client] = Client,
) -> Figures:
    """Do what ``run`` does, with a given migrated ``database``.

    ``options`` configure the service. Raises RuntimeError if it does not recover.
    """
    begun = time.monotonic()
    with server.processes(
        database.url,
        workers=WORKERS,
        options=options,
        arguments=("--preload",) if preload else (),
    ) as service:
        _create_providers(service.url, clients)
        load = _Run(database, service, seed, clients)
        load.kill(workers_killed, databases_killed)
        figures = load.figures()
    figures.seconds = time.monotonic() - begun
    return figures


def _create_providers(url: str, clients: type[Client]) -> None:
    with Connection(url, VERSION) as api:
        clients.prepare(api)
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
@click.option("--placing", is_flag=True, help="Place consumers, with holds and keys.")
def main(
    kind: str,
    workers_killed: int,
    databases_killed: int,
    seed: int,
    preload: bool,
    placing: bool,
) -> None:
    """Kill workers and database servers under load; print counts and violations."""
    clients = placing_crash_clients.Client if placing else Client
    figures = run(kind, workers_killed, databases_killed, seed, preload, clients)
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
