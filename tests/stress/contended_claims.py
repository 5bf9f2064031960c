"""Contended claims: clients that want more, together, than a few providers have."""

import collections
import collections.abc
import contextlib
import dataclasses
import json
import random
import time
import typing
import uuid

import sqlalchemy as sa

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from tests.functional import invariants
from tests.functional.connection import Answer
from tests.stress import capacity_monitor, client_processes
from tests.stress.client_processes import Held, Send, body_of

CLIENTS = 16
CONSUMERS_PER_CLIENT = 8
CONSUMERS_PER_POST_MAX = 6

# Who finds so much wrong need not go on.
WRONG_MAX = 100

# How often an operator tries to change what a busy provider has.
TRIES_MAX = 50

# Why a claim was refused: there is no room, its generation is stale, or the database
# has asked for another try too often, which only a cluster may.
NO_ROOM = "no room"
STALE = "stale"
GAVE_UP = "gave up"

_CONFLICT = "placement.concurrent_update"

_PROVIDERS = [str(uuid.UUID(int=number)) for number in range(1, 5)]

# What an operator takes units from and gives them back to, while claims are made.
LOWERED = _PROVIDERS[0]

# Consumers that all clients write; each other one is written by one client only.
_SHARED = [str(uuid.UUID(int=number)) for number in range(101, 105)]


# Room for 27, 26.1 and 27.5 units; ratios are tenths, as the evidence wants them.
_OFFERS: dict[str, dict[str, float]] = {
    "VCPU": {"total": 20, "reserved": 2, "allocation_ratio": 1.5},
    "MEMORY_MB": {"total": 30, "reserved": 1, "allocation_ratio": 0.9},
    "DISK_GB": {"total": 30, "reserved": 5, "allocation_ratio": 1.1},
}
_LITTLE: dict[str, float] = {"total": 13, "reserved": 3, "allocation_ratio": 0.7}


class Holding(typing.NamedTuple):
    """What a consumer holds; ``generation`` is None if it is not there."""

    generation: int | None
    held: Held


NOTHING = Holding(None, {})


@dataclasses.dataclass
class Told:
    """What a client has been told; ``wrong`` has a sentence for what must not be.

    ``claims`` counts by outcome what was asked for: each consumer of a request that
    writes what it holds is one. ``other`` counts the other requests.
    ``holdings`` are those of its own consumers in the end, and ``shared`` has, for
    each time that it wrote a consumer of all, what that held from then on.
    """

    claims: "collections.Counter[str]" = dataclasses.field(
        default_factory=collections.Counter
    )
    other: "collections.Counter[str]" = dataclasses.field(
        default_factory=collections.Counter
    )
    holdings: dict[str, Holding] = dataclasses.field(default_factory=dict)
    shared: list[tuple[str, Holding]] = dataclasses.field(default_factory=list)
    wrong: list[str] = dataclasses.field(default_factory=list)


class Client:
    """Makes so many claims, and knows after every answer what its consumers hold."""

    def __init__(self, number: int, seed: int, claims: int, may_give_up: bool) -> None:
        self._random = random.Random(f"{seed} {number}")
        self._claims = claims
        self._unlucky = {NO_ROOM, GAVE_UP} if may_give_up else {NO_ROOM}
        self._consumers = [self._uuid() for _ in range(CONSUMERS_PER_CLIENT)]
        self._told = Told(holdings=dict.fromkeys(self._consumers, NOTHING))

    def __call__(self, send: Send) -> Told:
        told = self._told
        steps = list(_STEPS)
        weights = list(_STEPS.values())
        while told.claims.total() < self._claims and len(told.wrong) < WRONG_MAX:
            (step,) = self._random.choices(steps, weights)
            step(self, send)
        return told

    def _put(self, send: Send) -> None:
        consumer = self._random.choice(self._consumers)
        wanted = self._drawn()
        body = self._body(consumer, wanted)
        self._learn(send("PUT", f"/allocations/{consumer}", body), {consumer: wanted})

    def _post(self, send: Send) -> None:
        count = self._random.randint(2, CONSUMERS_PER_POST_MAX)
        wanted = {
            consumer: self._drawn_or_nothing(consumer)
            for consumer in self._random.sample(self._consumers, count)
        }
        bodies = {
            consumer: self._body(consumer, held) for consumer, held in wanted.items()
        }
        self._learn(send("POST", "/allocations", bodies), wanted)

    def _learn(self, answer: Answer, wanted: dict[str, Held]) -> None:
        """Note what came of a request that is right: only room may be missing."""
        outcome = _outcome(answer)
        self._told.claims[outcome] += len(wanted)
        if outcome == "204":
            for consumer, held in wanted.items():
                generation = (self._told.holdings[consumer].generation or 0) + 1
                self._told.holdings[consumer] = (
                    Holding(generation, held) if held else NOTHING
                )
        elif outcome not in self._unlucky:
            self._told.wrong.append(f"a claim of {wanted}: {outcome}")

    def _put_stale(self, send: Send) -> None:
        """Claim with a generation that is not, or no longer, the consumer's."""
        consumer = self._random.choice(self._consumers)
        stored = self._told.holdings[consumer].generation
        others = {None, 0, (stored or 1) - 1, (stored or 0) + 1} - {stored}
        given = self._random.choice(sorted(others, key=str))
        body = self._body(consumer, self._drawn()) | {"consumer_generation": given}
        outcome = _outcome(send("PUT", f"/allocations/{consumer}", body))
        self._told.claims[outcome] += 1
        if outcome != STALE:
            self._told.wrong.append(f"{given} given for {stored}: {outcome}")

    def _put_shared(self, send: Send) -> None:
        """Write what others write, too: nobody may overwrite what it has not read."""
        consumer = self._random.choice(_SHARED)
        read = self._read(consumer, send).generation
        wanted = self._drawn()
        body = body_of(wanted, read)
        outcome = _outcome(send("PUT", f"/allocations/{consumer}", body))
        self._told.claims[outcome] += 1
        if outcome == "204":
            self._told.shared.append((consumer, Holding((read or 0) + 1, wanted)))
        elif outcome not in {STALE, *self._unlucky}:
            self._told.wrong.append(f"a claim for {consumer}: {outcome}")

    def _delete(self, send: Send) -> None:
        holding = [each for each, (_, held) in self._told.holdings.items() if held]
        # Now and then one that may hold nothing.
        among = holding if holding and self._random.random() < 0.9 else self._consumers
        consumer = self._random.choice(among)
        answer = send("DELETE", f"/allocations/{consumer}", None)
        outcome = str(answer.status) if answer.status == 404 else _outcome(answer)
        self._told.other[f"DELETE {outcome}"] += 1
        if outcome == ("204" if consumer in holding else "404"):
            self._told.holdings[consumer] = NOTHING
        elif outcome not in self._unlucky:
            self._told.wrong.append(f"DELETE of {consumer}: {outcome}")

    def _look(self, send: Send) -> None:
        consumer = self._random.choice(self._consumers)
        found = self._read(consumer, send)
        if found != self._told.holdings[consumer]:
            expected = self._told.holdings[consumer]
            self._told.wrong.append(f"{consumer} is {found} and not {expected}")

    def _read(self, consumer: str, send: Send) -> Holding:
        answer = send("GET", f"/allocations/{consumer}", None)
        self._told.other[f"GET {answer.status}"] += 1
        document = answer.document()
        held = {
            provider: one["resources"]
            for provider, one in document["allocations"].items()
        }
        return Holding(document.get("consumer_generation"), held)

    def _operate(self, send: Send) -> None:
        """Do what an operator does: take units from a provider, or give them back."""
        name = self._random.choice(sorted(_OFFERS))
        offer = self._random.choice((_OFFERS[name], _LITTLE))
        path = f"/resource_providers/{LOWERED}/inventories/{name}"
        # A claim that comes between reading and writing moves the generation.
        outcome = STALE
        for _ in range(TRIES_MAX):
            read = send("GET", path, None).document()["resource_provider_generation"]
            body = {**offer, "resource_provider_generation": read}
            outcome = _outcome(send("PUT", path, body))
            self._told.other[f"PUT inventory {outcome}"] += 1
            if outcome != STALE:
                break
        if outcome not in ("200", STALE):
            self._told.wrong.append(f"PUT {path}: {outcome}")

    def _body(self, consumer: str, held: Held) -> dict[str, object]:
        return body_of(held, self._told.holdings[consumer].generation)

    def _drawn(self) -> Held:
        """Return one to three units of one to three classes of as many providers."""
        providers = self._random.sample(_PROVIDERS, self._random.randint(1, 3))
        return {
            provider: {
                name: self._random.randint(1, 3)
                for name in self._random.sample(
                    sorted(_OFFERS), self._random.randint(1, 3)
                )
            }
            for provider in providers
        }

    def _drawn_or_nothing(self, consumer: str) -> Held:
        is_there = self._told.holdings[consumer].held
        return {} if is_there and self._random.random() < 0.4 else self._drawn()

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


# How often, beside the others, a client does what.
_STEPS: dict[collections.abc.Callable[[Client, Send], None], float] = {
    Client._put: 10,
    Client._post: 20,
    Client._put_stale: 2,
    Client._put_shared: 2,
    Client._delete: 8,
    Client._look: 1,
    Client._operate: 0.1,
}


def _outcome(answer: Answer) -> str:
    """Return the status, or why a claim was refused if that is to be expected."""
    if answer.status != 409:
        text = answer.content.decode() if answer.status >= 400 else ""
        return f"{answer.status} {text}".strip()
    (error,) = json.loads(answer.content)["errors"]
    detail: str = error["detail"]
    if error["code"] == _CONFLICT:
        return STALE if "generation" in detail else GAVE_UP
    return NO_ROOM if "exceed the capacity" in detail else f"409 {detail}"


@dataclasses.dataclass
class Figures:
    """What came of a run; ``wrong`` has a sentence for whatever must not be.

    ``claims`` and ``other`` are those of all clients, see ``Told``. ``conflicts`` is
    how often the database told the service to try again; for the others see
    ``capacity_monitor.Watcher``.
    """

    claims: "collections.Counter[str]" = dataclasses.field(
        default_factory=collections.Counter
    )
    other: "collections.Counter[str]" = dataclasses.field(
        default_factory=collections.Counter
    )
    conflicts: int = 0
    snapshots: int = 0
    overdrawn: int = 0
    full: int = 0
    seconds: float = 0
    wrong: list[str] = dataclasses.field(default_factory=list)


def run(
    services: collections.abc.Sequence[client_processes.Service],
    urls: collections.abc.Sequence[str],
    claims: int,
    seed: int,
) -> Figures:
    """Make so many claims on a new database, whose nodes are at ``urls``.

    Raises RuntimeError when the service fails at what every client needs.
    """
    figures = Figures()
    with contextlib.ExitStack() as stack:
        databases = [engines.create_engine(DatabaseSettings(url)) for url in urls]
        for each in databases:
            stack.callback(each.dispose)
        crowd = stack.enter_context(
            client_processes.crowd(services, -(-CLIENTS // len(services)))
        )
        crowd.do([_make_world])
        capacity_monitor.collect(databases[0])
        clients = [
            Client(number, seed, -(-claims // CLIENTS), may_give_up=len(urls) > 1)
            for number in range(CLIENTS)
        ]
        watcher = capacity_monitor.Watcher(databases, [LOWERED])
        begun = time.monotonic()
        with watcher:
            told: list[Told] = crowd.do(clients)
        figures.seconds = time.monotonic() - begun
        figures.conflicts = crowd.conflicts()
        for database in databases:
            figures.wrong += _wrong_in(database, told)
            figures.wrong += capacity_monitor.collected(database)
    for client in told:
        figures.claims += client.claims
        figures.other += client.other
        figures.wrong += client.wrong
    figures.snapshots, figures.overdrawn = watcher.snapshots, watcher.overdrawn
    figures.full = len(watcher.full)
    figures.wrong += watcher.wrong
    for url in urls:
        figures.wrong += invariants.violations(url)
    return figures


def _make_world(send: Send) -> None:
    for provider in _PROVIDERS:
        body = {"name": provider, "uuid": provider}
        send("POST", "/resource_providers", body).document()
        send(
            "PUT",
            f"/resource_providers/{provider}/inventories",
            {"resource_provider_generation": 0, "inventories": _OFFERS},
        ).document()


def _wrong_in(database: sa.Engine, told: list[Told]) -> list[str]:
    """Compare what a database has with what clients were told: that, and no more."""
    stored = _stored(database)
    expected = _last_of_shared(told)
    for each in told:
        expected |= {
            consumer: holding
            for consumer, holding in each.holdings.items()
            if holding.held
        }
    return [
        f"{consumer} is {stored.get(consumer)} and not {expected.get(consumer)}"
        for consumer in sorted(stored.keys() | expected.keys())
        if stored.get(consumer) != expected.get(consumer)
    ] + _wrong_turns(told)


def _last_of_shared(told: list[Told]) -> dict[str, Holding]:
    written = [one for each in told for one in each.shared]
    return dict(sorted(written, key=lambda one: one[1].generation or 0))


def _wrong_turns(told: list[Told]) -> list[str]:
    """Say where two clients wrote the same generation of a consumer, or none did."""
    generations = collections.defaultdict(list)
    for each in told:
        for consumer, holding in each.shared:
            generations[consumer].append(holding.generation or 0)
    return [
        f"{consumer} was written at the generations {sorted(numbers)}"
        for consumer, numbers in generations.items()
        if sorted(numbers) != list(range(1, len(numbers) + 1))
    ]


_HELD = sa.text("""
    SELECT c.uuid, c.generation, p.uuid, r.name, a.used FROM allocations a
    JOIN consumers c ON c.uuid = a.consumer_id
    JOIN resource_providers p ON p.id = a.resource_provider_id
    JOIN resource_classes r ON r.id = a.resource_class_id
""")


def _stored(database: sa.Engine) -> dict[str, Holding]:
    """Return what there is of consumers that hold something."""
    stored: dict[str, Holding] = {}
    with database.connect() as conn:
        for consumer, generation, provider, name, used in conn.execute(_HELD):
            holding = stored.setdefault(consumer, Holding(generation, {}))
            holding.held.setdefault(provider, {})[name] = used
    return stored
