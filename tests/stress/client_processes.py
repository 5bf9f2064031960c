"""Clients in several processes, each of which has the service in it.

What they send passes no socket, and their processes and connections live as long as
all that they do: next to all time goes into the service and its database.
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

# Units by class by provider; nothing, if a consumer is not there.
Held = dict[str, dict[str, int]]

# A process ends as soon as what it does is done.
STOP_SECONDS = 60

# Python lets a thread run for five milliseconds, in which it makes a whole claim.
SWITCH_SECONDS = 0.0005

_HEADERS = {
    "accept": "application/json",
    "content-type": "application/json",
    "openstack-api-version": f"placement {VERSION}",
}

Send = collections.abc.Callable[[str, str, object], Answer]

# What one client does; it goes to another process, and so does what it returns.
Job = collections.abc.Callable[[Send], typing.Any]


def body_of(held: Held, generation: int | None) -> dict[str, object]:
    """Return what makes a consumer of that generation hold that."""
    return {
        "allocations": {
            provider: {"resources": resources} for provider, resources in held.items()
        },
        "consumer_generation": generation,
        "consumer_type": "INSTANCE",
        "project_id": PROJECT,
        "user_id": USER,
    }


class Service(typing.Protocol):
    """Where the clients of a process find the service."""

    def opened(self) -> contextlib.AbstractContextManager[Send]:
        """Let clients send, also at the same time, until the block ends."""


class Inside(typing.NamedTuple):
    """A service in the process itself, on the database at ``url``."""

    url: str

    @contextlib.contextmanager
    def opened(self) -> collections.abc.Iterator[Send]:
        with (
            # Most claims are refused, and all are to go the way of those that are not.
            mock.patch.object(transaction, "REFUSED_KEYS_MAX", 0),
            server.in_process(self.url) as application,
        ):
            transport = client.WSGITransport(application)

            def send(method: str, path: str, body: object = None) -> Answer:
                content = None if body is None else json.dumps(body).encode()
                answer = transport.send(method, path, _HEADERS, content)
                return Answer(answer.status, answer.body)

            yield send


class Outside(typing.NamedTuple):
    """A service that listens at ``url``."""

    url: str

    @contextlib.contextmanager
    def opened(self) -> collections.abc.Iterator[Send]:
        def send(method: str, path: str, body: object = None) -> Answer:
            # A server may close a connection that was silent for a while.
            with Connection(self.url, VERSION) as api:
                return api.send(method, path, body)

        yield send


class Crowd:
    """The processes; each takes as many jobs at once as there are ``clients`` in it."""

    def __init__(
        self,
        services: collections.abc.Sequence[Service],
        clients: int,
        directory: str,
    ) -> None:
        self._members = [_Member(service, clients, directory) for service in services]

    def wait_until_ready(self) -> None:
        """Return when every process has its service.

        Raises RuntimeError when one of them does not get it.
        """
        for member in self._members:
            member.receive()

    def start(self, jobs: collections.abc.Sequence[Job]) -> None:
        """Begin with the jobs; processes take them in turns."""
        for number, member in enumerate(self._members):
            member.send(jobs[number :: len(self._members)])

    def results(self) -> list[typing.Any]:
        """Return what has come of the jobs, in their order, when all are done.

        Raises RuntimeError when one of them failed.
        """
        by_member = [member.receive() for member in self._members]
        in_turns = itertools.chain.from_iterable(itertools.zip_longest(*by_member))
        count = sum(map(len, by_member))
        return list(itertools.islice(in_turns, count))

    def do(self, jobs: collections.abc.Sequence[Job]) -> list[typing.Any]:
        """Begin with the jobs, and return what has come of them, in their order."""
        self.start(jobs)
        return self.results()

    def conflicts(self) -> int:
        """Count how often a database has told a service in here to try again."""
        self.start([_count_conflicts] * len(self._members))
        return sum(self.results())

    def end(self) -> None:
        """End the processes, which are not at work."""
        for member in self._members:
            member.end()

    def kill(self) -> None:
        """End the processes whatever they do."""
        for member in self._members:
            member.kill()


@contextlib.contextmanager
def crowd(
    services: collections.abc.Sequence[Service], clients: int
) -> collections.abc.Iterator[Crowd]:
    """Run a process for each of ``services``, each with so many clients at once."""
    # What a process keeps in files is gone even if it is ended by force.
    with tempfile.TemporaryDirectory(prefix="placement-claimers-") as directory:
        made = Crowd(services, clients, directory)
        try:
            made.wait_until_ready()
            yield made
        except BaseException:
            made.kill()
            raise
        made.end()


class _Member:
    """One process, as the others see it."""

    def __init__(self, service: Service, clients: int, directory: str) -> None:
        # A copy of this process would share its connections.
        context = multiprocessing.get_context("spawn")
        self._pipe, other_end = context.Pipe()
        self._process: multiprocessing.process.BaseProcess = context.Process(
            target=_serve, args=(other_end, service, clients, directory), daemon=True
        )
        self._process.start()
        other_end.close()

    def send(self, jobs: collections.abc.Sequence[Job]) -> None:
        self._pipe.send(jobs)

    def receive(self) -> list[typing.Any]:
        """Return what has come of the jobs that were sent.

        Raises RuntimeError with the words of the one that failed.
        """
        try:
            done: _Done = self._pipe.recv()
        except EOFError:
            raise RuntimeError("a process of claimers has ended") from None
        if done.failure is not None:
            raise RuntimeError(done.failure)
        return done.results

    def end(self) -> None:
        """Let the process end, which waits for jobs."""
        self._pipe.send(None)
        self._process.join(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()


class _Done(typing.NamedTuple):
    results: list[typing.Any]
    failure: str | None = None


def _serve(
    pipe: "multiprocessing.connection.Connection[_Done, typing.Any]",
    service: Service,
    clients: int,
    directory: str,
) -> None:
    """Do jobs as they come, until there is nobody who sends any."""
    # A break at the terminal is for who started this; it ends what it started.
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
    global _conflicts  # noqa: PLW0603 - of this process, as its engines are
    failure = context.sqlalchemy_exception
    if failure and conflicts.meaning(failure) is conflicts.Meaning.RETRY:
        with _lock:
            _conflicts += 1


def _count_conflicts(_send: Send) -> int:
    return _conflicts
