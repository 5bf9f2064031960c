"""Races: several clients claim the last unit of a provider at the same moment."""

import collections
import collections.abc
import contextlib
import dataclasses
import functools
import random
import time
import typing
import uuid

import sqlalchemy as sa

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from tests.stress import client_processes
from tests.stress.client_processes import ClientProcesses, Send

CLIENTS_MIN = 2
CLIENTS_MAX = 16
WON, LOST = 204, 409

# A run stops after this many violations.
VIOLATIONS_MAX = 100

# Rounds, each on a provider of its own, between two checks of the database.
BATCH = 50

# The clients of a round get their jobs this long before they send.
LEAD_SECONDS = 0.003

# A lock on the provider is released after this time even if some claims do not wait.
LOCK_SECONDS_MAX = 2

# Part of the message of the expected refusal.
NO_ROOM = "exceed the capacity"

# The number of sessions that wait for a row lock.
_WAITING = {
    "postgresql": "SELECT COUNT(*) FROM pg_locks WHERE NOT granted",
    "mysql": "SELECT variable_value FROM information_schema.global_status "
    "WHERE variable_name = 'Innodb_row_lock_current_waits'",
}


class Claim(typing.NamedTuple):
    """A claim and its response; times are monotonic, in seconds.

    ``text`` is the body of a refusal.
    """

    consumer: str
    project: str
    status: int
    text: str
    sent: float
    answered: float


class Round(typing.NamedTuple):
    """The concurrent claims for the unit of ``provider``.

    ``were_blocked`` is true if all claims waited for a lock at the same time: for the
    row of the provider, or for a claim that waits for it and inserts their project.
    """

    provider: str
    claims: list[Claim]
    were_blocked: bool

    @property
    def winners(self) -> list[Claim]:
        return [claim for claim in self.claims if claim.status == WON]

    @property
    def collided(self) -> bool:
        """Return whether every claim was sent before the first was answered."""
        last_sent = max(claim.sent for claim in self.claims)
        return last_sent < min(claim.answered for claim in self.claims)


@dataclasses.dataclass
class Figures:
    """The counts of a run; ``violations`` has a sentence for each.

    ``winners`` counts rounds by their number of successful claims, ``statuses`` counts
    claims by status. ``conflicts`` counts transactions that were retried.
    """

    rounds: int = 0
    claims: int = 0
    collided: int = 0
    blocked: int = 0
    conflicts: int = 0
    seconds: float = 0
    winners: "collections.Counter[int]" = dataclasses.field(
        default_factory=collections.Counter
    )
    statuses: "collections.Counter[int]" = dataclasses.field(
        default_factory=collections.Counter
    )
    violations: list[str] = dataclasses.field(default_factory=list)

    def add(self, finished: Round) -> None:
        self.rounds += 1
        self.claims += len(finished.claims)
        self.collided += finished.collided
        self.blocked += finished.were_blocked
        self.winners[len(finished.winners)] += 1
        self.statuses.update(claim.status for claim in finished.claims)


class ProviderLock:
    """Locks the row of a provider on every node, and counts the sessions that wait.

    False on SQLite, which has no row locks.
    """

    def __init__(self, databases: collections.abc.Sequence[sa.Engine]) -> None:
        self._databases = [each for each in databases if each.dialect.name in _WAITING]

    def __bool__(self) -> bool:
        return bool(self._databases)

    @contextlib.contextmanager
    def held(
        self, provider: str
    ) -> "collections.abc.Iterator[collections.abc.Callable[[int], bool]]":
        """Hold the lock until the block ends.

        Yields a function that waits until a number of sessions wait for locks; it
        returns false if they do not within ``LOCK_SECONDS_MAX``.
        """
        with contextlib.ExitStack() as stack:
            conns = [stack.enter_context(each.connect()) for each in self._databases]
            for conn in conns:
                conn.execute(_LOCK, {"uuid": provider})
                stack.callback(_unlock, conn)
            yield functools.partial(_wait_for, conns)


_LOCK = sa.text("SELECT id FROM resource_providers WHERE uuid = :uuid FOR UPDATE")


def _unlock(conn: sa.Connection) -> None:
    # In a cluster, a claim that was let in on another node ends this transaction.
    with contextlib.suppress(sa.exc.DBAPIError):
        conn.rollback()


def _wait_for(conns: list[sa.Connection], count: int) -> bool:
    deadline = time.monotonic() + LOCK_SECONDS_MAX
    while time.monotonic() < deadline:
        waiting = (
            int(conn.scalar(sa.text(_WAITING[conn.dialect.name]))) for conn in conns
        )
        if sum(waiting) >= count:
            return True
        time.sleep(0.001)
    return False


class Race:
    """Rounds on ``BATCH`` providers of one unit each, which is free before each round.

    ``urls`` has the URL of the database on each of its nodes.
    """

    def __init__(
        self, clients: ClientProcesses, urls: collections.abc.Sequence[str], seed: int
    ) -> None:
        self._clients = clients
        self._databases = [
            engines.create_engine(DatabaseSettings(url)) for url in dict.fromkeys(urls)
        ]
        self._lock = ProviderLock(self._databases)
        self._random = random.Random(seed)
        self._providers = [self._uuid() for _ in range(BATCH)]
        clients.run([functools.partial(_offer, self._providers)])

    def run(self, count: int) -> collections.abc.Iterator[list[Round]]:
        """Yield ``count`` rounds in batches; a batch's claims are then released."""
        for done in range(0, count, BATCH):
            providers = self._providers[: count - done]
            batch = [self._round(provider) for provider in providers]
            yield batch
            winners = [winner.consumer for each in batch for winner in each.winners]
            self._clients.run([functools.partial(_release, winners)])

    def violations(self, batch: collections.abc.Sequence[Round] = ()) -> list[str]:
        """Compare the first node with the rounds of ``batch``, not yet released.

        Each winner has its unit, refused claims have left nothing, and ``used`` is
        the sum. Returns a sentence for each difference.
        """
        won = {(each.provider, one.consumer) for each in batch for one in each.winners}
        by_provider = collections.Counter(provider for provider, _ in won)
        expected: dict[str, set[tuple[object, ...]]] = {
            _ALLOCATIONS: {(*pair, 1) for pair in won},
            _CONSUMERS: {(consumer,) for _, consumer in won},
            _USED: {(each, by_provider[each]) for each in self._providers},
        }
        found = [sentence for each in batch for sentence in _wrong_responses(each)]
        with self._databases[0].connect() as conn:
            for statement, rows in expected.items():
                stored = {tuple(row) for row in conn.execute(sa.text(statement))}
                if stored != rows:
                    found.append(
                        f"{statement}: {stored - rows} instead of {rows - stored}"
                    )
            projects = set(conn.scalars(sa.text(_PROJECTS)))
        return found + [
            f"a refused claim has left its project {project}"
            for project in sorted(projects & _projects_of_losers(batch))
        ]

    def close(self) -> None:
        for each in self._databases:
            each.dispose()

    def _round(self, provider: str) -> Round:
        claims = self._claims(provider)
        # Half of the rounds block all claims at the provider; the others do not.
        if not self._lock or self._random.random() < 0.5:
            self._clients.start(claims(time.monotonic() + LEAD_SECONDS))
            return Round(provider, self._clients.results(), were_blocked=False)
        with self._lock.held(provider) as wait_for:
            jobs = claims(0)
            self._clients.start(jobs)
            were_blocked = wait_for(len(jobs))
        return Round(provider, self._clients.results(), were_blocked)

    def _claims(
        self, provider: str
    ) -> collections.abc.Callable[[float], list[client_processes.Job]]:
        """Return a function that returns the claims of a round for a send time."""
        count = self._random.randint(CLIENTS_MIN, CLIENTS_MAX)
        new = self._uuid()
        (projects,) = self._random.choices(
            (
                [client_processes.PROJECT] * count,
                [self._uuid() for _ in range(count)],
                # All insert the same project; one of them succeeds.
                [new] * count,
            ),
            (2, 2, 1),
        )
        consumers = [self._uuid() for _ in range(count)]

        def jobs(start: float) -> list[client_processes.Job]:
            return [
                functools.partial(_claim, provider, consumer, project, start)
                for consumer, project in zip(consumers, projects, strict=True)
            ]

        return jobs

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


_ALLOCATIONS = """
    SELECT p.uuid, a.consumer_id, a.used FROM allocations a
    JOIN resource_providers p ON p.id = a.resource_provider_id
"""
_CONSUMERS = "SELECT uuid FROM consumers"
_USED = """
    SELECT p.uuid, i.used FROM inventories i
    JOIN resource_providers p ON p.id = i.resource_provider_id
"""
_PROJECTS = "SELECT external_id FROM projects"


def _projects_of_losers(batch: collections.abc.Iterable[Round]) -> set[str]:
    """Return the projects of which every claim was refused."""
    claims = [claim for each in batch for claim in each.claims]
    kept = {claim.project for claim in claims if claim.status == WON}
    return {claim.project for claim in claims} - kept - {client_processes.PROJECT}


def _wrong_responses(finished: Round) -> list[str]:
    refused = [claim for claim in finished.claims if claim.status != WON]
    wrong = [
        f"{finished.provider}: {claim.status} {claim.text}"
        for claim in refused
        if claim.status != LOST or NO_ROOM not in claim.text
    ]
    if len(finished.winners) != 1:
        wrong.append(f"{finished.provider}: {len(finished.winners)} got the unit")
    return wrong


def _offer(providers: list[str], send: Send) -> None:
    """Create providers of one unit, one by one, as a service without batches needs."""
    offer = {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 1}}}
    for provider in providers:
        body = {"uuid": provider, "name": provider}
        send("POST", "/resource_providers", body).document()
        path = f"/resource_providers/{provider}/inventories"
        send("PUT", path, offer).document()


def _claim(
    provider: str, consumer: str, project: str, start: float, send: Send
) -> Claim:
    """Claim the unit at the time ``start``, or immediately if that has passed."""
    body = {
        "allocations": {provider: {"resources": {"VCPU": 1}}},
        "consumer_generation": None,
        "consumer_type": "INSTANCE",
        "project_id": project,
        "user_id": client_processes.USER,
    }
    time.sleep(max(0, start - time.monotonic()))
    sent = time.monotonic()
    answer = send("PUT", f"/allocations/{consumer}", body)
    answered = time.monotonic()
    text = "" if answer.status == WON else answer.content.decode()
    return Claim(consumer, project, answer.status, text, sent, answered)


def _release(consumers: list[str], send: Send) -> None:
    for consumer in consumers:
        send("DELETE", f"/allocations/{consumer}", None).document()


def run(
    services: collections.abc.Sequence[client_processes.Service],
    urls: collections.abc.Sequence[str],
    rounds: int,
    seed: int,
    is_exact: bool = True,
) -> Figures:
    """Run a race on a new database; ``urls`` has its URL on each of its nodes.

    If the service ``is_exact``, responses and database are checked; otherwise only the
    winners are counted.

    Raises RuntimeError if a service refuses a request that is not a claim.
    """
    figures = Figures()
    with (
        client_processes.shared(services, CLIENTS_MAX) as clients,
        contextlib.closing(Race(clients, urls, seed)) as race,
        client_processes.measured(clients, figures),
    ):
        for batch in race.run(rounds):
            for each in batch:
                figures.add(each)
            if is_exact:
                figures.violations += race.violations(batch)
            if len(figures.violations) >= VIOLATIONS_MAX:
                break
        if is_exact:
            figures.violations += race.violations()
    return figures
