"""A race: one unit is left, and several clients claim it at the same moment."""

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
from tests.stress.client_processes import Crowd, Send

CLAIMERS_MIN = 2
CLAIMERS_MAX = 16
WON, LOST = 204, 409

# Who finds so much wrong need not go on.
WRONG_MAX = 100

# Rounds that are run, each for a unit of its own, until all of them are looked at.
BATCH = 50

# From the moment when claimers are told, until that at which they send.
LEAD_SECONDS = 0.003

# If it takes longer until all claimers wait at a gate, they do not wait.
GATE_SECONDS_MAX = 2

# Part of the text of the refusal that is right.
NO_ROOM = "exceed the capacity"

# How many wait for a row that another transaction has locked.
_WAITING = {
    "postgresql": "SELECT COUNT(*) FROM pg_locks WHERE NOT granted",
    "mysql": "SELECT variable_value FROM information_schema.global_status "
    "WHERE variable_name = 'Innodb_row_lock_current_waits'",
}


class Claim(typing.NamedTuple):
    """How one claimer fared; times are of the machine's monotonic clock, in seconds.

    ``text`` is that of a refusal.
    """

    consumer: str
    project: str
    status: int
    text: str
    sent: float
    answered: float


class Round(typing.NamedTuple):
    """A unit of ``provider``, claimed by all at once.

    ``held`` is true if all of them waited at once for the row of the provider, or for
    who waits for it and has made the record of their project.
    """

    provider: str
    claims: list[Claim]
    held: bool

    @property
    def winners(self) -> list[Claim]:
        return [claim for claim in self.claims if claim.status == WON]

    @property
    def collided(self) -> bool:
        """Every claim was on its way before the first was answered."""
        last_sent = max(claim.sent for claim in self.claims)
        return last_sent < min(claim.answered for claim in self.claims)


@dataclasses.dataclass
class Figures:
    """What came of a run; ``wrong`` has a sentence for whatever must not be.

    ``winners`` counts rounds by how many claims were granted in them, ``statuses``
    the claims by what was answered. ``conflicts`` is how often the database told the
    service to try again.
    """

    rounds: int = 0
    claims: int = 0
    collided: int = 0
    held: int = 0
    conflicts: int = 0
    seconds: float = 0
    winners: "collections.Counter[int]" = dataclasses.field(
        default_factory=collections.Counter
    )
    statuses: "collections.Counter[int]" = dataclasses.field(
        default_factory=collections.Counter
    )
    wrong: list[str] = dataclasses.field(default_factory=list)

    def add(self, held: Round) -> None:
        self.rounds += 1
        self.claims += len(held.claims)
        self.collided += held.collided
        self.held += held.held
        self.winners[len(held.winners)] += 1
        self.statuses.update(claim.status for claim in held.claims)


class Gate:
    """Keeps all writers from a provider, at every node, and sees who waits for it.

    SQLite has no rows to lock: it has no gate.
    """

    def __init__(self, databases: collections.abc.Sequence[sa.Engine]) -> None:
        self._databases = [each for each in databases if each.dialect.name in _WAITING]

    def __bool__(self) -> bool:
        return bool(self._databases)

    @contextlib.contextmanager
    def closed(
        self, provider: str
    ) -> "collections.abc.Iterator[collections.abc.Callable[[int], bool]]":
        """Keep writers back until the block ends.

        Yields a function that returns true as soon as so many of them wait, and
        false if they do not come.
        """
        with contextlib.ExitStack() as stack:
            conns = [stack.enter_context(each.connect()) for each in self._databases]
            for conn in conns:
                conn.execute(_LOCK, {"uuid": provider})
                stack.callback(_unlock, conn)
            yield functools.partial(_wait_for, conns)


_LOCK = sa.text("SELECT id FROM resource_providers WHERE uuid = :uuid FOR UPDATE")


def _unlock(conn: sa.Connection) -> None:
    # In a cluster, who was let in at another node before takes it from this one.
    with contextlib.suppress(sa.exc.DBAPIError):
        conn.rollback()


def _wait_for(conns: list[sa.Connection], count: int) -> bool:
    deadline = time.monotonic() + GATE_SECONDS_MAX
    while time.monotonic() < deadline:
        waiting = (
            int(conn.scalar(sa.text(_WAITING[conn.dialect.name]))) for conn in conns
        )
        if sum(waiting) >= count:
            return True
        time.sleep(0.001)
    return False


class Race:
    """Rounds on the same few providers of one unit; it is free before each.

    ``urls`` are those of the database, as each of its nodes has it.
    """

    def __init__(
        self, crowd: Crowd, urls: collections.abc.Sequence[str], seed: int
    ) -> None:
        self._crowd = crowd
        self._databases = [
            engines.create_engine(DatabaseSettings(url)) for url in dict.fromkeys(urls)
        ]
        self._gate = Gate(self._databases)
        self._random = random.Random(seed)
        self._providers = [self._uuid() for _ in range(BATCH)]
        crowd.do([functools.partial(_offer, self._providers)])

    def run(self, count: int) -> collections.abc.Iterator[list[Round]]:
        """Run ``count`` rounds; yields them in batches, while their winners hold."""
        for done in range(0, count, BATCH):
            providers = self._providers[: count - done]
            held = [self._round(provider) for provider in providers]
            yield held
            winners = [winner.consumer for each in held for winner in each.winners]
            self._crowd.do([functools.partial(_release, winners)])

    def wrong(self, held: collections.abc.Sequence[Round] = ()) -> list[str]:
        """Return a sentence for everything that is not as these rounds leave it.

        Before their winners give back what they got, each has its unit, and of the
        losers there is nothing; ``used`` is the sum. Asked of the first node.
        """
        won = {(each.provider, one.consumer) for each in held for one in each.winners}
        by_provider = collections.Counter(provider for provider, _ in won)
        expected: dict[str, set[tuple[object, ...]]] = {
            _ALLOCATIONS: {(*pair, 1) for pair in won},
            _CONSUMERS: {(consumer,) for _, consumer in won},
            _USED: {(each, by_provider[each]) for each in self._providers},
        }
        wrong = [sentence for each in held for sentence in _wrong_answers(each)]
        with self._databases[0].connect() as conn:
            for statement, rows in expected.items():
                stored = {tuple(row) for row in conn.execute(sa.text(statement))}
                if stored != rows:
                    wrong.append(
                        f"{statement}: {stored - rows} and not {rows - stored}"
                    )
            projects = set(conn.scalars(sa.text(_PROJECTS)))
        return wrong + [
            f"a claim that was refused has left its project {project}"
            for project in sorted(projects & _projects_of_losers(held))
        ]

    def close(self) -> None:
        for each in self._databases:
            each.dispose()

    def _round(self, provider: str) -> Round:
        claims = self._claims(provider)
        # In every other round claims are as close together as the machine lets them.
        if not self._gate or self._random.random() < 0.5:
            self._crowd.start(claims(time.monotonic() + LEAD_SECONDS))
            return Round(provider, self._crowd.results(), held=False)
        with self._gate.closed(provider) as wait_for:
            jobs = claims(0)
            self._crowd.start(jobs)
            held = wait_for(len(jobs))
        return Round(provider, self._crowd.results(), held)

    def _claims(
        self, provider: str
    ) -> collections.abc.Callable[[float], list[client_processes.Job]]:
        """Return a function that makes the claims of a round, to be sent at a time."""
        count = self._random.randint(CLAIMERS_MIN, CLAIMERS_MAX)
        new = self._uuid()
        (projects,) = self._random.choices(
            (
                [client_processes.PROJECT] * count,
                [self._uuid() for _ in range(count)],
                # All make the same record, and all but one of them too late.
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


# What there is of providers of a race, of those who claim them, and for whom.
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


def _projects_of_losers(held: collections.abc.Iterable[Round]) -> set[str]:
    """Return the projects that there were only for claims that were refused."""
    claims = [claim for each in held for claim in each.claims]
    kept = {claim.project for claim in claims if claim.status == WON}
    return {claim.project for claim in claims} - kept - {client_processes.PROJECT}


def _wrong_answers(held: Round) -> list[str]:
    refused = [claim for claim in held.claims if claim.status != WON]
    wrong = [
        f"{held.provider}: {claim.status} {claim.text}"
        for claim in refused
        if claim.status != LOST or NO_ROOM not in claim.text
    ]
    if len(held.winners) != 1:
        wrong.append(f"{held.provider}: {len(held.winners)} got the unit")
    return wrong


def _offer(providers: list[str], send: Send) -> None:
    """Let there be providers of one unit; not all services can make them at once."""
    offer = {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 1}}}
    for provider in providers:
        body = {"uuid": provider, "name": provider}
        send("POST", "/resource_providers", body).document()
        path = f"/resource_providers/{provider}/inventories"
        send("PUT", path, offer).document()


def _claim(
    provider: str, consumer: str, project: str, start: float, send: Send
) -> Claim:
    """Claim the unit at the time ``start``, or at once if that is over."""
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
    keeps_promise: bool = True,
) -> Figures:
    """Race on a new database; ``urls`` are its own, one for each of its nodes.

    A service with ``keeps_promise`` is held to it, and to what it keeps in the
    database; of another the winners are counted.

    Raises RuntimeError when a service refuses something that is not a claim.
    """
    figures = Figures()
    with client_processes.crowd(services, -(-CLAIMERS_MAX // len(services))) as crowd:
        with contextlib.closing(Race(crowd, urls, seed)) as race:
            begun = time.monotonic()
            for batch in race.run(rounds):
                for each in batch:
                    figures.add(each)
                if keeps_promise:
                    figures.wrong += race.wrong(batch)
                if len(figures.wrong) >= WRONG_MAX:
                    break
            if keeps_promise:
                figures.wrong += race.wrong()
            figures.seconds = time.monotonic() - begun
        figures.conflicts = crowd.conflicts()
    return figures
