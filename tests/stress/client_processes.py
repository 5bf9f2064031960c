"""Clients in several processes, each of which runs the service itself.

Requests pass no socket, and processes and connections are reused: nearly all of the
time is spent in the service and its database.
"""

import collections.abc
import contextlib
import itertools
import json
import multiprocessing
import multiprocessing.connection
import multiprocessing.process
import signal
import sys
import tempfile
import threading
import time
import traceback
import typing
from concurrent import futures
from unittest import mock

import sqlalchemy as sa

from placement import client
from placement.db import conflicts, transaction
from tests.functional.connection import Answer, Connection
from tests.servers import server

VERSION = "1.39"
PROJECT = "project"
USER = "user"

# Units by provider and class; empty for a consumer that does not exist.
Allocations = dict[str, dict[str, int]]

# A process stops when its current jobs are done.
STOP_SECONDS = 60

# By default a thread runs for five milliseconds, long enough for a whole claim.
SWITCH_SECONDS = 0.0005

_HEADERS = {
    "accept": "application/json",
    "content-type": "application/json",
    "openstack-api-version": f"placement {VERSION}",
}

# Sends a method, a path and a body, and headers as keyword arguments.
Send = collections.abc.Callable[..., Answer]

# What one client does. The job and its result are pickled.
Job = collections.abc.Callable[[Send], typing.Any]


def claim_body(allocations: Allocations, generation: int | None) -> dict[str, object]:
    """Return the body of a claim for a consumer of that generation."""
    return {
        "allocations": {
            provider: {"resources": resources}
            for provider, resources in allocations.items()
        },
        "consumer_generation": generation,
        "consumer_type": "INSTANCE",
        "project_id": PROJECT,
        "user_id": USER,
    }


class Service(typing.Protocol):
    """The service that the clients of a process use."""

    def opened(self) -> contextlib.AbstractContextManager[Send]:
        """Yield a function that sends a request; it is thread-safe."""


class InProcess(typing.NamedTuple):
    """A service in the client process, on the database at ``url``."""

    url: str

    @contextlib.contextmanager
    def opened(self) -> collections.abc.Iterator[Send]:
        with (
            # Refused claims take the same path as others, without the cool-down.
            mock.patch.object(transaction, "REFUSED_KEYS_MAX", 0),
            server.in_process(self.url) as application,
        ):
            transport = client.WSGITransport(application)

            def send(
                method: str, path: str, body: object = None, **headers: str
            ) -> Answer:
                content = None if body is None else json.dumps(body).encode()
                given = {name.replace("_", "-"): each for name, each in headers.items()}
                answer = transport.send(method, path, _HEADERS | given, content)
                return Answer(answer.status, answer.body)

            yield send


class Remote(typing.NamedTuple):
    """A running service at ``url``."""

    url: str

    @contextlib.contextmanager
    def opened(self) -> collections.abc.Iterator[Send]:
        def send(method: str, path: str, body: object = None) -> Answer:
            # A server may close an idle connection.
            with Connection(self.url, VERSION) as api:
                return api.send(method, path, body)

        yield send


class ClientProcesses:
    """Client processes, each of which runs up to ``clients`` jobs concurrently."""

    def __init__(
        self,
        services: collections.abc.Sequence[Service],
        clients: int,
        directory: str,
    ) -> None:
        self._processes = [
            _Process(service, clients, directory) for service in services
        ]

    def wait_until_ready(self) -> None:
        """Wait until every process has built its service.

        Raises RuntimeError if one fails to.
        """
        for process in self._processes:
            process.receive()

    def start(self, jobs: collections.abc.Sequence[Job]) -> None:
        """Start the jobs, distributed over the processes in turn."""
        for number, process in enumerate(self._processes):
            process.send(jobs[number :: len(self._processes)])

    def results(self) -> list[typing.Any]:
        """Wait for all jobs; return their results in the order of the jobs.

        Raises RuntimeError if a job failed.
        """
        by_process = [process.receive() for process in self._processes]
        in_order = itertools.chain.from_iterable(itertools.zip_longest(*by_process))
        count = sum(map(len, by_process))
        return list(itertools.islice(in_order, count))

    def run(self, jobs: collections.abc.Sequence[Job]) -> list[typing.Any]:
        """Run the jobs; return their results in the order of the jobs."""
        self.start(jobs)
        return self.results()

    def conflicts(self) -> int:
        """Count the transactions that a database made the services retry."""
        self.start([_count_conflicts] * len(self._processes))
        return sum(self.results())

    def stop(self) -> None:
        """Stop the processes, none of which has a job."""
        for process in self._processes:
            process.stop()

    def kill(self) -> None:
        """Kill the processes, also those with a job."""
        for process in self._processes:
            process.kill()


class Counts(typing.Protocol):
    """Counts of a run: its seconds, and the transactions that were retried."""

    seconds: float
    conflicts: int


@contextlib.contextmanager
def measured(
    clients: ClientProcesses, counts: Counts
) -> collections.abc.Iterator[None]:
    """Note in ``counts`` how long the block took, and how many conflicts it had."""
    begun, before = time.monotonic(), clients.conflicts()
    yield
    counts.seconds = time.monotonic() - begun
    counts.conflicts = clients.conflicts() - before


@contextlib.contextmanager
def started(
    services: collections.abc.Sequence[Service], clients: int
) -> collections.abc.Iterator[ClientProcesses]:
    """Run one process per service, with ``clients`` concurrent clients in each."""
    # Temporary files of a process are removed even if it is killed.
    with tempfile.TemporaryDirectory(prefix="placement-clients-") as directory:
        processes = ClientProcesses(services, clients, directory)
        try:
            processes.wait_until_ready()
            yield processes
        except BaseException:
            processes.kill()
            raise
        processes.stop()


def shared(
    services: collections.abc.Sequence[Service], clients: int
) -> contextlib.AbstractContextManager[ClientProcesses]:
    """Run one process per service, with at least ``clients`` clients in all of them."""
    return started(services, -(-clients // len(services)))


class _Process:
    """One client process, as its parent sees it."""

    def __init__(self, service: Service, clients: int, directory: str) -> None:
        # A process forked from this one would share its connections. The fork server
        # has none, and has imported the service, which takes longer than most races.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__, "pytest"])
        self._pipe, other_end = context.Pipe()
        self._process: multiprocessing.process.BaseProcess = context.Process(
            target=_serve, args=(other_end, service, clients, directory), daemon=True
        )
        self._process.start()
        other_end.close()

    def send(self, jobs: collections.abc.Sequence[Job]) -> None:
        self._pipe.send(jobs)

    def receive(self) -> list[typing.Any]:
        """Return the results of the jobs.

        Raises RuntimeError with the traceback of a job that failed.
        """
        try:
            done: _Done = self._pipe.recv()
        except EOFError:
            raise RuntimeError("a client process has ended") from None
        if done.failure is not None:
            raise RuntimeError(done.failure)
        return done.results

    def stop(self) -> None:
        """Stop the process, which has no job."""
        self._pipe.send(None)
        self._process.join(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()


class _Done(typing.NamedTuple):
    """The results of jobs, or the traceback of the first that failed."""

    results: list[typing.Any]
    failure: str | None = None


def _serve(
    pipe: "multiprocessing.connection.Connection[_Done, typing.Any]",
    service: Service,
    clients: int,
    directory: str,
) -> None:
    """Run jobs as they arrive, until the parent stops this process or ends."""
    # Ctrl-C is handled by the parent, which then kills its children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setswitchinterval(SWITCH_SECONDS)
    tempfile.tempdir = directory
    sa.event.listen(sa.Engine, "handle_error", _note_conflict)
    with (
        service.opened() as send,
        futures.ThreadPoolExecutor(clients) as threads,
        contextlib.suppress(EOFError),
    ):
        pipe.send(_Done([]))
        while (jobs := pipe.recv()) is not None:
            pipe.send(_done([threads.submit(job, send) for job in jobs]))


def _done(running: list["futures.Future[typing.Any]"]) -> _Done:
    try:
        return _Done([each.result() for each in running])
    except Exception:
        return _Done([], traceback.format_exc())


_lock = threading.Lock()
_conflicts = 0


def _note_conflict(context: sa.engine.ExceptionContext) -> None:
    global _conflicts  # noqa: PLW0603 - counts the engines of this process
    failure = context.sqlalchemy_exception
    if failure and conflicts.meaning(failure) is conflicts.Meaning.RETRY:
        with _lock:
            _conflicts += 1


def _count_conflicts(_send: Send) -> int:
    return _conflicts
