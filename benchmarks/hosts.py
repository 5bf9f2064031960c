"""Scripts of the agent on a host; see ``loads``."""

import typing
import uuid

import os_traits

from benchmarks import clouds
from benchmarks.loads import Amounts, claim_body
from tests.functional.connection import Answer, Connection

_CONSUMERS = 10
_PINNED = "VCPU"


def inventories(totals: Amounts) -> dict[str, dict[str, int]]:
    """Return the ``inventories`` of a request body."""
    return {name: {"total": total} for name, total in totals.items()}


class Reports:
    """The periodic report of a host: read its data, send its inventories again."""

    def __init__(self, host: str) -> None:
        self._path = f"/resource_providers/{host}"
        self._offer: dict[str, typing.Any] = {}

    def prepare(self, api: Connection, times: int) -> None:
        self._offer = api.send("GET", f"{self._path}/inventories").document()

    def attempt(self, api: Connection) -> Answer:
        for what in ("", "/inventories", "/aggregates", "/traits", "/allocations"):
            api.send("GET", f"{self._path}{what}")
        answer = api.send("PUT", f"{self._path}/inventories", self._offer)
        if answer.status == 200:
            # Each PUT advances the generation, even if nothing changes.
            self._offer["resource_provider_generation"] += 1
        return answer

    def clean_up(self, api: Connection) -> None:
        """Do nothing; the inventories are unchanged."""


class Creations:
    """Create a host: the provider, its inventories, traits and aggregates."""

    def __init__(self) -> None:
        common = os_traits.get_traits(prefix="HW_CPU_")
        self._traits = common[: clouds.TRAITS_PER_HOST]
        self._made: list[str] = []

    def prepare(self, api: Connection, times: int) -> None:
        """Do nothing."""

    def attempt(self, api: Connection) -> Answer:
        host = str(uuid.uuid4())
        create(api, host, clouds.HOST)
        self._made.append(host)
        path = f"/resource_providers/{host}"
        generation = "resource_provider_generation"
        traits = {"traits": self._traits, generation: 1}
        aggregates = {"aggregates": [clouds.zone(0)], generation: 2}
        # If one request is refused, the next one has a stale generation and fails.
        api.send("PUT", f"{path}/traits", traits)
        return api.send("PUT", f"{path}/aggregates", aggregates)

    def clean_up(self, api: Connection) -> None:
        for host in self._made:
            api.send("DELETE", f"/resource_providers/{host}").document()
        self._made = []


class Reshapes:
    """Move processors, and their allocations, from a host to its NUMA node."""

    def __init__(self) -> None:
        self._bodies: list[typing.Any] = []
        self._providers: list[str] = []
        self._consumers: list[str] = []

    def prepare(self, api: Connection, times: int) -> None:
        for _ in range(times):
            host, node = str(uuid.uuid4()), str(uuid.uuid4())
            create(api, host, clouds.HOST)
            create(api, node, {}, parent=host)
            # Children first, for the clean-up.
            self._providers += [node, host]
            self._bodies.append(self._body(api, host, node))

    def attempt(self, api: Connection) -> Answer:
        answer = api.send("POST", "/reshaper", self._bodies[-1])
        if answer.status == 204:
            self._bodies.pop()
        return answer

    def clean_up(self, api: Connection) -> None:
        for consumer in self._consumers:
            api.send("DELETE", f"/allocations/{consumer}")
        for provider in self._providers:
            api.send("DELETE", f"/resource_providers/{provider}").document()
        for made in (self._bodies, self._providers, self._consumers):
            made.clear()

    def _body(self, api: Connection, host: str, node: str) -> typing.Any:
        """Create consumers on the host; return the request body that moves them."""
        consumers = [str(uuid.uuid4()) for _ in range(_CONSUMERS)]
        self._consumers += consumers
        for consumer in consumers:
            body = claim_body({host: clouds.CLAIM})
            api.send("PUT", f"/allocations/{consumer}", body).document()
        pinned, kept = _split(clouds.HOST)
        on_node, on_host = _split(clouds.CLAIM)
        moved = claim_body({host: on_host, node: on_node}, 1)
        return {
            "inventories": {
                host: {
                    "inventories": inventories(kept),
                    "resource_provider_generation": _generation(api, host),
                },
                node: {
                    "inventories": inventories(pinned),
                    "resource_provider_generation": _generation(api, node),
                },
            },
            "allocations": dict.fromkeys(consumers, moved),
        }


def create(
    api: Connection, provider: str, totals: Amounts, parent: str | None = None
) -> None:
    """Create a provider with inventories, at generation 1."""
    body = {"uuid": provider, "name": provider, "parent_provider_uuid": parent}
    offer = {"resource_provider_generation": 0, "inventories": inventories(totals)}
    api.send("POST", "/resource_providers", body)
    api.send("PUT", f"/resource_providers/{provider}/inventories", offer)


def _split(amounts: Amounts) -> tuple[Amounts, Amounts]:
    """Return the amounts that move to the NUMA node and those that stay."""
    rest = dict(amounts)
    return {_PINNED: rest.pop(_PINNED)}, rest


def _generation(api: Connection, provider: str) -> int:
    answer = api.send("GET", f"/resource_providers/{provider}")
    generation: int = answer.document()["generation"]
    return generation
