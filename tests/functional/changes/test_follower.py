"""What a follower of the feed copies equals the database."""

import collections.abc
import contextlib
import functools
import json
import random
import typing
import uuid

import pytest

from tests.functional.changes import follower
from tests.functional.connection import Answer
from tests.servers import databases
from tests.stress import client_processes, crashes, killable
from tests.stress.client_processes import Send, claim_body

PROCESSES = 3
CLIENTS = 2
WRITES = 25

PROVIDERS = [str(uuid.UUID(int=number)) for number in range(1, 7)]
CONSUMERS = [str(uuid.UUID(int=number)) for number in range(101, 113)]
TRAITS = ["HW_CPU_X86_AVX", "HW_CPU_X86_AVX2", "HW_NUMA_ROOT"]


class Recording(typing.NamedTuple):
    """A service that records changes, in the client process."""

    url: str

    @contextlib.contextmanager
    def opened(self) -> collections.abc.Iterator[Send]:
        with follower.sending(self.url) as sending:

            def send(method: str, path: str, body: object = None) -> Answer:
                status, found = sending(method, path, body)
                return Answer(status, json.dumps(found).encode())

            yield send


def write_at_random(send: Send, seed: int, count: int = WRITES) -> int:
    """Send writes, some of which are refused; return how many were not."""
    drawn = random.Random(seed)
    done = 0
    for _ in range(count):
        provider, consumer = drawn.choice(PROVIDERS), drawn.choice(CONSUMERS)
        of_provider = f"/resource_providers/{provider}"
        held = send("GET", f"/allocations/{consumer}", None).document()
        found = send("GET", of_provider, None)
        generation = found.document()["generation"] if found.status == 200 else 0
        wanted = {provider: {"VCPU": drawn.randint(1, 3)}}
        if drawn.random() < 0.3:
            wanted = {}
        parent = drawn.choice([None, *PROVIDERS])
        requests: list[tuple[str, str, object]] = [
            (
                "PUT",
                f"/allocations/{consumer}",
                claim_body(wanted, held.get("consumer_generation")),
            ),
            ("DELETE", f"/allocations/{consumer}", None),
            ("POST", "/resource_providers", {"name": provider, "uuid": provider}),
            ("PUT", of_provider, {"name": provider, "parent_provider_uuid": parent}),
            ("DELETE", of_provider, None),
            (
                "PUT",
                f"{of_provider}/inventories",
                {
                    "resource_provider_generation": generation,
                    "inventories": {"VCPU": {"total": drawn.randint(5, 20)}},
                },
            ),
            (
                "PUT",
                f"{of_provider}/traits",
                {
                    "resource_provider_generation": generation,
                    "traits": drawn.sample(TRAITS, drawn.randint(0, 3)),
                },
            ),
            (
                "PUT",
                f"{of_provider}/aggregates",
                {
                    "resource_provider_generation": generation,
                    "aggregates": drawn.sample(CONSUMERS, drawn.randint(0, 2)),
                },
            ),
        ]
        weights = [8, 2, 3, 1, 1, 4, 2, 2]
        (request,) = drawn.choices(requests, weights)
        answer = send(*request)
        assert answer.status < 500, answer.content
        done += answer.status < 300
    return done


def test_followers_from_any_position_copy_what_several_processes_write(
    database_url: str,
) -> None:
    services = [Recording(database_url) for _ in range(PROCESSES)]
    with (
        follower.sending(database_url) as send,
        client_processes.started(services, CLIENTS) as writers,
    ):
        followers = [follower.Follower(send, 0, {})]
        jobs = [
            functools.partial(write_at_random, seed=number)
            for number in range(PROCESSES * CLIENTS)
        ]
        done = sum(writers.run(jobs))
        writers.start(
            [functools.partial(write_at_random, seed=100 + n) for n in range(len(jobs))]
        )
        # While they write: a position, and then a copy, of which parts are newer.
        _, page = follower.read(send, "/-/v1/changes?after=now")
        copy = follower.stored(database_url, send)
        followers.append(follower.Follower(send, page["position"], copy))
        done += sum(writers.results())
        for each in followers:
            each.stop()
        wanted = follower.stored(database_url, send)

    assert done > WRITES
    assert [each.copy == wanted for each in followers] == [True, True]
    first = followers[0].positions
    assert first == list(range(1, len(first) + 1))
    assert followers[1].positions == first[page["position"] :]


@pytest.mark.parametrize("kind", databases.KINDS)
def test_a_follower_copies_everything_through_kills(
    kind: str, database_kinds: list[str]
) -> None:
    if kind not in database_kinds:
        pytest.skip(f"about {kind}")
    with (
        killable.durable(kind) as database,
        follower.sending(database.url) as send,
    ):
        one = follower.Follower(send, 0, {})
        kills = 0 if kind == databases.SQLITE else 1
        figures = crashes.run_on(
            database, 2, kills, seed=1, preload=True, options=follower.OPTIONS
        )
        one.stop()
        wanted = follower.stored(database.url, send)

    assert not figures.violations
    assert one.copy == wanted
    assert one.positions == list(range(1, len(one.positions) + 1))
    assert len(one.positions) >= figures.acknowledged
