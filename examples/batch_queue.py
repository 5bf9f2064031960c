"""Run gangs of tasks from a queue: all tasks of a gang start, or none.

The tasks of a gang exchange data, and a gang that has only some of them waits while it
holds resources that another gang needs. One request places the whole gang. It is spread
over hosts, so that the loss of one host stops few of its tasks.
"""

import collections
import dataclasses
import uuid

from placement.client import (
    Client,
    Group,
    Inventories,
    Inventory,
    NoCandidate,
    RequestGroup,
    Wanted,
    candidates_query,
)


@dataclasses.dataclass
class Gang:
    """Tasks of equal size, at most ``max_per_host`` of them on one host."""

    name: str
    size: int
    vcpus: int
    max_per_host: int = 2
    tasks: list[str] = dataclasses.field(default_factory=list)


class Queue:
    """Gangs in the order of their arrival; a smaller one may start earlier."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.waiting: collections.deque[Gang] = collections.deque()

    def start_all(self) -> list[Gang]:
        """Start every gang that has room, and return them."""
        started = [gang for gang in self.waiting if self._start(gang)]
        for gang in started:
            self.waiting.remove(gang)
        return started

    def finish(self, gang: Gang) -> None:
        """Release what the tasks of a gang hold."""
        for task in gang.tasks:
            self._client.delete_allocations(task)

    def _start(self, gang: Gang) -> bool:
        query = candidates_query([RequestGroup({"VCPU": gang.vcpus})])
        tasks = [str(uuid.uuid4()) for _ in range(gang.size)]
        group = Group(gang.name, "anti-affinity", max_per_host=gang.max_per_host)
        wanted = [Wanted(task, query, "batch", "queue", "TASK") for task in tasks]
        try:
            self._client.place(wanted, order="spread", group=group)
        except NoCandidate:
            return False
        gang.tasks = tasks
        return True


def main() -> None:
    client = Client.connect()
    for number in range(3):
        host = client.create_provider(f"batch-host-{number}")
        client.replace_inventories(host.uuid, Inventories(0, {"VCPU": Inventory(8)}))
    queue = Queue(client)
    queue.waiting.extend([Gang("large", 6, 4), Gang("small", 3, 1)])
    print("started:", [gang.name for gang in queue.start_all()])
    print("waiting:", [gang.name for gang in queue.waiting])


if __name__ == "__main__":
    main()
