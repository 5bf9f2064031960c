"""What the services are asked to do, on which cloud.

A scenario does its work against a URL and says how many operations that were and
what the answers amount to; the services must agree on the latter. A new one is an
entry in ``SCENARIOS``.
"""

import collections.abc
import concurrent.futures
import dataclasses
import functools
import typing
import urllib.parse
import uuid

from benchmarks import clouds
from tests.functional.connection import Answer, Connection

VERSION = "1.39"
RESOURCES = {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 10}


class Done(typing.NamedTuple):
    """Operations done; ``outcome`` tells what services must agree on.

    It is asked for after the measurement: reading an answer is a client's work.
    """

    operations: int
    outcome: collections.abc.Callable[[], object]


class Scenario(typing.Protocol):
    """Something that the services do, measured as a whole."""

    @property
    def name(self) -> str: ...

    @property
    def cloud(self) -> collections.abc.Callable[[], clouds.Cloud]: ...

    def run(self, url: str, cloud: clouds.Cloud, turn: int) -> Done:
        """Do it; this is what is measured. ``turn`` counts from 0."""

    def clean_up(self, url: str) -> None:
        """Leave the cloud as it was before ``run``; not measured."""


@dataclasses.dataclass
class Search:
    """Ask for candidates, one time after the other, over one connection."""

    name: str
    cloud: collections.abc.Callable[[], clouds.Cloud]
    query: str
    times: int

    def run(self, url: str, cloud: clouds.Cloud, turn: int) -> Done:
        del cloud, turn
        with Connection(url, VERSION) as api:
            answers = [
                api.send("GET", f"/allocation_candidates?{self.query}")
                for _ in range(self.times)
            ]
        return Done(self.times, lambda: {_counts(answer) for answer in answers})

    def clean_up(self, url: str) -> None:
        """Nothing was changed."""


@dataclasses.dataclass
class Claims:
    """Clients that claim at the same time, each on a host of its own."""

    name: str
    cloud: collections.abc.Callable[[], clouds.Cloud]
    clients: int
    times: int
    _consumers: list[str] = dataclasses.field(default_factory=list)

    def run(self, url: str, cloud: clouds.Cloud, turn: int) -> Done:
        self._consumers = [str(uuid.uuid4()) for _ in range(self.clients * self.times)]
        shares = [self._consumers[number :: self.clients] for number in self._numbers()]
        hosts = [
            cloud.providers[(turn * self.clients + number) % len(cloud.providers)].uuid
            for number in self._numbers()
        ]
        with concurrent.futures.ThreadPoolExecutor(self.clients) as pool:
            statuses = set().union(
                *pool.map(self._claim, [url] * self.clients, hosts, shares)
            )
        return Done(len(self._consumers), lambda: statuses)

    def clean_up(self, url: str) -> None:
        with Connection(url, VERSION) as api:
            for consumer in self._consumers:
                api.send("DELETE", f"/allocations/{consumer}").document()

    def _numbers(self) -> range:
        return range(self.clients)

    @staticmethod
    def _claim(url: str, host: str, consumers: list[str]) -> set[int]:
        """Claim one time after the other; return the statuses seen."""
        body = {
            "allocations": {host: {"resources": RESOURCES}},
            "consumer_generation": None,
            "consumer_type": "INSTANCE",
            "project_id": str(uuid.UUID(int=1)),
            "user_id": str(uuid.UUID(int=2)),
        }
        with Connection(url, VERSION) as api:
            return {
                api.send("PUT", f"/allocations/{consumer}", body).status
                for consumer in consumers
            }


def _counts(answer: Answer) -> tuple[int, int]:
    """Return how many candidates and how many summaries there are."""
    document = answer.document()
    return len(document["allocation_requests"]), len(document["provider_summaries"])


def _query(**parameters: object) -> str:
    wanted = ",".join(f"{name}:{amount}" for name, amount in RESOURCES.items())
    return urllib.parse.urlencode({"resources": wanted, **parameters})


_FLAT_1000 = functools.partial(clouds.flat, 1000)

SCENARIOS: list[Scenario] = [
    Search("candidates, limit=1000", _FLAT_1000, _query(limit=1000), times=5),
    Search("candidates, no limit", _FLAT_1000, _query(), times=5),
    Search("candidates, limit=10", _FLAT_1000, _query(limit=10), times=20),
    Claims("claims, 8 clients on a host each", _FLAT_1000, clients=8, times=25),
]
