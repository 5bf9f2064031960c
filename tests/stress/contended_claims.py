"""Contended claims: clients that together claim more than a few providers have."""

import collections
import collections.abc
import contextlib
import dataclasses
import json
import random
import typing
import uuid

import sqlalchemy as sa

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from tests.functional import invariants
from tests.functional.connection import Answer
from tests.stress import capacity_monitor, client_processes
from tests.stress.client_processes import Allocations, Send, claim_body

CLIENTS = 16
CONSUMERS_PER_CLIENT = 8
CONSUMERS_PER_POST_MAX = 6

# A client stops after this many violations.
VIOLATIONS_MAX = 100

# Attempts of an operator to change an inventory of a busy provider.
ATTEMPTS_MAX = 50

# Why a claim was refused: no room, a stale generation, or (only in a cluster) too many
# retries.
NO_ROOM = "no room"
STALE = "stale"
GAVE_UP = "gave up"

_CONFLICT = "placement.concurrent_update"

_PROVIDERS = [str(uuid.UUID(int=number)) for number in range(1, 5)]

# The provider whose inventories an operator changes during the claims.
LOWERED = _PROVIDERS[0]

# Consumers that all clients write. Each other consumer has one client.
_SHARED = [str(uuid.UUID(int=number)) for number in range(101, 105)]

# Room for 27, 26.1 and 27.5 units. Ratios are multiples of 0.1, for the triggers of
# ``capacity_monitor``.
_OFFERS: dict[str, dict[str, float]] = {
    "VCPU": {"total": 20, "reserved": 2, "allocation_ratio": 1.5},
    "MEMORY_MB": {"total": 30, "reserved": 1, "allocation_ratio": 0.9},
    "DISK_GB": {"total": 30, "reserved": 5, "allocation_ratio": 1.1},
}
_SMALL_OFFER: dict[str, float] = {"total": 13, "reserved": 3, "allocation_ratio": 0.7}


class ConsumerState(typing.NamedTuple):
    """The state of a consumer; ``generation`` is None if it does not exist."""

    generation: int | None
    allocations: Allocations


ABSENT = ConsumerState(None, {})


@dataclasses.dataclass
class ClientReport:
    """What a client sent and was answered; ``violations`` has a sentence for each.

    ``claims`` counts the consumers in claims by outcome, ``other`` counts the other
    requests. ``consumers`` has the last states of the client's own consumers, and
    ``shared`` the states that it wrote of shared consumers, in order.
    """

    claims: "collections.Counter[str]" = dataclasses.field(
        default_factory=collections.Counter
    )
    other: "collections.Counter[str]" = dataclasses.field(
        default_factory=collections.Counter
    )
    consumers: dict[str, ConsumerState] = dataclasses.field(default_factory=dict)
    shared: list[tuple[str, ConsumerState]] = dataclasses.field(default_factory=list)
    violations: list[str] = dataclasses.field(default_factory=list)


class Client:
    """Makes ``claims`` claims, and tracks the states of its consumers."""

    def __init__(self, number: int, seed: int, claims: int, may_give_up: bool) -> None:
        self._random = random.Random(f"{seed} {number}")
        self._claims = claims
        self._expected_refusals = {NO_ROOM, GAVE_UP} if may_give_up else {NO_ROOM}
        self._consumers = [self._uuid() for _ in range(CONSUMERS_PER_CLIENT)]
        self._report = ClientReport(consumers=dict.fromkeys(self._consumers, ABSENT))

    def __call__(self, send: Send) -> ClientReport:
        report = self._report
        steps = list(_STEPS)
        weights = list(_STEPS.values())
        while (
            report.claims.total() < self._claims
            and len(report.violations) < VIOLATIONS_MAX
        ):
            (step,) = self._random.choices(steps, weights)
            step(self, send)
        return report

    def _put(self, send: Send) -> None:
        consumer = self._random.choice(self._consumers)
        wanted = self._drawn()
        body = self._body(consumer, wanted)
        self._record(send("PUT", f"/allocations/{consumer}", body), {consumer: wanted})

    def _post(self, send: Send) -> None:
        count = self._random.randint(2, CONSUMERS_PER_POST_MAX)
        wanted = {
            consumer: self._drawn_or_empty(consumer)
            for consumer in self._random.sample(self._consumers, count)
        }
        bodies = {
            consumer: self._body(consumer, allocations)
            for consumer, allocations in wanted.items()
        }
        self._record(send("POST", "/allocations", bodies), wanted)

    def _record(self, answer: Answer, wanted: dict[str, Allocations]) -> None:
        """Record the response to a valid claim: it may be refused for lack of room."""
        outcome = _outcome(answer)
        self._report.claims[outcome] += len(wanted)
        if outcome == "204":
            for consumer, allocations in wanted.items():
                generation = (self._report.consumers[consumer].generation or 0) + 1
                self._report.consumers[consumer] = (
                    ConsumerState(generation, allocations) if allocations else ABSENT
                )
        elif outcome not in self._expected_refusals:
            self._report.violations.append(f"a claim of {wanted}: {outcome}")

    def _put_stale(self, send: Send) -> None:
        """Claim with a generation that is not the consumer's."""
        consumer = self._random.choice(self._consumers)
        stored = self._report.consumers[consumer].generation
        others = {None, 0, (stored or 1) - 1, (stored or 0) + 1} - {stored}
        given = self._random.choice(sorted(others, key=str))
        body = self._body(consumer, self._drawn()) | {"consumer_generation": given}
        outcome = _outcome(send("PUT", f"/allocations/{consumer}", body))
        self._report.claims[outcome] += 1
        if outcome != STALE:
            self._report.violations.append(f"{given} given for {stored}: {outcome}")

    def _put_shared(self, send: Send) -> None:
        """Claim for a shared consumer with the generation that was read."""
        consumer = self._random.choice(_SHARED)
        read = self._read(consumer, send).generation
        wanted = self._drawn()
        body = claim_body(wanted, read)
        outcome = _outcome(send("PUT", f"/allocations/{consumer}", body))
        self._report.claims[outcome] += 1
        if outcome == "204":
            self._report.shared.append(
                (consumer, ConsumerState((read or 0) + 1, wanted))
            )
        elif outcome not in {STALE, *self._expected_refusals}:
            self._report.violations.append(f"a claim for {consumer}: {outcome}")

    def _delete(self, send: Send) -> None:
        existing = [each for each, (_, held) in self._report.consumers.items() if held]
        # Sometimes one that may not exist.
        among = (
            existing if existing and self._random.random() < 0.9 else self._consumers
        )
        consumer = self._random.choice(among)
        answer = send("DELETE", f"/allocations/{consumer}", None)
        outcome = str(answer.status) if answer.status == 404 else _outcome(answer)
        self._report.other[f"DELETE {outcome}"] += 1
        if outcome == ("204" if consumer in existing else "404"):
            self._report.consumers[consumer] = ABSENT
        elif outcome not in self._expected_refusals:
            self._report.violations.append(f"DELETE of {consumer}: {outcome}")

    def _get(self, send: Send) -> None:
        consumer = self._random.choice(self._consumers)
        found = self._read(consumer, send)
        if found != self._report.consumers[consumer]:
            expected = self._report.consumers[consumer]
            self._report.violations.append(
                f"{consumer} is {found} instead of {expected}"
            )

    def _read(self, consumer: str, send: Send) -> ConsumerState:
        answer = send("GET", f"/allocations/{consumer}", None)
        self._report.other[f"GET {answer.status}"] += 1
        document = answer.document()
        held = {
            provider: one["resources"]
            for provider, one in document["allocations"].items()
        }
        return ConsumerState(document.get("consumer_generation"), held)

    def _operate(self, send: Send) -> None:
        """Lower an inventory of a provider, or raise it again."""
        name = self._random.choice(sorted(_OFFERS))
        offer = self._random.choice((_OFFERS[name], _SMALL_OFFER))
        path = f"/resource_providers/{LOWERED}/inventories/{name}"
        # A claim between the read and the write advances the generation.
        outcome = STALE
        for _ in range(ATTEMPTS_MAX):
            read = send("GET", path, None).document()["resource_provider_generation"]
            body = {**offer, "resource_provider_generation": read}
            outcome = _outcome(send("PUT", path, body))
            self._report.other[f"PUT inventory {outcome}"] += 1
            if outcome != STALE:
                break
        if outcome not in ("200", STALE):
            self._report.violations.append(f"PUT {path}: {outcome}")

    def _body(self, consumer: str, allocations: Allocations) -> dict[str, object]:
        return claim_body(allocations, self._report.consumers[consumer].generation)

    def _drawn(self) -> Allocations:
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

    def _drawn_or_empty(self, consumer: str) -> Allocations:
        exists = bool(self._report.consumers[consumer].allocations)
        return {} if exists and self._random.random() < 0.4 else self._drawn()

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


# The steps of a client and their weights.
_STEPS: dict[collections.abc.Callable[[Client, Send], None], float] = {
    Client._put: 10,
    Client._post: 20,
    Client._put_stale: 2,
    Client._put_shared: 2,
    Client._delete: 8,
    Client._get: 1,
    Client._operate: 0.1,
}


def _outcome(answer: Answer) -> str:
    """Return the status and body, or the reason of an expected refusal."""
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
    """The counts of a run; ``violations`` has a sentence for each.

    ``claims`` and ``other`` are the sums over all clients, see ``ClientReport``.
    ``conflicts`` counts transactions that were retried; for the others see
    ``capacity_monitor.Monitor``.
    """

    claims: "collections.Counter[str]" = dataclasses.field(
        default_factory=collections.Counter
    )
    other: "collections.Counter[str]" = dataclasses.field(
        default_factory=collections.Counter
    )
    conflicts: int = 0
    snapshots: int = 0
    overcommitted: int = 0
    full: int = 0
    seconds: float = 0
    violations: list[str] = dataclasses.field(default_factory=list)


def run(
    services: collections.abc.Sequence[client_processes.Service],
    urls: collections.abc.Sequence[str],
    claims: int,
    seed: int,
) -> Figures:
    """Make ``claims`` claims on a new database; ``urls`` has its URL on each node.

    Raises RuntimeError if a service refuses a request that is not a claim.
    """
    figures = Figures()
    with contextlib.ExitStack() as stack:
        databases = [engines.create_engine(DatabaseSettings(url)) for url in urls]
        for each in databases:
            stack.callback(each.dispose)
        processes = stack.enter_context(client_processes.shared(services, CLIENTS))
        processes.run([_create_providers])
        capacity_monitor.install_triggers(databases[0])
        clients = [
            Client(number, seed, -(-claims // CLIENTS), may_give_up=len(urls) > 1)
            for number in range(CLIENTS)
        ]
        monitor = capacity_monitor.Monitor(databases, [LOWERED])
        with client_processes.measured(processes, figures), monitor:
            reports: list[ClientReport] = processes.run(clients)
        for database in databases:
            figures.violations += _differences(database, reports)
            figures.violations += capacity_monitor.recorded_violations(database)
    for report in reports:
        figures.claims += report.claims
        figures.other += report.other
        figures.violations += report.violations
    figures.snapshots = monitor.snapshots
    figures.overcommitted = monitor.overcommitted
    figures.full = len(monitor.full)
    figures.violations += monitor.violations
    for url in urls:
        figures.violations += invariants.violations(url)
    return figures


def _create_providers(send: Send) -> None:
    for provider in _PROVIDERS:
        body = {"name": provider, "uuid": provider}
        send("POST", "/resource_providers", body).document()
        send(
            "PUT",
            f"/resource_providers/{provider}/inventories",
            {"resource_provider_generation": 0, "inventories": _OFFERS},
        ).document()


def _differences(database: sa.Engine, reports: list[ClientReport]) -> list[str]:
    """Compare the stored consumers with those that the clients wrote."""
    stored = _stored(database)
    expected = _last_shared(reports)
    for report in reports:
        expected |= {
            consumer: state
            for consumer, state in report.consumers.items()
            if state.allocations
        }
    return [
        f"{consumer} is {stored.get(consumer)} instead of {expected.get(consumer)}"
        for consumer in sorted(stored.keys() | expected.keys())
        if stored.get(consumer) != expected.get(consumer)
    ] + _lost_updates(reports)


def _last_shared(reports: list[ClientReport]) -> dict[str, ConsumerState]:
    written = [one for report in reports for one in report.shared]
    return dict(sorted(written, key=lambda one: one[1].generation or 0))


def _lost_updates(reports: list[ClientReport]) -> list[str]:
    """Report shared consumers whose generations were not each written exactly once."""
    generations = collections.defaultdict(list)
    for report in reports:
        for consumer, state in report.shared:
            generations[consumer].append(state.generation or 0)
    return [
        f"{consumer} was written at the generations {sorted(numbers)}"
        for consumer, numbers in generations.items()
        if sorted(numbers) != list(range(1, len(numbers) + 1))
    ]


_ALLOCATIONS = sa.text("""
    SELECT c.uuid, c.generation, p.uuid, r.name, a.used FROM allocations a
    JOIN consumers c ON c.uuid = a.consumer_id
    JOIN resource_providers p ON p.id = a.resource_provider_id
    JOIN resource_classes r ON r.id = a.resource_class_id
""")


def _stored(database: sa.Engine) -> dict[str, ConsumerState]:
    """Return the states of all consumers with allocations."""
    stored: dict[str, ConsumerState] = {}
    with database.connect() as conn:
        for consumer, generation, provider, name, used in conn.execute(_ALLOCATIONS):
            state = stored.setdefault(consumer, ConsumerState(generation, {}))
            state.allocations.setdefault(provider, {})[name] = used
    return stored
