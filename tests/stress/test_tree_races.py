"""Concurrent conflicting changes have the effect of some sequential order.

Each round sends several requests concurrently.
"""

import os
import threading
import typing
import uuid

import pytest
import sqlalchemy as sa
import webob

from tests.functional import invariants, sending
from tests.servers import server

ROUNDS = int(os.environ.get("PLACEMENT_TEST_TREE_RACE_ROUNDS", "25"))
SECONDS = 60

Request = tuple[str, str, typing.Any]


class Service:
    """Sends requests, sequentially or concurrently."""

    def __init__(self, application: server.Application) -> None:
        self._application = application

    def send(self, method: str, path: str, body: object = None) -> webob.Response:
        return sending.send(self._application, method, path, body)

    def send_concurrently(self, *requests: Request) -> tuple[int, ...]:
        """Send each request from its own thread; return the statuses in order."""
        barrier = threading.Barrier(len(requests))
        statuses = [0] * len(requests)

        def run(place: int) -> None:
            barrier.wait(SECONDS)
            statuses[place] = self.send(*requests[place]).status_int

        threads = [
            threading.Thread(target=run, args=(n,)) for n in range(len(requests))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        return tuple(statuses)

    def add(self, parent: str | None = None) -> str:
        """Create a provider with its uuid as its name; return the uuid."""
        made = str(uuid.uuid4())
        request = child(parent, made) if parent else provider(made)
        assert self.send(*request).status_int == 200
        return made

    def parent_of(self, of: str) -> str | None:
        shown = self.send("GET", f"/resource_providers/{of}").json
        parent: str | None = shown["parent_provider_uuid"]
        return parent

    def exists(self, of: str) -> bool:
        return self.send("GET", f"/resource_providers/{of}").status_int == 200


def provider(name: str) -> Request:
    return "POST", "/resource_providers", {"name": name, "uuid": name}


def child(parent: str, name: str) -> Request:
    body = {"name": name, "uuid": name, "parent_provider_uuid": parent}
    return "POST", "/resource_providers", body


def move(of: str, parent: str | None) -> Request:
    body = {"name": of, "parent_provider_uuid": parent}
    return "PUT", f"/resource_providers/{of}", body


def delete(path: str) -> Request:
    return "DELETE", path, None


@pytest.fixture
def service(application: server.Application) -> Service:
    return Service(application)


def test_concurrent_moves_between_trees_never_make_a_loop(
    service: Service, database_url: str
) -> None:
    for _ in range(ROUNDS):
        one, two = service.add(), service.add()
        below_one, below_two = service.add(one), service.add(two)

        statuses = service.send_concurrently(move(one, below_two), move(two, below_one))

        assert sorted(statuses) == [200, 400]
        parents = [service.parent_of(one), service.parent_of(two)]
        assert parents == (
            [below_two, None] if statuses[0] == 200 else [None, below_one]
        )
    assert not invariants.violations(database_url)


def test_concurrent_moves_within_a_tree_never_make_a_loop(
    service: Service, database_url: str
) -> None:
    for _ in range(ROUNDS):
        root = service.add()
        one, two, three = (service.add(root) for _ in range(3))

        statuses = service.send_concurrently(
            move(one, two), move(two, three), move(three, one)
        )

        assert set(statuses) <= {200, 400}
        assert statuses.count(200) == 2
    assert not invariants.violations(database_url)


def test_a_child_created_during_a_move_moves_with_its_parent(
    service: Service, database_url: str
) -> None:
    for _ in range(ROUNDS):
        one, two = service.add(), service.add()
        below = service.add(one)
        new = str(uuid.uuid4())

        statuses = service.send_concurrently(
            move(one, two), child(below, new), move(below, None)
        )

        assert statuses == (200, 200, 200)
        assert service.parent_of(new) == below
    assert not invariants.violations(database_url)


def test_a_parent_is_deleted_or_gets_a_child(
    service: Service, database_url: str
) -> None:
    for number in range(ROUNDS):
        root = service.add()
        parent = service.add(root) if number % 2 else root
        new = str(uuid.uuid4())

        statuses = service.send_concurrently(
            child(parent, new), delete(f"/resource_providers/{parent}")
        )

        assert statuses in {(200, 409), (400, 204)}
        assert (service.exists(new), service.exists(parent)) == (
            (True, True) if statuses[0] == 200 else (False, False)
        )
    assert not invariants.violations(database_url)


def test_one_of_two_concurrent_deletes_succeeds(service: Service) -> None:
    for number in range(ROUNDS):
        of = service.add()
        name = f"CUSTOM_{number}"
        service.send("PUT", f"/traits/{name}")
        service.send("PUT", f"/resource_classes/{name}")

        for path in (
            f"/resource_providers/{of}",
            f"/traits/{name}",
            f"/resource_classes/{name}",
        ):
            assert sorted(service.send_concurrently(delete(path), delete(path))) == [
                204,
                404,
            ]


def test_a_class_is_deleted_or_gets_an_inventory(
    service: Service, database_url: str
) -> None:
    of = service.add()
    path = f"/resource_providers/{of}/inventories"
    for number in range(ROUNDS):
        name = f"CUSTOM_{number}"
        service.send("PUT", f"/resource_classes/{name}")

        statuses = service.send_concurrently(
            ("POST", path, {"resource_class": name, "total": 1}),
            delete(f"/resource_classes/{name}"),
        )

        assert statuses in {(201, 409), (400, 204)}
        has_inventory = name in service.send("GET", path).json["inventories"]
        assert has_inventory is (statuses[0] == 201)
    assert count_inventories_without_class(database_url) == 0


def count_inventories_without_class(url: str) -> int:
    """Count the inventories whose class does not exist."""
    engine = sa.create_engine(url)
    with engine.connect() as conn:
        count: int = conn.execute(
            sa.text(
                "SELECT count(*) FROM inventories WHERE resource_class_id NOT IN "
                "(SELECT id FROM resource_classes)"
            )
        ).scalar_one()
    engine.dispose()
    return count


def test_a_trait_is_deleted_or_assigned(service: Service) -> None:
    for number in range(ROUNDS):
        of = service.add()
        path = f"/resource_providers/{of}/traits"
        name = f"CUSTOM_{number}"
        service.send("PUT", f"/traits/{name}")

        statuses = service.send_concurrently(
            ("PUT", path, {"traits": [name], "resource_provider_generation": 0}),
            delete(f"/traits/{name}"),
        )

        assert statuses in {(200, 409), (400, 204)}
        traits = service.send("GET", path).json["traits"]
        assert traits == ([name] if statuses[0] == 200 else [])


# Rounds alternate between the pairs, so that every write is a change.
PAIRS = (("AVX", "AVX2"), ("SSE", "SSE2"))


def test_one_of_two_concurrent_sets_of_traits_is_stored(service: Service) -> None:
    of = service.add()
    path = f"/resource_providers/{of}/traits"
    for number in range(ROUNDS):
        wanted = [f"HW_CPU_X86_{kind}" for kind in PAIRS[number % 2]]
        bodies = [
            {"traits": [name], "resource_provider_generation": number}
            for name in wanted
        ]

        statuses = service.send_concurrently(*(("PUT", path, body) for body in bodies))

        assert sorted(statuses) == [200, 409]
        stored = service.send("GET", path).json
        assert stored["traits"] == bodies[statuses.index(200)]["traits"]
        assert stored["resource_provider_generation"] == number + 1


def test_a_provider_is_deleted_or_claimed(service: Service, database_url: str) -> None:
    for _ in range(ROUNDS):
        of = service.add()
        path = f"/resource_providers/{of}"
        inventory = {"resource_class": "VCPU", "total": 1}
        assert service.send("POST", f"{path}/inventories", inventory).status_int == 201
        claim = {
            "allocations": {of: {"resources": {"VCPU": 1}}},
            "consumer_generation": None,
            "consumer_type": "INSTANCE",
            "project_id": "p",
            "user_id": "u",
        }

        claimed, deleted = service.send_concurrently(
            ("PUT", f"/allocations/{uuid.uuid4()}", claim), delete(path)
        )

        assert (claimed, deleted) in {(204, 409), (400, 204), (409, 204)}
    assert not invariants.violations(database_url)
