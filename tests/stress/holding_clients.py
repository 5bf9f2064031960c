"""Clients that hold, confirm, extend, let expire, delete and claim."""

import collections
import dataclasses
import json
import random
import typing
import uuid

from tests.functional.connection import Answer
from tests.stress import client_processes
from tests.stress.client_processes import Send, claim_body

CONSUMERS_PER_CLIENT = 3

# A client stops after this many violations.
VIOLATIONS_MAX = 20

HOSTS = [str(uuid.UUID(int=number)) for number in range(1, 7)]
UNITS = 12
PROJECTS = ["limited", "free"]
LIMITS = {"VCPU": 20, "consumers": 12}

# Name, policy and most members on a host.
GROUPS: tuple[tuple[str, str, int], ...] = (
    ("apart", "anti-affinity", 1),
    ("pairs", "anti-affinity", 2),
    ("together", "affinity", 1),
)

_GAVE_UP = "concurrently updated"


class Seen(typing.NamedTuple):
    """What a client knows of a consumer: its units by host, and when its hold ends.

    ``hold`` is False if it has none.
    """

    units: dict[str, int]
    hold: bool


@dataclasses.dataclass
class Report:
    """The outcomes of a client's requests; ``violations`` has a sentence for each."""

    outcomes: "collections.Counter[str]" = dataclasses.field(
        default_factory=collections.Counter
    )
    violations: list[str] = dataclasses.field(default_factory=list)


class Client:
    """Makes ``decisions`` requests for its own consumers."""

    def __init__(self, number: int, seed: int, decisions: int) -> None:
        self._random = random.Random(f"{seed} {number}")
        self._decisions = decisions
        self._known: dict[str, Seen] = {}
        self._report = Report()

    def __call__(self, send: Send) -> Report:
        report = self._report
        while (
            report.outcomes.total() < self._decisions
            and len(report.violations) < VIOLATIONS_MAX
        ):
            if len(self._known) < CONSUMERS_PER_CLIENT:
                steps = (self._place, self._place, self._claim)
            else:
                steps = (self._confirm, self._extend, self._delete, self._read)
            self._random.choice(steps)(send)
        for consumer in sorted(self._known):
            self._check(consumer, send)
        return report

    def _place(self, send: Send) -> None:
        consumers = [self._uuid() for _ in range(self._random.choice((1, 1, 1, 2, 3)))]
        project = self._random.choice(PROJECTS)
        units = self._random.randint(1, 3)
        body: dict[str, typing.Any] = {
            "claims": [
                {
                    "consumer_uuid": consumer,
                    "project_id": project,
                    "user_id": client_processes.USER,
                    "query": f"resources=VCPU:{units}",
                }
                for consumer in consumers
            ],
            "order": self._random.choice(("any", "any", "pack", "spread")),
            "hold_seconds": self._random.choice((None, 60, 60, 60)),
        }
        if self._random.random() < 0.5:
            name, policy, most = self._random.choice(GROUPS)
            body["group"] = {"name": name, "policy": policy}
            body["group"] |= {"max_per_host": most} if most > 1 else {}
        headers = {}
        if self._random.random() < 0.3:
            headers = {"idempotency_key": self._uuid()}
        answer = send("POST", "/-/v1/claims", body, **headers)
        self._note("place", answer)
        if answer.status == 200:
            for claim in json.loads(answer.content)["claims"]:
                held = {
                    host: amounts["resources"]["VCPU"]
                    for host, amounts in claim["allocations"].items()
                }
                is_hold = body["hold_seconds"] is not None
                self._known[claim["consumer_uuid"]] = Seen(held, is_hold)
        if headers and answer.status == 200:
            again = send("POST", "/-/v1/claims", body, **headers)
            if (again.status, again.content) != (200, answer.content):
                self._wrong("another answer to the same key", again)

    def _claim(self, send: Send) -> None:
        consumer, host = self._uuid(), self._random.choice(HOSTS)
        units = self._random.randint(1, 3)
        body = claim_body({host: {"VCPU": units}}, None)
        body["project_id"] = self._random.choice(PROJECTS)
        answer = send("PUT", f"/allocations/{consumer}", body)
        self._note("claim", answer)
        if answer.status == 204:
            self._known[consumer] = Seen({host: units}, False)

    def _confirm(self, send: Send) -> None:
        consumer = self._chosen()
        answer = send("POST", f"/-/v1/holds/{consumer}:confirm", None)
        self._use("confirm", consumer, answer, (204,), hold=False)

    def _extend(self, send: Send) -> None:
        consumer = self._chosen()
        body = {"seconds": 60}
        answer = send("POST", f"/-/v1/holds/{consumer}:extend", body)
        self._use("extend", consumer, answer, (200,), hold=True)

    def _use(
        self,
        what: str,
        consumer: str,
        answer: Answer,
        done: tuple[int, ...],
        hold: bool,
    ) -> None:
        self._note(what, answer)
        seen = self._known[consumer]
        if answer.status in done:
            if not seen.hold:
                self._wrong(f"{what} of {consumer}, which has no hold", answer)
            self._known[consumer] = seen._replace(hold=hold)
        elif answer.status == 404 and seen.hold:
            # It has expired, and is released at the latest by the next sweep.
            del self._known[consumer]

    def _delete(self, send: Send) -> None:
        consumer = self._chosen()
        answer = send("DELETE", f"/allocations/{consumer}", None)
        self._note("delete", answer)
        if answer.status == 404 and not self._known[consumer].hold:
            self._wrong(f"{consumer} was lost", answer)
        if answer.status in (204, 404):
            del self._known[consumer]

    def _read(self, send: Send) -> None:
        consumer = self._chosen()
        self._report.outcomes["read"] += 1
        self._check(consumer, send)

    def _check(self, consumer: str, send: Send) -> None:
        """Compare what a consumer holds with what it was given."""
        answer = send("GET", f"/allocations/{consumer}", None)
        found = {
            host: amounts["resources"]["VCPU"]
            for host, amounts in answer.document()["allocations"].items()
        }
        seen = self._known[consumer]
        if found != seen.units and (found or not seen.hold):
            self._wrong(f"{consumer} holds {found} instead of {seen}", answer)
        if not found:
            self._known.pop(consumer)

    def _chosen(self) -> str:
        return self._random.choice(sorted(self._known))

    def _note(self, what: str, answer: Answer) -> None:
        outcome = str(answer.status)
        if answer.status >= 400:
            (error,) = json.loads(answer.content)["errors"]
            outcome += f" {error['code']}"
            is_expected = answer.status in (404, 409) and (
                _GAVE_UP not in error["detail"]
            )
            if not is_expected:
                self._wrong(what, answer)
        self._report.outcomes[f"{what} {outcome}"] += 1

    def _wrong(self, text: str, answer: Answer) -> None:
        self._report.violations.append(
            f"{text}: {answer.status} {answer.content.decode()[:1000]}"
        )

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
