"""What the clients of a cloud do: hosts report, schedulers claim, operators ask.

An operation is a function of a client. It returns the outcome, a short word, and raises
UnexpectedError for an answer that the service should not give.
"""

import collections.abc
import dataclasses
import random
import typing
import uuid

from benchmarks import clouds, loads, searches
from benchmarks.soak.population import Consumer, Population
from tests.functional.connection import Answer, Connection

# One report of a host in this many reads all of its data, and sends its inventories.
_FULL_REPORT = 5
_INVENTORIES_SENT = 20

# One search and one pick in this many ask for more than any host has.
_TOO_MUCH = 20

_HOLD_SECONDS = 30
_ATTEMPTS = 5


class UnexpectedError(Exception):
    """An answer that the service should not give."""


@dataclasses.dataclass
class Client:
    """A client with one connection to a cloud of ``hosts`` flat hosts."""

    api: Connection
    rng: random.Random
    population: Population
    hosts: int

    def send(
        self, expected: tuple[int, ...], method: str, path: str, body: object = None
    ) -> Answer:
        """Send a request. Raises UnexpectedError for another status."""
        answer = self.api.send(method, path, body)
        if answer.status not in expected:
            text = answer.content[:500].decode(errors="replace")
            raise UnexpectedError(f"{method} {path}: {answer.status} {text}")
        return answer

    def host(self) -> str:
        return clouds.host_uuid(1 + self.rng.randrange(self.hosts))

    def query(self, limit: int | None = None) -> str:
        """Draw one of 200 flavors; one in 20 is larger than every host."""
        query = searches.draw_flavor(self.rng)
        query, _, _ = query.partition("&limit=")
        if not self.rng.randrange(_TOO_MUCH):
            amount = clouds.HOST["VCPU"] + self.rng.randrange(1, 1000)
            query = f"resources=VCPU:{amount}"
        return query if limit is None else f"{query}&limit={limit}"


def report(client: Client) -> str:
    """Report a host: read its allocations, at times its data, and send inventories."""
    path = f"/resource_providers/{client.host()}"
    client.send((200,), "GET", f"{path}/allocations")
    if client.rng.randrange(_FULL_REPORT):
        return "short"
    inventories = client.send((200,), "GET", f"{path}/inventories").document()
    client.send((200,), "GET", f"{path}/aggregates")
    client.send((200,), "GET", f"{path}/traits")
    if client.rng.randrange(_INVENTORIES_SENT // _FULL_REPORT):
        return "full"
    # A claim since the generation was read is a conflict.
    answer = client.send((200, 409), "PUT", f"{path}/inventories", inventories)
    return "with inventories" if answer.status == 200 else "conflict"


def search_and_claim(client: Client) -> str:
    """Search for 1,000 candidates, and claim one of them."""
    path = f"/allocation_candidates?{client.query(searches.LIMIT)}"
    found = client.send((200,), "GET", path).content
    host = loads.drawn_host(client.rng, found)
    return "nothing fits" if host is None else _claim(client, host)


def place(client: Client) -> str:
    """Let the service pick a host and claim it."""
    return _place(client, 1)


def place_group(client: Client) -> str:
    """Let the service place ten consumers, all or nothing."""
    return _place(client, 10)


def hold(client: Client) -> str:
    """Claim for half a minute; one hold in two is confirmed, the others expire."""
    answer = _send_claims(client, [str(uuid.uuid4())], _HOLD_SECONDS)
    if answer.status == 409:
        return "nothing fits"
    consumer = answer.document()["claims"][0]
    if client.rng.randrange(2):
        return "left to expire"
    path = f"/-/v1/holds/{consumer['consumer_uuid']}:confirm"
    client.send((200, 204), "POST", path, {})
    client.population.put(_placed(consumer))
    return "confirmed"


def move(client: Client) -> str:
    """Move a consumer to another host."""
    consumer = client.population.take()
    if consumer is None:
        return "none to move"
    moved = consumer._replace(host=client.host(), generation=consumer.generation + 1)
    body = loads.claim_body({moved.host: clouds.CLAIM}, consumer.generation)
    for _ in range(_ATTEMPTS):
        answer = client.send((204, 409), "POST", "/allocations", {consumer.uuid: body})
        if answer.status == 204:
            client.population.put(moved)
            return "moved"
        if b"cordoned" in answer.content:
            break
    client.population.put(consumer)
    return "refused"


def release(client: Client) -> str:
    """Delete the allocations of a consumer."""
    consumer = client.population.take()
    if consumer is None:
        return "none to release"
    client.send((204,), "DELETE", f"/allocations/{consumer.uuid}")
    return "released"


def cordon(client: Client) -> str:
    """Cordon a host, and return it to service."""
    path = f"/-/v1/providers/{client.host()}/state"
    for state in ("cordoned", "in_service"):
        client.send((200, 204), "PUT", path, {"state": state, "reason": "soak"})
    return "cordoned"


def explain(client: Client) -> str:
    """Ask why a request does not fit."""
    amount = clouds.HOST["VCPU"] + client.rng.randrange(1, 1000)
    client.send((200,), "GET", f"/-/v1/explain?resources=VCPU:{amount}")
    return "explained"


def capacity(client: Client) -> str:
    """Ask how many more of a flavor fit."""
    body = {"requests": [{"name": "flavor", "query": client.query()}]}
    client.send((200,), "POST", "/-/v1/capacity", body)
    return "counted"


def _claim(client: Client, host: str) -> str:
    consumer = str(uuid.uuid4())
    body = loads.claim_body({host: clouds.CLAIM})
    for _ in range(_ATTEMPTS):
        answer = client.send((204, 409), "PUT", f"/allocations/{consumer}", body)
        if answer.status == 204:
            client.population.put(Consumer(consumer, host, 1))
            return "claimed"
        if b"cordoned" in answer.content:
            break
    return "refused"


def _place(client: Client, count: int) -> str:
    answer = _send_claims(client, [str(uuid.uuid4()) for _ in range(count)])
    if answer.status == 409:
        return "nothing fits"
    for consumer in answer.document()["claims"]:
        client.population.put(_placed(consumer))
    return "placed"


def _send_claims(
    client: Client, consumers: list[str], hold_seconds: int | None = None
) -> Answer:
    """Send a request for equal claims. The service answers 200 if anything fits."""
    body = loads.placing_body(consumers, client.query(), hold_seconds=hold_seconds)
    answer = client.send((200, 409), "POST", "/-/v1/claims", body)
    if answer.status == 409 and b'"too_large"' not in answer.content:
        raise UnexpectedError(f"refused: {answer.content[:500]!r}")
    return answer


def _placed(claim: typing.Any) -> Consumer:
    (host,) = claim["allocations"]
    return Consumer(claim["consumer_uuid"], host, claim["generation"])


Operation = collections.abc.Callable[[Client], str]

# Of 1,000 operations. Released are as many consumers as are created.
WEIGHTS: dict[Operation, int] = {
    report: 602,
    search_and_claim: 70,
    place: 80,
    place_group: 3,
    hold: 20,
    move: 40,
    release: 180,
    cordon: 2,
    explain: 2,
    capacity: 1,
}


@dataclasses.dataclass(frozen=True)
class Scrape:
    """A request that a monitoring system repeats at an interval."""

    path: str
    interval_seconds: float
    headers: collections.abc.Mapping[str, str] = dataclasses.field(default_factory=dict)


SCRAPES = (
    Scrape("/metrics", 15),
    Scrape("/metrics/providers", 60),
    Scrape("/-/v1/providers", 60, {"Accept": "application/x-ndjson"}),
)


def draw(rng: random.Random) -> Operation:
    """Draw an operation by its weight."""
    return rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
