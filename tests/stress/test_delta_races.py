"""Several clients change one provider without its generation, and all succeed."""

import concurrent.futures
import os
import threading
import uuid

import webob

from placement import client
from tests.functional import invariants, sending
from tests.servers import server

ROUNDS = int(os.environ.get("PLACEMENT_TEST_DELTA_ROUNDS", "3"))
CLIENTS = 16
SECONDS = 60


class Owner:
    """A service that owns one trait, one class and one aggregate of a provider."""

    def __init__(self, application: server.Application, number: int) -> None:
        self._application = application
        self.trait = f"CUSTOM_OF_{number}"
        self.resource_class = f"CUSTOM_UNITS_OF_{number}"
        self.aggregate = str(uuid.UUID(int=0xF000 + number))
        self.statuses: list[int] = []

    def create_names(self) -> None:
        self.send("PUT", f"/traits/{self.trait}")
        self.send("PUT", f"/resource_classes/{self.resource_class}")

    def send(self, method: str, path: str, body: object = None) -> webob.Response:
        return sending.send(self._application, method, path, body)

    def change(self, host: str, shared: str, rounds: int) -> None:
        """Add and remove its own several times, and leave them in place.

        Each round also puts the host into aggregates that no client has created.
        """
        own_traits = {"traits": [self.trait], "aggregates": [self.aggregate]}
        for number in range(rounds):
            new = str(uuid.uuid5(uuid.UUID(shared), str(number)))
            for how in ("add", "remove", "add"):
                body: dict[str, object] = {
                    member: {how: own} for member, own in own_traits.items()
                }
                if how == "add":
                    offer = {self.resource_class: {"total": number + 1}}
                    body["inventories"] = {"set": offer}
                    body["aggregates"] = {"add": [self.aggregate, new]}
                else:
                    body["inventories"] = {"remove": [self.resource_class]}
                answer = self.send("PATCH", f"/-/v1/providers/{host}", body)
                self.statuses.append(answer.status_int)


def test_owners_of_different_traits_never_conflict(
    application: server.Application, database_url: str
) -> None:
    api = client.Client(client.WSGITransport(application))
    hosts = [api.create_provider(name).uuid for name in ("one", "other")]
    owners = [Owner(application, number) for number in range(CLIENTS)]
    for owner in owners:
        owner.create_names()
    shared = str(uuid.uuid4())
    barrier = threading.Barrier(CLIENTS)

    def run(number: int) -> None:
        barrier.wait(SECONDS)
        # Every fourth client changes another host, with the same new aggregates.
        host = hosts[number % 4 == 0]
        owners[number].change(host, shared, ROUNDS)

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(run, range(CLIENTS)))

    assert [each.statuses for each in owners] == [[200] * 3 * ROUNDS] * CLIENTS
    for index, host in enumerate(hosts):
        of_host = [
            owner
            for number, owner in enumerate(owners)
            if (number % 4 == 0) is bool(index)
        ]
        found = api.get_provider_details(host, ["inventories", "traits", "aggregates"])
        assert set(found.traits) == {owner.trait for owner in of_host}
        assert {name: each.total for name, each in found.inventories.items()} == {
            owner.resource_class: ROUNDS for owner in of_host
        }
        new = {str(uuid.uuid5(uuid.UUID(shared), str(n))) for n in range(ROUNDS)}
        assert set(found.aggregates) == new | {owner.aggregate for owner in of_host}
        # Each request is a change.
        assert found.provider.generation == 3 * ROUNDS * len(of_host)
    assert not invariants.violations(database_url)
