"""Clients that place, hold and confirm while workers and databases are killed.

Each request is repeated with its idempotency key until it is answered.
"""

import json
import time
import typing

from tests.functional.connection import Answer, Connection
from tests.stress import crash_clients
from tests.stress.client_processes import PROJECT, USER
from tests.stress.crash_clients import PAUSE_AFTER_FAILURE_SECONDS, NotServed

CONSUMERS_MAX = 12

# Keys that are repeated at the end.
KEYS_MAX = 50

# More than a run takes.
_HOLD_SECONDS = 7200
_SECONDS_MAX = 120

_IN_PROGRESS = "placement.ext.key_in_progress"


class _Request(typing.NamedTuple):
    """A request with a key, and its answer."""

    body: object
    key: str
    content: bytes


class Client(crash_clients.Client):
    """Places consumers, and confirms, extends and releases their holds.

    As every request is repeated until it is answered, their state is always known.
    """

    def __init__(self, *arguments: typing.Any) -> None:
        super().__init__(*arguments)
        # What each consumer holds by provider, and those of them with a hold.
        self._placed: dict[str, dict[str, typing.Any]] = {}
        self._holds: set[str] = set()
        self._released: set[str] = set()
        self._requests: list[_Request] = []

    @classmethod
    def prepare(cls, api: Connection) -> None:
        """Limit the project, so that its usage is counted."""
        limits = {"VCPU": 10**6, "consumers": 10**6}
        api.send("PUT", f"/-/v1/limits/{PROJECT}", limits).document()

    def check_last(self) -> None:
        """Compare all consumers and holds, and the answers to all keys."""
        for request in self._requests:
            self._repeat(request)
        for consumer in [*self._placed, *self._released]:
            document = self._answered("GET", f"/allocations/{consumer}").document()
            found = {
                provider: each["resources"]
                for provider, each in document["allocations"].items()
            }
            wanted = self._placed.get(consumer, {})
            if found != wanted:
                self.violations.append(f"{consumer} has {found} instead of {wanted}")
        mine = {*self._placed, *self._released}
        held = self._answered("GET", "/-/v1/holds").document()["holds"]
        holds = {each["consumer_uuid"] for each in held} & mine
        if holds != self._holds:
            self.violations.append(f"holds are {holds} instead of {self._holds}")

    def _write(self) -> None:
        if len(self._placed) < CONSUMERS_MAX:
            self._place()
        elif self._requests and self._random.random() < 0.2:
            self._repeat(self._random.choice(self._requests))
        else:
            consumer = self._random.choice(sorted(self._placed))
            if consumer in self._holds:
                self._random.choice((self._confirm, self._extend))(consumer)
            else:
                self._release(consumer)
        self.acknowledged.append(time.monotonic())

    def _place(self) -> None:
        consumers = [self._uuid() for _ in range(self._random.choice((1, 1, 3)))]
        is_hold = self._random.random() < 0.7
        group = {"name": "spread", "policy": "soft-anti-affinity"}
        body = {
            "claims": [
                {
                    "consumer_uuid": consumer,
                    "project_id": PROJECT,
                    "user_id": USER,
                    "query": "resources=VCPU:2,MEMORY_MB:64",
                }
                for consumer in consumers
            ],
            "group": group if self._random.random() < 0.5 else None,
            "hold_seconds": _HOLD_SECONDS if is_hold else None,
        }
        key = self._uuid()
        answer = self._answered("POST", "/-/v1/claims", body, key)
        if answer.status != 200:
            self._note_wrong("place", answer)
            return
        for claim in json.loads(answer.content)["claims"]:
            consumer = claim["consumer_uuid"]
            self._placed[consumer] = {
                provider: each["resources"]
                for provider, each in claim["allocations"].items()
            }
            if is_hold:
                self._holds.add(consumer)
        self._requests = self._requests[-KEYS_MAX:]
        self._requests.append(_Request(body, key, answer.content))

    def _repeat(self, request: _Request) -> None:
        answer = self._answered("POST", "/-/v1/claims", request.body, request.key)
        if (answer.status, answer.content) != (200, request.content):
            self._note_wrong(f"not {request.content!r}", answer)

    def _confirm(self, consumer: str) -> None:
        answer = self._answered("POST", f"/-/v1/holds/{consumer}:confirm")
        # An earlier attempt may have confirmed it, but was not answered.
        if answer.status not in (204, 404):
            self._note_wrong("confirm", answer)
        self._holds.discard(consumer)

    def _extend(self, consumer: str) -> None:
        body = {"seconds": _HOLD_SECONDS}
        answer = self._answered("POST", f"/-/v1/holds/{consumer}:extend", body)
        if answer.status != 200:
            self._note_wrong("extend", answer)

    def _release(self, consumer: str) -> None:
        answer = self._answered("DELETE", f"/allocations/{consumer}")
        if answer.status not in (204, 404):
            self._note_wrong("release", answer)
        del self._placed[consumer]
        self._released.add(consumer)

    def _answered(
        self, method: str, path: str, body: object = None, key: str | None = None
    ) -> Answer:
        """Send a request until it is answered.

        Raises NotServed after two minutes.
        """
        headers = {} if key is None else {"Idempotency-Key": key}
        end = time.monotonic() + _SECONDS_MAX
        while True:
            try:
                answer = self._send(method, path, body, headers)
                if answer.status != 409 or _IN_PROGRESS.encode() not in answer.content:
                    return answer
            except NotServed:
                if time.monotonic() > end:
                    raise
            time.sleep(PAUSE_AFTER_FAILURE_SECONDS)

    def _note_wrong(self, what: str, answer: Answer) -> None:
        self.violations.append(f"{what}: {answer.status} {answer.content.decode()}")
