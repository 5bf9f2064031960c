"""Schedule jobs onto slices of GPUs (MIG) that are close to their processors.

A host has two NUMA nodes, each with processors, memory and one GPU of seven slices. A
job gets all that it asks for from one NUMA node: the groups of its request must be in
one subtree.
"""

import uuid

from placement.client import (
    Client,
    Inventories,
    Inventory,
    NoCandidate,
    RequestGroup,
    Wanted,
    candidates_query,
)

SLICE = "CUSTOM_MIG_1G_10GB"
SLICES_PER_GPU = 7


def add_host(client: Client, name: str, numa_nodes: int = 2) -> None:
    """Register a host with its NUMA nodes and GPUs."""
    host = client.create_provider(name)
    for number in range(numa_nodes):
        numa = client.create_provider(f"{name}-numa{number}", parent_uuid=host.uuid)
        offers = {"VCPU": Inventory(32), "MEMORY_MB": Inventory(131_072)}
        client.replace_inventories(numa.uuid, Inventories(0, offers))
        gpu = client.create_provider(f"{name}-gpu{number}", parent_uuid=numa.uuid)
        slices = {SLICE: Inventory(SLICES_PER_GPU)}
        client.replace_inventories(gpu.uuid, Inventories(0, slices))


def start(client: Client, slices: int, vcpus: int, memory_mb: int) -> str | None:
    """Start a job on the fullest NUMA node that has room; return its id.

    Filling nodes first leaves others free for large jobs. None: no node has room.
    """
    query = candidates_query(
        [
            RequestGroup({"VCPU": vcpus, "MEMORY_MB": memory_mb}, suffix="_NUMA"),
            RequestGroup({SLICE: slices}, suffix="_GPU"),
        ],
        group_policy="none",
        same_subtree=[("_NUMA", "_GPU")],
    )
    job = str(uuid.uuid4())
    try:
        client.place(Wanted(job, query, "ml", "jane", "JOB"), order="pack")
    except NoCandidate as nothing:
        print(f"not started: {nothing.detail}")
        return None
    return job


def finish(client: Client, job: str) -> None:
    """Release what a job holds."""
    client.delete_allocations(job)


def main() -> None:
    client = Client.connect()
    client.create_resource_class(SLICE)
    add_host(client, "gpu-host-1")
    while (job := start(client, slices=3, vcpus=8, memory_mb=32_768)) is not None:
        print(f"started {job}")


if __name__ == "__main__":
    main()
