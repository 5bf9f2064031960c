"""Opposite changes at the same moment: one of them wins, and all stays sound.

Every round lets several requests go at once. Whatever order the database gives
them, the outcome is one that they could have had one after the other.
"""

import os
import threading
import typing
import uuid

import pytest
import sqlalchemy as sa
import webob

from tests.functional import invariants
from tests.servers import server

ROUNDS = int(os.environ.get("PLACEMENT_TEST_TREE_RACE_ROUNDS", "25"))
SECONDS = 60

Request = tuple[str, str, typing.Any]


class Service:
    """Sends requests, one by one or all at once."""

    def __init__(self, application: server.Application) -> None:
        self._application = application

    def send(self, method: str, path: str, body: object = None) -> webob.Response:
        request = webob.Request.blank(
            path,
            method=method,
            headers={
                "x-auth-token": "admin",
                "x-roles": "admin,service",
                "accept": "application/json",
                "openstack-api-version": "placement latest",
            },
        )
        if body is not None:
            request.content_type = "application/json"
            request.json_body = body
        return request.get_response(self._application)

    def at_once(self, *requests: Request) -> tuple[int, ...]:
        """Send the requests from threads that wait for each other; in their order.

        Returns the statuses.
        """
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
        """Add a provider, which is named like its uuid; returns that."""
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


def test_two_moves_never_make_a_loop(service: Service, database_url: str) -> None:
    for _ in range(ROUNDS):
        one, two = service.add(), service.add()
        below_one, below_two = service.add(one), service.add(two)

        statuses = service.at_once(move(one, below_two), move(two, below_one))

        assert sorted(statuses) == [200, 400]
        parents = [service.parent_of(one), service.parent_of(two)]
        assert parents == (
            [below_two, None] if statuses[0] == 200 else [None, below_one]
        )
    assert not invariants.violations(database_url)


def test_moves_inside_a_tree_never_make_a_loop(
    service: Service, database_url: str
) -> None:
    for _ in range(ROUNDS):
        root = service.add()
        one, two, three = (service.add(root) for _ in range(3))

        statuses = service.at_once(move(one, two), move(two, three), move(three, one))

        assert set(statuses) <= {200, 400}
        assert statuses.count(200) == 2
    assert not invariants.violations(database_url)


def test_a_subtree_that_moves_takes_new_children_along(
    service: Service, database_url: str
) -> None:
    for _ in range(ROUNDS):
        one, two = service.add(), service.add()
        below = service.add(one)
        new = str(uuid.uuid4())

        statuses = service.at_once(move(one, two), child(below, new), move(below, None))

        assert statuses == (200, 200, 200)
        assert service.parent_of(new) == below
    assert not invariants.violations(database_url)


def test_a_parent_goes_or_gets_a_child(service: Service, database_url: str) -> None:
    outcomes = set()
    for number in range(ROUNDS):
        root = service.add()
        parent = service.add(root) if number % 2 else root
        new = str(uuid.uuid4())

        statuses = service.at_once(
            child(parent, new), delete(f"/resource_providers/{parent}")
        )

        outcomes.add(statuses)
        assert statuses in {(200, 409), (400, 204)}
        assert (service.exists(new), service.exists(parent)) == (
            (True, True) if statuses[0] == 200 else (False, False)
        )
    assert outcomes
    assert not invariants.violations(database_url)


def test_of_two_that_delete_the_same_one_did(service: Service) -> None:
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
            assert sorted(service.at_once(delete(path), delete(path))) == [204, 404]


def test_a_class_goes_or_gets_an_inventory(service: Service, database_url: str) -> None:
    of = service.add()
    path = f"/resource_providers/{of}/inventories"
    for number in range(ROUNDS):
        name = f"CUSTOM_{number}"
        service.send("PUT", f"/resource_classes/{name}")

        statuses = service.at_once(
            ("POST", path, {"resource_class": name, "total": 1}),
            delete(f"/resource_classes/{name}"),
        )

        assert statuses in {(201, 409), (400, 204)}
        has_inventory = name in service.send("GET", path).json["inventories"]
        assert has_inventory is (statuses[0] == 201)
    assert without_a_class(database_url) == 0


def without_a_class(url: str) -> int:
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


def test_a_trait_goes_or_is_given_to_a_provider(service: Service) -> None:
    for number in range(ROUNDS):
        of = service.add()
        path = f"/resource_providers/{of}/traits"
        name = f"CUSTOM_{number}"
        service.send("PUT", f"/traits/{name}")

        statuses = service.at_once(
            ("PUT", path, {"traits": [name], "resource_provider_generation": 0}),
            delete(f"/traits/{name}"),
        )

        assert statuses in {(200, 409), (400, 204)}
        traits = service.send("GET", path).json["traits"]
        assert traits == ([name] if statuses[0] == 200 else [])


# Each round asks for what the one before did not leave.
PAIRS = (("AVX", "AVX2"), ("SSE", "SSE2"))


def test_of_two_sets_of_traits_one_is_stored(service: Service) -> None:
    of = service.add()
    path = f"/resource_providers/{of}/traits"
    for number in range(ROUNDS):
        wanted = [f"HW_CPU_X86_{kind}" for kind in PAIRS[number % 2]]
        bodies = [
            {"traits": [name], "resource_provider_generation": number}
            for name in wanted
        ]

        statuses = service.at_once(*(("PUT", path, body) for body in bodies))

        assert sorted(statuses) == [200, 409]
        stored = service.send("GET", path).json
        assert stored["traits"] == bodies[statuses.index(200)]["traits"]
        assert stored["resource_provider_generation"] == number + 1


def test_a_provider_goes_or_is_claimed(service: Service, database_url: str) -> None:
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

        claimed, deleted = service.at_once(
            ("PUT", f"/allocations/{uuid.uuid4()}", claim), delete(path)
        )

        assert (claimed, deleted) in {(204, 409), (400, 204), (409, 204)}
    assert not invariants.violations(database_url)
