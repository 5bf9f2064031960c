"""Races: consumers are released while other clients change what they hold.

Each round has a few consumers. One or two clients release all of them, and others grow,
move or delete one of them, all at the same moment and with the same generations.
``python -m tests.stress.release_races --database postgresql`` runs 10,000 rounds.
"""

import collections
import collections.abc
import dataclasses
import functools
import json
import random
import time
import typing
import uuid

from tests.functional import invariants
from tests.stress import client_processes, race_command
from tests.stress.client_processes import Allocations, ClientProcesses, Send
from tests.stress.last_unit import LEAD_SECONDS

CLIENTS_MAX = 6
CONSUMERS_MAX = 4
# Rounds between two checks of the whole database.
BATCH = 100

_RELEASE = "/-/v1/consumers:release"
_RELEASES = "/-/v1/consumers:releases"
_CHANGED = "placement.ext.consumers_changed"


class Change(typing.NamedTuple):
    """What a client did with a consumer: ``amounts`` it claimed, or none to delete."""

    consumer: str
    amounts: Allocations
    is_done: bool


class Release(typing.NamedTuple):
    """The response to a release; ``changed`` are the consumers that a refusal names."""

    is_done: bool
    changed: frozenset[str]


class State(typing.NamedTuple):
    """What a consumer holds after a round, and its records of releases."""

    held: Allocations
    records: list[dict[str, typing.Any]]


@dataclasses.dataclass
class Figures:
    """The counts of a run; ``outcomes`` counts rounds by what won."""

    rounds: int = 0
    seconds: float = 0
    conflicts: int = 0
    outcomes: "collections.Counter[str]" = dataclasses.field(
        default_factory=collections.Counter
    )
    violations: list[str] = dataclasses.field(default_factory=list)

    @property
    def summary(self) -> str:
        return f"{self.rounds} rounds: {dict(self.outcomes)}"


class Race:
    """Rounds on two hosts with much room."""

    def __init__(self, clients: ClientProcesses, url: str, seed: int) -> None:
        self._clients = clients
        self._url = url
        self._random = random.Random(seed)
        self._hosts = [self._uuid() for _ in range(2)]
        clients.run([functools.partial(_prepare, self._hosts)])

    def run(self, rounds: int, figures: Figures) -> None:
        for done in range(0, rounds, BATCH):
            for _ in range(min(BATCH, rounds - done)):
                self._round(figures)
            figures.violations += invariants.violations(self._url)

    def _round(self, figures: Figures) -> None:
        count = self._random.randint(1, CONSUMERS_MAX)
        consumers = [self._uuid() for _ in range(count)]
        before: Allocations = {self._hosts[0]: {"VCPU": 1}}
        self._clients.run([functools.partial(_create, consumers, before)])
        start = time.monotonic() + LEAD_SECONDS
        releases = self._random.randint(1, 2)
        jobs: list[client_processes.Job] = [
            functools.partial(_release, consumers, start) for _ in range(releases)
        ]
        for _ in range(self._random.randint(1, CLIENTS_MAX - releases)):
            change = self._random.choice(
                [{self._hosts[0]: {"VCPU": 2}}, {self._hosts[1]: {"VCPU": 1}}, {}]
            )
            consumer = self._random.choice(consumers)
            jobs.append(functools.partial(_change, consumer, change, start))
        self._random.shuffle(jobs)
        answers = self._clients.run(jobs)
        (states,) = self._clients.run([functools.partial(_states, consumers)])
        released = [each for each in answers if isinstance(each, Release)]
        changes = [each for each in answers if isinstance(each, Change)]
        figures.rounds += 1
        figures.outcomes[_outcome(released, changes)] += 1
        figures.violations += violations(before, released, changes, states)
        self._clients.run([functools.partial(_delete, consumers)])

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def _outcome(releases: list[Release], changes: list[Change]) -> str:
    if any(each.is_done for each in releases):
        return "released"
    return "changed" if any(each.is_done for each in changes) else "nothing"


def violations(
    before: Allocations,
    releases: list[Release],
    changes: list[Change],
    states: dict[str, State],
) -> list[str]:
    """Return what cannot be: only one of the two sides may win a round."""
    found = []
    succeeded = [each for each in changes if each.is_done]
    # Deletions are last: they need no generation.
    succeeded.sort(key=lambda each: not each.amounts)
    changed = {each.consumer: each for each in succeeded}
    done = sum(each.is_done for each in releases)
    if done > 1 or (done and changed) or not (done or changed):
        found.append(f"{done} releases succeeded, and {len(changed)} changes")
    kinds = [(each.consumer, bool(each.amounts)) for each in succeeded]
    if len(set(kinds)) != len(kinds):
        found.append("two claims, or two deletions, of one consumer succeeded")
    for each in releases:
        if not each.is_done and not each.changed:
            found.append("a refusal names no consumer")
        if not done and not each.changed <= changed.keys():
            found.append(f"{each.changed} were refused, changed are {set(changed)}")
    for consumer, state in states.items():
        expected: Allocations = {} if done else before
        if consumer in changed:
            expected = changed[consumer].amounts
        if state.held != expected:
            found.append(f"{consumer} holds {state.held}, expected {expected}")
        recorded = [
            {
                provider: share["resources"]
                for provider, share in record["restore"]["body"]["allocations"].items()
            }
            for record in state.records
        ]
        if recorded != [before] * done:
            found.append(f"{consumer} has the records {recorded}")
    return found


def _prepare(hosts: list[str], send: Send) -> None:
    offer = {
        "resource_provider_generation": 0,
        "inventories": {"VCPU": {"total": 999}},
    }
    for host in hosts:
        send("POST", "/resource_providers", {"uuid": host, "name": host}).document()
        path = f"/resource_providers/{host}/inventories"
        send("PUT", path, offer).document()


def _create(consumers: list[str], held: Allocations, send: Send) -> None:
    body = client_processes.claim_body(held, None)
    send("POST", "/allocations", dict.fromkeys(consumers, body)).document()


def _release(consumers: list[str], start: float, send: Send) -> Release:
    """Release the consumers at the time ``start``, or immediately if it has passed."""
    wanted = [{"uuid": each, "generation": 1} for each in consumers]
    time.sleep(max(0, start - time.monotonic()))
    answer = send("POST", _RELEASE, {"consumers": wanted, "reason": "race"})
    if answer.status == 200:
        return Release(True, frozenset())
    (error,) = json.loads(answer.content)["errors"]
    if answer.status != 409 or error["code"] != _CHANGED:
        raise RuntimeError(f"a release was answered with {answer.status}: {error}")
    return Release(False, frozenset(each["uuid"] for each in error["consumers"]))


def _change(consumer: str, amounts: Allocations, start: float, send: Send) -> Change:
    """Claim ``amounts`` for a consumer at generation 1, or delete it."""
    path = f"/allocations/{consumer}"
    body = client_processes.claim_body(amounts, 1)
    time.sleep(max(0, start - time.monotonic()))
    answer = send("PUT", path, body) if amounts else send("DELETE", path)
    if answer.status not in (204, 404, 409):
        raise RuntimeError(f"a change was answered with {answer.status}")
    return Change(consumer, amounts, answer.status == 204)


def _states(consumers: list[str], send: Send) -> dict[str, State]:
    found = {}
    for consumer in consumers:
        held = send("GET", f"/allocations/{consumer}").document()["allocations"]
        records = send("GET", f"{_RELEASES}?uuid={consumer}").document()["releases"]
        amounts = {host: share["resources"] for host, share in held.items()}
        found[consumer] = State(amounts, records)
    return found


def _delete(consumers: list[str], send: Send) -> None:
    for consumer in consumers:
        send("DELETE", f"/allocations/{consumer}")


def run(
    services: collections.abc.Sequence[client_processes.Service],
    url: str,
    rounds: int,
    seed: int,
) -> Figures:
    """Run races on a new database at ``url``.

    Raises RuntimeError if a service answers with anything unexpected.
    """
    figures = Figures()
    with client_processes.shared(services, CLIENTS_MAX) as clients:
        race = Race(clients, url, seed)
        with client_processes.measured(clients, figures):
            race.run(rounds, figures)
    return figures


main = race_command.of(run, "Release consumers while other clients change them.")


if __name__ == "__main__":
    main()
