"""The kinds of races of ``placing``.

Each kind is a class: what it prepares, the requests that are sent at the same moment,
and what must be true afterwards.
"""

import collections.abc
import functools
import random
import time
import typing
import uuid

import sqlalchemy as sa

from placement.db import tables
from tests.stress import client_processes
from tests.stress.client_processes import Job, Send, claim_body

CLIENTS_MAX = 16
LEAD_SECONDS = 0.003
HOSTS = [str(uuid.UUID(int=number + 1, version=4)) for number in range(3)]

# What one host has a single unit of.
LAST = "SRIOV_NET_VF"
LAST_HOST = HOSTS[0]

# Requests are sent around the moment at which a hold expires.
EXPIRY_LEAD_SECONDS = 0.012
EXPIRY_SPREAD_SECONDS = 0.004

# Of the clocks of the database and of this process, which are one clock.
CLOCK_SECONDS = 0.0005

HOLD_SECONDS = 600

DONE, REFUSED = (200, 204), (404, 409)


class Response(typing.NamedTuple):
    """A response to a request for ``consumers``; times are monotonic, in seconds."""

    what: str
    consumers: list[str]
    status: int
    text: str
    sent: float
    answered: float

    @property
    def is_done(self) -> bool:
        return self.status in DONE


class Race:
    """The last place: hosts of which a group takes one member each."""

    def __init__(self, chance: random.Random, database: sa.Engine) -> None:
        self.chance = chance
        self.database = database
        self.name = self.new_uuid()
        self.start = 0.0

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def before(self) -> list[Job]:
        """Return the requests that prepare the race."""
        return []

    def jobs(self) -> list[Job]:
        """Return the requests that are sent at the same time."""
        self.start = time.monotonic() + LEAD_SECONDS
        return self.requests()

    def requests(self) -> list[Job]:
        count = self.chance.randint(len(HOSTS) + 1, CLIENTS_MAX)
        group = {"name": self.name, "policy": "anti-affinity"}
        return [self.place(group=group) for _ in range(count)]

    def place(self, count: int = 1, **more: typing.Any) -> Job:
        """Return a request to place new consumers."""
        consumers = [self.new_uuid() for _ in range(count)]
        return functools.partial(place, self.start, consumers, **more)

    def after(self) -> list[Job]:
        """Return the requests that end the race."""
        return []

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
        if len(hosts) != len(HOSTS):
            wrong.append(f"{len(hosts)} members are placed on {len(HOSTS)} hosts")
        return wrong

    def holders(self) -> list[str]:
        """Return the consumers with allocations."""
        return [row[0] for row in self.rows("SELECT consumer_id FROM allocations")]

    def rows(self, statement: str) -> list[tuple[typing.Any, ...]]:
        with self.database.connect() as conn:
            return [tuple(row) for row in conn.execute(sa.text(statement))]


class Together(Race):
    """Members of a group with affinity, some of which are placed as one request."""

    def requests(self) -> list[Job]:
        group = {"name": self.name, "policy": "affinity"}
        return [
            self.place(self.chance.randint(1, 2), group=group)
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

    def requests(self) -> list[Job]:
        job = self.place(self.chance.randint(1, 3), key=self.name)
        return [job] * self.chance.randint(2, CLIENTS_MAX)

    def wrong(self, responses: list[Response]) -> list[str]:
        answers = {(each.status, each.text) for each in responses}
        if len(answers) == 1 and responses[0].is_done:
            return []
        return [f"different answers to one key: {answers}"]


class LimitOfTwo(Race):
    """The last two units of a project's limit, in both APIs."""

    def before(self) -> list[Job]:
        return [functools.partial(limit, self.name, {"VCPU": 2})]

    def requests(self) -> list[Job]:
        return [
            self.claim("VCPU", self.chance.choice(HOSTS), project=self.name)
            for _ in range(self.chance.randint(3, CLIENTS_MAX))
        ]

    def claim(
        self, resource_class: str, host: str, start: float | None = None, **more: str
    ) -> Job:
        """Return a claim of one unit in either API."""
        start = self.start if start is None else start
        if self.chance.random() < 0.5:
            query = f"resources={resource_class}:1"
            return functools.partial(
                place, start, [self.new_uuid()], query=query, **more
            )
        return functools.partial(
            claim, start, self.new_uuid(), host, resource_class, **more
        )

    def wrong(self, responses: list[Response]) -> list[str]:
        placed = sorted(consumers_of(responses))
        wrong = unexpected(responses)
        if len(placed) != 2 or sorted(self.holders()) != placed:
            wrong.append(f"{placed} of 2 were placed, {self.holders()} hold")
        return wrong


class Expiry(LimitOfTwo):
    """A hold of the last unit expires while clients claim it.

    Some of them use the hold in the way of ``actions`` at the same time.
    """

    actions: tuple[str, ...] = ()
    resource_class = LAST
    more: dict[str, str] = {}

    def __init__(self, chance: random.Random, database: sa.Engine) -> None:
        super().__init__(chance, database)
        self.held = self.new_uuid()
        self.expires = 0.0

    def before(self) -> list[Job]:
        query = f"resources={self.resource_class}:1"
        return [
            functools.partial(
                place, 0, [self.held], query=query, hold=HOLD_SECONDS, **self.more
            )
        ]

    def jobs(self) -> list[Job]:
        self.expires = time.monotonic() + EXPIRY_LEAD_SECONDS
        expires_at = int((time.time() + EXPIRY_LEAD_SECONDS) * 1_000_000)
        with self.database.begin() as conn:
            conn.execute(sa.update(tables.holds).values(expires_at=expires_at))
        jobs = [
            self.claim(self.resource_class, LAST_HOST, self._moment(), **self.more)
            for _ in range(self.chance.randint(2, CLIENTS_MAX - 3))
        ]
        for action in self.actions:
            jobs += [
                functools.partial(ACTIONS[action], self._moment(), self.held)
                for _ in range(self.chance.randint(1, 3))
            ]
        self.chance.shuffle(jobs)
        return jobs

    def _moment(self) -> float:
        spread = EXPIRY_SPREAD_SECONDS
        return self.expires + self.chance.uniform(-spread, spread)

    def wrong(self, responses: list[Response]) -> list[str]:
        wrong = unexpected(responses)
        claims = [each for each in responses if each.what == "claim"]
        placed = [each for each in claims if each.is_done]
        kept = [
            each
            for each in responses
            if each.what in ("confirm", "extend") and each.is_done
        ]
        kept.sort(key=lambda each: each.sent)
        freed = [each for each in responses if each.what == "delete" and each.is_done]
        # After it was extended, it is kept later.
        wrong += self._wrong_times(kept[:1], "kept after it had expired", late=True)
        if not freed:
            wrong += self._wrong_times(placed, "placed before it expired", late=False)
        if len(placed) + len(kept[:1]) > 1 or (kept and freed and placed):
            wrong.append("the unit was given twice")
        ends = min([self.expires, *(each.answered for each in freed)]) + CLOCK_SECONDS
        if not kept and not placed and any(each.sent > ends for each in claims):
            wrong.append("a claim was refused although the hold had expired")
        if (
            not kept
            and any(
                each.answered < self.expires - CLOCK_SECONDS
                for each in responses
                if each.what in ("confirm", "extend")
            )
            and not freed
        ):
            wrong.append("the hold was refused before it expired")
        return wrong + self._wrong_rows(placed, kept, freed)

    def _wrong_times(
        self, responses: list[Response], text: str, late: bool
    ) -> list[str]:
        return [
            f"{text}: {each}, expired at {self.expires}"
            for each in responses
            if (late and each.sent > self.expires + CLOCK_SECONDS)
            or (not late and each.answered < self.expires - CLOCK_SECONDS)
        ]

    def _wrong_rows(
        self, placed: list[Response], kept: list[Response], freed: list[Response]
    ) -> list[str]:
        holders = self.holders()
        holds = self.rows("SELECT expires_at FROM placement_holds")
        if placed:
            expected, count = [consumers_of(placed)], (0,)
        elif freed:
            expected, count = [[]], (0,)
        elif kept:
            expected = [[self.held]]
            count = (1,) if kept[0].what == "extend" else (0,)
        else:
            expected, count = [[], [self.held]], (0, 1)
        if holders in expected and len(holds) in count:
            return []
        return [f"{holders} hold, with holds {holds}, instead of one of {expected}"]


class Confirm(Expiry):
    """A hold is confirmed at the moment when it expires."""

    actions = ("confirm",)


class Extend(Expiry):
    """A hold is extended when it expires."""

    actions = ("extend",)


class Delete(Expiry):
    """A consumer with a hold is deleted when it expires."""

    actions = ("delete",)


class ExpiryOfLimit(Expiry):
    """A hold of the last unit of a project's limit expires while clients claim it."""

    resource_class = "VCPU"

    def __init__(self, chance: random.Random, database: sa.Engine) -> None:
        super().__init__(chance, database)
        self.more = {"project": self.name}

    def before(self) -> list[Job]:
        (hold,) = super().before()
        return [functools.partial(hold_below_limit, self.name, hold)]


class Cordon(Race):
    """A host is cordoned while clients claim it."""

    def after(self) -> list[Job]:
        return [functools.partial(set_state, 0, "in_service")]

    def requests(self) -> list[Job]:
        claims = [
            functools.partial(
                place_in_turn, self.start, [self.new_uuid() for _ in range(2)]
            )
            for _ in range(self.chance.randint(2, CLIENTS_MAX // 2))
        ]
        moment = self.start + self.chance.uniform(0, 0.02)
        return [functools.partial(set_state, moment, "cordoned"), *claims]

    def wrong(self, responses: list[Response]) -> list[str]:
        (cordon,) = [each for each in responses if each.what == "cordon"]
        wrong = unexpected(responses)
        for each in responses:
            if each.is_done and each.sent > cordon.answered:
                wrong.append(f"placed on a cordoned host: {each}")
            if not each.is_done and each.answered < cordon.sent:
                wrong.append(f"refused before the host was cordoned: {each}")
        if sorted(self.holders()) != sorted(consumers_of(responses)):
            wrong.append(
                f"{self.holders()} hold, {consumers_of(responses)} were placed"
            )
        return wrong


KINDS: dict[str, type[Race]] = {
    "group": Race,
    "affinity": Together,
    "key": SameKey,
    "limit": LimitOfTwo,
    "expiry": Expiry,
    "confirm": Confirm,
    "extend": Extend,
    "delete": Delete,
    "expiry-of-limit": ExpiryOfLimit,
    "cordon": Cordon,
}


def unexpected(responses: list[Response]) -> list[str]:
    return [
        f"{each.what} {each.status}: {each.text}"
        for each in responses
        if each.status not in (*DONE, *REFUSED)
    ]


def consumers_of(responses: list[Response]) -> list[str]:
    """Return the consumers whose claims succeeded."""
    return [
        consumer
        for each in responses
        if each.what == "claim" and each.is_done
        for consumer in each.consumers
    ]


def offer(send: Send) -> None:
    """Create the hosts."""
    for host in HOSTS:
        inventories = {"VCPU": {"total": 100}}
        if host == LAST_HOST:
            inventories[LAST] = {"total": 1}
        body = {"resource_provider_generation": 0, "inventories": inventories}
        send("POST", "/resource_providers", {"uuid": host, "name": host}).document()
        path = f"/resource_providers/{host}/inventories"
        send("PUT", path, body).document()


def place(  # noqa: PLR0913 - the members of a request
    start: float,
    consumers: list[str],
    send: Send,
    *,
    query: str = "resources=VCPU:1",
    project: str = client_processes.PROJECT,
    group: dict[str, str] | None = None,
    exclude: collections.abc.Sequence[str] = (),
    hold: int | None = None,
    key: str | None = None,
) -> list[Response]:
    """Place consumers at the time ``start``, or immediately if that has passed."""
    claims = [
        {
            "consumer_uuid": each,
            "project_id": project,
            "user_id": client_processes.USER,
            "query": query,
        }
        for each in consumers
    ]
    body = {
        "claims": claims,
        "group": group,
        "exclude": list(exclude),
        "hold_seconds": hold,
    }
    headers = {} if key is None else {"idempotency_key": key}
    job = functools.partial(send, "POST", "/-/v1/claims", body, **headers)
    return [_timed("claim", consumers, start, job)]


def place_in_turn(start: float, consumers: list[str], send: Send) -> list[Response]:
    """Place consumers on the host that is cordoned, one after the other."""
    others = [host for host in HOSTS if host != LAST_HOST]
    return [place(start, [consumer], send, exclude=others)[0] for consumer in consumers]


def claim(
    start: float,
    consumer: str,
    host: str,
    resource_class: str,
    send: Send,
    *,
    project: str = client_processes.PROJECT,
) -> list[Response]:
    """Claim a unit of a host at the time ``start``."""
    body = claim_body({host: {resource_class: 1}}, None) | {"project_id": project}
    job = functools.partial(send, "PUT", f"/allocations/{consumer}", body)
    return [_timed("claim", [consumer], start, job)]


def _use_hold(what: str, start: float, consumer: str, send: Send) -> list[Response]:
    body = {"seconds": HOLD_SECONDS} if what == "extend" else None
    job = functools.partial(send, "POST", f"/-/v1/holds/{consumer}:{what}", body)
    return [_timed(what, [consumer], start, job)]


def _delete(start: float, consumer: str, send: Send) -> list[Response]:
    job = functools.partial(send, "DELETE", f"/allocations/{consumer}", None)
    return [_timed("delete", [consumer], start, job)]


ACTIONS: dict[str, collections.abc.Callable[..., list[Response]]] = {
    "confirm": functools.partial(_use_hold, "confirm"),
    "extend": functools.partial(_use_hold, "extend"),
    "delete": _delete,
}


def set_state(start: float, state: str, send: Send) -> list[Response]:
    path = f"/-/v1/providers/{LAST_HOST}/state"
    job = functools.partial(send, "PUT", path, {"state": state})
    return [_timed("cordon", [], start, job)]


def limit(project: str, limits: dict[str, int], send: Send) -> None:
    send("PUT", f"/-/v1/limits/{project}", limits).document()


def hold_below_limit(project: str, hold: Job, send: Send) -> None:
    limit(project, {"VCPU": 1}, send)
    hold(send)


def release(consumers: list[str], send: Send) -> None:
    for consumer in consumers:
        answer = send("DELETE", f"/allocations/{consumer}", None)
        # A hold may have expired meanwhile.
        if answer.status != 404:
            answer.document()


def _timed(
    what: str,
    consumers: list[str],
    start: float,
    job: collections.abc.Callable[[], typing.Any],
) -> Response:
    time.sleep(max(0, start - time.monotonic()))
    sent = time.monotonic()
    answer = job()
    text = answer.content.decode()
    return Response(what, consumers, answer.status, text, sent, time.monotonic())
