"""Races of claims in which the service picks the provider.

Each kind of race is a class: what it prepares, the requests that are sent at the same
moment, and what must be true afterwards.
"""

import collections.abc
import functools
import json
import random
import time
import typing
import uuid

import sqlalchemy as sa

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from tests.stress import client_processes
from tests.stress.client_processes import Send

CLIENTS_MAX = 16
LEAD_SECONDS = 0.003
HOSTS = 3

PLACED, REFUSED = 200, 409


class Response(typing.NamedTuple):
    """A response; times are monotonic, in seconds."""

    status: int
    text: str
    sent: float
    answered: float


class Race:
    """The last place: ``HOSTS`` hosts, of which a group takes one member each."""

    def __init__(self, chance: random.Random, database: sa.Engine) -> None:
        self.chance = chance
        self.database = database
        self.name = self.new_uuid()

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def jobs(self, start: float) -> list[client_processes.Job]:
        """Return the requests, to be sent at the time ``start``."""
        count = self.chance.randint(HOSTS + 1, CLIENTS_MAX)
        group = {"name": self.name, "policy": "anti-affinity"}
        return [
            functools.partial(place, start, [self.new_uuid()], group=group)
            for _ in range(count)
        ]

    def wrong(self, responses: list[Response]) -> list[str]:
        """Return a sentence for each thing that is wrong."""
        wrong = unexpected(responses)
        members = self.rows(
            "SELECT c.uuid, p.root_provider_id FROM placement_group_members m"
            " JOIN placement_groups g ON g.id = m.group_id"
            " JOIN consumers c ON c.id = m.consumer_id"
            " JOIN allocations a ON a.consumer_id = c.uuid"
            " JOIN resource_providers p ON p.id = a.resource_provider_id"
            f" WHERE g.name = '{self.name}'"
        )
        placed = consumers_of(responses)
        if sorted(member for member, _ in members) != sorted(placed):
            wrong.append(f"members are {members}, placed were {placed}")
        hosts = [host for _, host in members]
        if len(set(hosts)) < len(hosts):
            wrong.append(f"two members are on one host: {members}")
        if len(hosts) != HOSTS:
            wrong.append(f"{len(hosts)} members are placed on {HOSTS} hosts")
        return wrong

    def rows(self, statement: str) -> list[tuple[typing.Any, ...]]:
        with self.database.connect() as conn:
            return [tuple(row) for row in conn.execute(sa.text(statement))]


class Together(Race):
    """Members of a group with affinity, some of which are placed as one request."""

    def jobs(self, start: float) -> list[client_processes.Job]:
        group = {"name": self.name, "policy": "affinity"}
        return [
            functools.partial(
                place,
                start,
                [self.new_uuid() for _ in range(self.chance.randint(1, 2))],
                group=group,
            )
            for _ in range(self.chance.randint(2, CLIENTS_MAX))
        ]

    def wrong(self, responses: list[Response]) -> list[str]:
        wrong = unexpected(responses)
        placed = consumers_of(responses)
        hosts = self.rows(
            "SELECT DISTINCT resource_provider_id FROM allocations"
            f" WHERE consumer_id IN ({', '.join(map(repr, placed))})"
        )
        if len(hosts) != 1:
            wrong.append(f"members of a group with affinity are on hosts {hosts}")
        return wrong


class SameKey(Race):
    """One request with a key, sent several times at once."""

    def jobs(self, start: float) -> list[client_processes.Job]:
        consumers = [self.new_uuid() for _ in range(self.chance.randint(1, 3))]
        job = functools.partial(place, start, consumers, key=self.name)
        return [job] * self.chance.randint(2, CLIENTS_MAX)

    def wrong(self, responses: list[Response]) -> list[str]:
        answers = {(each.status, each.text) for each in responses}
        if len(answers) == 1 and responses[0].status == PLACED:
            return []
        return [f"different answers to one key: {answers}"]


KINDS: dict[str, type[Race]] = {
    "group": Race,
    "affinity": Together,
    "key": SameKey,
}


def run(
    services: collections.abc.Sequence[client_processes.Service],
    url: str,
    kind: str,
    rounds: int,
    seed: int,
) -> tuple[list[str], int]:
    """Run races of a kind on a new database.

    Returns a sentence for each violation, and the number of rounds in which all
    requests were sent before the first was answered.
    """
    wrong: list[str] = []
    collided = 0
    chance = random.Random(seed)
    database = engines.create_engine(DatabaseSettings(url))
    per_process = -(-CLIENTS_MAX // len(services))
    with client_processes.started(services, per_process) as clients:
        clients.run([offer])
        for _ in range(rounds):
            race = KINDS[kind](chance, database)
            responses = clients.run(race.jobs(time.monotonic() + LEAD_SECONDS))
            wrong += race.wrong(responses)
            last_sent = max(each.sent for each in responses)
            collided += last_sent < min(each.answered for each in responses)
            clients.run([functools.partial(release, set(consumers_of(responses)))])
    database.dispose()
    return wrong, collided


def unexpected(responses: list[Response]) -> list[str]:
    return [
        f"{each.status}: {each.text}"
        for each in responses
        if each.status not in (PLACED, REFUSED)
    ]


def consumers_of(responses: list[Response]) -> list[str]:
    """Return the consumers that were placed."""
    return [
        claim["consumer_uuid"]
        for each in responses
        if each.status == PLACED
        for claim in json.loads(each.text)["claims"]
    ]


def offer(send: Send) -> None:
    body = {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 100}}}
    for number in range(HOSTS):
        host = str(uuid.UUID(int=number + 1, version=4))
        send("POST", "/resource_providers", {"uuid": host, "name": host}).document()
        path = f"/resource_providers/{host}/inventories"
        send("PUT", path, body).document()


def place(
    start: float,
    consumers: list[str],
    send: Send,
    group: dict[str, str] | None = None,
    key: str | None = None,
) -> Response:
    """Place consumers at the time ``start``, or immediately if that has passed."""
    claims = [
        {
            "consumer_uuid": each,
            "project_id": client_processes.PROJECT,
            "user_id": client_processes.USER,
            "query": "resources=VCPU:1",
        }
        for each in consumers
    ]
    headers = {} if key is None else {"idempotency_key": key}
    time.sleep(max(0, start - time.monotonic()))
    sent = time.monotonic()
    body = {"claims": claims, "group": group}
    answer = send("POST", "/-/v1/claims", body, **headers)
    return Response(answer.status, answer.content.decode(), sent, time.monotonic())


def release(consumers: set[str], send: Send) -> None:
    for consumer in consumers:
        send("DELETE", f"/allocations/{consumer}", None).document()
