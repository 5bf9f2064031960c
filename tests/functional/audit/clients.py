"""Clients that claim, release and move trees while a test does something else."""

import collections.abc
import concurrent.futures
import random
import threading
import uuid

from tests.functional import write_operations
from tests.functional.write_operations import Write
from tests.servers import server

CLIENTS = 4
HOSTS = 6

# Minimum number of requests, and of repetitions of what the test does meanwhile.
REQUESTS = 100
TIMES = 3


class Clients:
    """Clients of a service in this process.

    ``consumers`` has the consumer of each client. ``statuses`` has the statuses of
    claims and releases, which must succeed.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self.consumers = [str(uuid.uuid4()) for _ in range(CLIENTS)]
        self.statuses: list[int] = []

    def run_beside(self, work: collections.abc.Callable[[], None]) -> None:
        """Run the clients, and repeat ``work`` until both have done enough."""
        with (
            server.in_process(self._url) as application,
            concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool,
        ):
            hosts = [self._create_host(application) for _ in range(HOSTS)]
            clients = [
                pool.submit(self._run_client, application, hosts, number)
                for number in range(CLIENTS)
            ]
            times = 0
            try:
                while times < TIMES or len(self.statuses) < REQUESTS:
                    assert not any(client.done() for client in clients)
                    work()
                    times += 1
            finally:
                self._stop.set()
                for client in clients:
                    client.result()

    def _create_host(self, application: server.Application) -> str:
        host = str(uuid.uuid4())
        body: object = {"uuid": host, "name": host}
        assert send(application, "POST", "/resource_providers", body) == 200
        body = {
            "resource_provider_generation": 0,
            "inventories": {"VCPU": {"total": 1000}, "DISK_GB": {"total": 1000}},
        }
        path = f"/resource_providers/{host}/inventories"
        assert send(application, "PUT", path, body) == 200
        return host

    def _run_client(
        self, application: server.Application, hosts: list[str], number: int
    ) -> None:
        draw = random.Random(number)
        path = f"/allocations/{self.consumers[number]}"
        while not self._stop.is_set():
            body = {
                "allocations": {
                    host: {"resources": {"VCPU": 1, "DISK_GB": draw.randrange(1, 9)}}
                    for host in draw.sample(hosts, 2)
                },
                "project_id": "p",
                "user_id": "u",
                "consumer_type": "INSTANCE",
                "consumer_generation": None,
            }
            self.statuses.append(send(application, "PUT", path, body))
            self.statuses.append(send(application, "DELETE", path))
            child, parent = draw.sample(hosts, 2)
            for parent_uuid in (parent, None):
                # This may fail: other clients move the same hosts.
                send(
                    application,
                    "PUT",
                    f"/resource_providers/{child}",
                    {"name": child, "parent_provider_uuid": parent_uuid},
                )


def send(
    application: server.Application,
    method: str,
    path: str,
    body: write_operations.Body = None,
) -> int:
    """Send a request; return its status."""
    request = Write("", f"{method} {path}", body, 0, 0)
    status: int = write_operations.send(application, request).status_int
    return status
