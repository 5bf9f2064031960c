"""Races: several clients claim the last unit of a project's limit at the same moment.

They claim it from different hosts with much room, so only the limit can refuse them.
``python -m tests.stress.last_of_limit --database postgresql`` runs 10,000 rounds.
"""

import collections
import collections.abc
import dataclasses
import functools
import random
import time
import typing
import uuid

import sqlalchemy as sa

from tests.functional import invariants
from tests.stress import client_processes, race_command
from tests.stress.client_processes import ClientProcesses, Send
from tests.stress.last_unit import CLIENTS_MAX, CLIENTS_MIN, LEAD_SECONDS, LOST, WON

HOSTS = 32
# Rounds between two checks of the database.
BATCH = 50
# Part of the message of the expected refusal.
NO_ROOM = "would exceed its limit of"

_PATH = "/-/v1/limits"
_HELD = """
    SELECT p.external_id, a.consumer_id FROM allocations a
    JOIN consumers c ON c.uuid = a.consumer_id JOIN projects p ON p.id = c.project_id
"""


class Claim(typing.NamedTuple):
    """A claim and its response; ``text`` is the body of a refusal."""

    consumer: str
    status: int
    text: str


@dataclasses.dataclass
class Figures:
    """The counts of a run; ``winners`` counts rounds by their successful claims."""

    rounds: int = 0
    claims: int = 0
    seconds: float = 0
    conflicts: int = 0
    winners: "collections.Counter[int]" = dataclasses.field(
        default_factory=collections.Counter
    )
    violations: list[str] = dataclasses.field(default_factory=list)

    @property
    def summary(self) -> str:
        winners = dict(self.winners)
        return f"{self.rounds} rounds by winners: {winners}, {self.claims} claims"


class Race:
    """Rounds for projects that may hold one unit, or one consumer, and hold nothing.

    In half of the rounds the project is new, and its claims count it; in the others it
    is ``PROJECT``, which is counted already.
    """

    def __init__(self, clients: ClientProcesses, url: str, seed: int) -> None:
        self._clients = clients
        self._url = url
        self._random = random.Random(seed)
        self._hosts = [self._uuid() for _ in range(HOSTS)]
        clients.run([functools.partial(_prepare, self._hosts)])

    def run(self, rounds: int, figures: Figures) -> None:
        for done in range(0, rounds, BATCH):
            for _ in range(min(BATCH, rounds - done)):
                self._round(figures)
            figures.violations += invariants.violations(self._url)

    def _round(self, figures: Figures) -> None:
        project = client_processes.PROJECT
        if self._random.random() < 0.5:
            project = self._uuid()
            limit = {self._random.choice(["VCPU", "consumers"]): 1}
            self._clients.run([functools.partial(_limit, project, limit)])
        count = self._random.randint(CLIENTS_MIN, CLIENTS_MAX)
        start = time.monotonic() + LEAD_SECONDS
        hosts = self._random.sample(self._hosts, count)
        claims: list[Claim] = self._clients.run(
            [
                functools.partial(_claim, host, self._uuid(), project, start)
                for host in hosts
            ]
        )
        figures.rounds += 1
        figures.claims += count
        won = [claim.consumer for claim in claims if claim.status == WON]
        figures.winners[len(won)] += 1
        figures.violations += [
            f"{project}: {claim.status} {claim.text}"
            for claim in claims
            if claim.status != WON
            and (claim.status != LOST or NO_ROOM not in claim.text)
        ]
        if len(won) != 1:
            figures.violations.append(f"{project}: {len(won)} got the unit")
        figures.violations += self._wrong_rows(project, won)
        self._clients.run([functools.partial(_release, won)])

    def _wrong_rows(self, project: str, won: list[str]) -> list[str]:
        engine = sa.create_engine(self._url, poolclass=sa.NullPool)
        with engine.connect() as conn:
            held = {tuple(row) for row in conn.execute(sa.text(_HELD))}
        expected = {(project, consumer) for consumer in won}
        return [] if held == expected else [f"held are {held}, won {expected}"]

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def _prepare(hosts: list[str], send: Send) -> None:
    offer = {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 99}}}
    for host in hosts:
        send("POST", "/resource_providers", {"uuid": host, "name": host}).document()
        path = f"/resource_providers/{host}/inventories"
        send("PUT", path, offer).document()
    _limit(client_processes.PROJECT, {"VCPU": 1}, send)


def _limit(project: str, limits: dict[str, int], send: Send) -> None:
    send("PUT", f"{_PATH}/{project}", limits).document()


def _claim(host: str, consumer: str, project: str, start: float, send: Send) -> Claim:
    """Claim a unit at the time ``start``, or immediately if that has passed."""
    body = client_processes.claim_body({host: {"VCPU": 1}}, None)
    time.sleep(max(0, start - time.monotonic()))
    answer = send("PUT", f"/allocations/{consumer}", body | {"project_id": project})
    text = "" if answer.status == WON else answer.content.decode()
    return Claim(consumer, answer.status, text)


def _release(consumers: list[str], send: Send) -> None:
    for consumer in consumers:
        send("DELETE", f"/allocations/{consumer}", None).document()


def run(
    services: collections.abc.Sequence[client_processes.Service],
    url: str,
    rounds: int,
    seed: int,
) -> Figures:
    """Run a race on a new database at ``url``.

    Raises RuntimeError if a service refuses a request that is not a claim.
    """
    figures = Figures()
    with client_processes.shared(services, CLIENTS_MAX) as clients:
        race = Race(clients, url, seed)
        with client_processes.measured(clients, figures):
            race.run(rounds, figures)
    return figures


main = race_command.of(
    run, "Send 2 to 16 concurrent claims for the last unit of a limit."
)


if __name__ == "__main__":
    main()
