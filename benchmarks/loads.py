"""Scripts of clients; each client repeats its script over one connection.

Scripts read only the status of most answers, so that the client's own work is small.
"""

import collections.abc
import random
import re
import typing
import uuid

from benchmarks import clouds, searches
from tests.functional.connection import Answer, Connection

PROJECT = str(uuid.UUID(int=1))
USER = str(uuid.UUID(int=2))

Amounts = collections.abc.Mapping[str, int]
Allocations = collections.abc.Mapping[str, Amounts]

# The first provider of a candidate; on a flat cloud, the only one.
_CANDIDATE = re.compile(rb'"allocations": ?\{"([0-9a-f-]{36})"')


# Consumers that one request releases after a turn.
_RELEASED = 100


class Script(typing.Protocol):
    """The operation that one client repeats."""

    def prepare(self, api: Connection, times: int) -> None:
        """Prepare ``times`` operations; not measured."""

    def attempt(self, api: Connection) -> Answer:
        """Run the operation once; the client repeats it after a 409."""

    def clean_up(self, api: Connection) -> None:
        """Restore the cloud to its state before ``prepare``; not measured."""


def claim_body(allocations: Allocations, generation: int | None = None) -> typing.Any:
    """Return the request body for allocations by provider and class."""
    return {
        "allocations": {
            provider: {"resources": dict(amounts)}
            for provider, amounts in allocations.items()
        },
        "consumer_generation": generation,
        "consumer_type": "INSTANCE",
        "project_id": PROJECT,
        "user_id": USER,
    }


def drawn_host(rng: random.Random, candidates: bytes) -> str | None:
    """Return the host of one of the candidates in a response; None: there are none."""
    # Start in the first tenth, which holds candidates but no summaries.
    start = rng.randrange(max(len(candidates) // 10, 1))
    found = _CANDIDATE.search(candidates, start) or _CANDIDATE.search(candidates)
    return None if found is None else found[1].decode()


def placing_body(
    consumers: collections.abc.Sequence[str], query: str, **more: typing.Any
) -> typing.Any:
    """Return the request body that lets the service place equal consumers."""
    claims = [
        {
            "consumer_uuid": each,
            "project_id": PROJECT,
            "user_id": USER,
            "consumer_type": "INSTANCE",
            "query": query,
        }
        for each in consumers
    ]
    return {"claims": claims, **more}


class Claims:
    """PUT the allocations of a new consumer."""

    def __init__(self, allocations: Allocations, project: str = PROJECT) -> None:
        self._body = claim_body(allocations) | {"project_id": project}
        self._consumers: list[str] = []

    def prepare(self, api: Connection, times: int) -> None:
        """Do nothing."""

    def attempt(self, api: Connection) -> Answer:
        return self._claim(api, self._body)

    def clean_up(self, api: Connection) -> None:
        for consumer in self._consumers:
            api.send("DELETE", f"/allocations/{consumer}")
        self._consumers = []

    def _claim(self, api: Connection, body: object) -> Answer:
        consumer = str(uuid.uuid4())
        answer = api.send("PUT", f"/allocations/{consumer}", body)
        if answer.status == 204:
            self._consumers.append(consumer)
        return answer


class ClaimsWithRefusals(Claims):
    """PUT allocations; every ``interval``-th claim is for a full provider.

    The first of these comes after ``start`` other claims. Clients may share the full
    provider. A refused claim counts as an operation.
    """

    def __init__(
        self, allocations: Allocations, full: str, interval: int, start: int
    ) -> None:
        super().__init__(allocations)
        self._full = full
        self._refused = claim_body({full: clouds.CLAIM})
        self._interval = interval
        self._until_refusal = start

    def prepare(self, api: Connection, times: int) -> None:
        """Fill the provider, unless another client has filled it."""
        usages = api.send("GET", f"/resource_providers/{self._full}/usages").document()
        free = clouds.HOST["VCPU"] - usages["usages"]["VCPU"]
        if free:
            filling = claim_body({self._full: {"VCPU": free}})
            self._claim(api, filling).document()

    def attempt(self, api: Connection) -> Answer:
        if self._until_refusal:
            self._until_refusal -= 1
            return super().attempt(api)
        self._until_refusal = self._interval - 1
        answer = self._claim(api, self._refused)
        if answer.status != 409:
            raise RuntimeError(f"not refused: {answer.status}")
        # The refusal is expected, so the client must not repeat the claim.
        return answer._replace(status=200)


class ClaimsWithLimits(Claims):
    """PUT allocations of a project with limits that are never reached."""

    def prepare(self, api: Connection, times: int) -> None:
        """Set the limits, unless another client has set them."""
        path = f"/-/v1/limits/{self._body['project_id']}"
        if api.send("GET", path).status == 404:
            limits = dict.fromkeys((*clouds.CLAIM, "consumers"), 10**9)
            api.send("PUT", path, limits).document()


class SearchesAndClaims(Claims):
    """Search for the candidates of a random flavor, and claim one of them."""

    def __init__(self, seed: int) -> None:
        super().__init__({})
        self._rng = random.Random(seed)

    def attempt(self, api: Connection) -> Answer:
        query = searches.draw_flavor(self._rng)
        path = f"/allocation_candidates?{query}"
        host = drawn_host(self._rng, api.send("GET", path).content)
        if host is None:
            raise RuntimeError("there are no candidates")
        return self._claim(api, claim_body({host: clouds.CLAIM}))


class Removals(Claims):
    """DELETE the allocations of a consumer."""

    def prepare(self, api: Connection, times: int) -> None:
        for _ in range(times):
            super().attempt(api).document()

    def attempt(self, api: Connection) -> Answer:
        answer = api.send("DELETE", f"/allocations/{self._consumers[-1]}")
        if answer.status == 204:
            self._consumers.pop()
        return answer


class Moves:
    """POST two consumers: an instance moves, a migration holds its source host.

    Every second time the instance moves back and the migration holds nothing.
    """

    def __init__(self, source: str, destination: str) -> None:
        self._hosts = [source, destination]
        self._instance = self._migration = ""
        self._moved = 0

    def prepare(self, api: Connection, times: int) -> None:
        self._instance, self._migration = str(uuid.uuid4()), str(uuid.uuid4())
        self._moved = 0
        body = claim_body({self._hosts[0]: clouds.CLAIM})
        api.send("PUT", f"/allocations/{self._instance}", body).document()

    def attempt(self, api: Connection) -> Answer:
        goes_back = self._moved % 2
        here, there = self._hosts[:: -1 if goes_back else 1]
        held = {} if goes_back else {here: clouds.CLAIM}
        answer = api.send(
            "POST",
            "/allocations",
            {
                self._instance: claim_body({there: clouds.CLAIM}, self._moved + 1),
                self._migration: claim_body(held, 1 if goes_back else None),
            },
        )
        if answer.status == 204:
            self._moved += 1
        return answer

    def clean_up(self, api: Connection) -> None:
        for consumer in (self._instance, self._migration):
            api.send("DELETE", f"/allocations/{consumer}")


class Batches(Claims):
    """POST the allocations of several new consumers."""

    def __init__(self, allocations: Allocations, size: int) -> None:
        super().__init__(allocations)
        self._size = size

    def attempt(self, api: Connection) -> Answer:
        consumers = [str(uuid.uuid4()) for _ in range(self._size)]
        bodies = dict.fromkeys(consumers, self._body)
        answer = api.send("POST", "/allocations", bodies)
        if answer.status == 204:
            self._consumers += consumers
        return answer


class Placements(Claims):
    """POST claims of new consumers of a random flavor; the service picks the hosts."""

    def __init__(self, seed: int, size: int = 1, order: str = "any") -> None:
        super().__init__({})
        self._rng = random.Random(seed)
        self._size = size
        self._order = order

    def attempt(self, api: Connection) -> Answer:
        query = searches.draw_flavor(self._rng)
        consumers = [str(uuid.uuid4()) for _ in range(self._size)]
        answer = self._place(api, consumers, query)
        if answer.status == 200:
            self._consumers += consumers
        return answer

    def clean_up(self, api: Connection) -> None:
        while self._consumers:
            released = dict.fromkeys(self._consumers[-_RELEASED:], claim_body({}, 1))
            if api.send("POST", "/allocations", released).status == 204:
                del self._consumers[-_RELEASED:]

    def _place(
        self, api: Connection, consumers: collections.abc.Sequence[str], query: str
    ) -> Answer:
        body = placing_body(consumers, query, order=self._order)
        return api.send("POST", "/-/v1/claims", body)


class PlacementsWithRefusals(Placements):
    """As ``Placements``; one in ten asks for more than any host has.

    A refused request counts as an operation.
    """

    def attempt(self, api: Connection) -> Answer:
        if self._rng.randrange(10):
            return super().attempt(api)
        amount = clouds.HOST["VCPU"] + self._rng.randrange(1, 1000)
        answer = self._place(api, [str(uuid.uuid4())], f"resources=VCPU:{amount}")
        if answer.status != 409:
            raise RuntimeError(f"not refused: {answer.status}")
        # The refusal is expected, so the client must not repeat the request.
        return answer._replace(status=200)
