"""Fill a service with the cloud of the demo."""

import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence

from placement.client import Client, TreeProvider
from placement.demo.cloud import AVX512, Cloud, Node, new_uuid
from placement.demo.load import LIMITED_PROJECT, Batch, Load

# Takes the number of requests that are done, and of all.
Report = Callable[[int, int], None]

_CORDON_REASON = "Replace the memory module in slot B4."
_QUARANTINE_REASON = "Loses network packets; under investigation."
# What its project may use beyond what it has.
_ROOM_VCPUS = 2
# Searches that find nothing, for the counts of empty searches by their cause.
_EMPTY_SEARCHES = (
    ("resources=VCPU:128", 2),
    ("resources=PGPU:1", 5),
    (f"resources=VCPU:4&required={AVX512},CUSTOM_GPU_H100", 1),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Filled:
    """What is in the cloud.

    ``live`` are the consumers that the compute service would list. ``orphans`` are
    consumers that are not among them. ``cordoned``, ``quarantined`` and ``damaged`` are
    names of hosts; ``damaged`` has less memory than its instances use.
    """

    provider_count: int
    consumers: Sequence[str]
    live: Sequence[str]
    orphans: Sequence[str]
    holds: Sequence[str]
    cordoned: str
    quarantined: str
    damaged: str


def fill(client: Client, cloud: Cloud, rng: random.Random, report: Report) -> Filled:
    """Create the providers, place the instances, and let some things go wrong."""
    for trait in cloud.custom_traits:
        client.ensure_trait(trait)
    roots = list(cloud.roots)
    batches = list(Load(cloud, rng).batches())
    steps = len(roots) + len(batches)
    for number, root in enumerate(roots):
        report(number, steps)
        client.replace_tree(list(_tree(root)))
    for number, batch in enumerate(batches, len(roots)):
        report(number, steps)
        client.place(
            batch.wanted,
            order=batch.order,
            exclude=batch.exclude,
            group=batch.group,
            hold_seconds=batch.hold_seconds,
        )
    consumers = [str(each.consumer) for batch in batches for each in batch.wanted]
    orphans = set(rng.sample(_leakable(batches), max(3, len(consumers) // 100)))
    live = [each for each in consumers if each not in orphans]
    _set_limits(client)
    _search_in_vain(client)
    cordoned, damaged = (_general(cloud, 1, number) for number in (1, 2))
    quarantined = _general(cloud, 2, 1)
    client.cordon(cordoned.uuid, _CORDON_REASON)
    client.set_provider_state(
        quarantined.uuid, "quarantined", reason=_QUARANTINE_REASON
    )
    _damage(client, damaged)
    return Filled(
        sum(map(len, roots)),
        consumers,
        # Instances that are being built have no allocations yet.
        [*live, *(new_uuid(rng) for _ in range(2))],
        [each for each in consumers if each in orphans],
        [str(batch.wanted[0].consumer) for batch in batches if batch.hold_seconds],
        cordoned.name,
        quarantined.name,
        damaged.name,
    )


def _tree(node: Node, parent: str | None = None) -> Iterator[TreeProvider]:
    """Yield a provider and all below it, parents first."""
    yield TreeProvider(
        node.uuid, node.name, parent, node.inventories, node.traits, node.aggregates
    )
    for child in node.children:
        yield from _tree(child, node.uuid)


def _general(cloud: Cloud, zone: int, number: int) -> Node:
    return cloud.zones[zone].of_kind("compute")[number]


def _leakable(batches: Sequence[Batch]) -> list[str]:
    return [
        str(each.consumer)
        for batch in batches
        if not batch.hold_seconds and not batch.group
        for each in batch.wanted
    ]


def _set_limits(client: Client) -> None:
    """Limit a project to a little more than it uses."""
    usage = client.get_project_usages(LIMITED_PROJECT)["INSTANCE"]
    vcpus = usage.resources["VCPU"] + _ROOM_VCPUS
    client.replace_limits(
        LIMITED_PROJECT, {"VCPU": vcpus, "consumers": usage.consumer_count + 10}
    )


def _search_in_vain(client: Client) -> None:
    for query, count in _EMPTY_SEARCHES:
        for _ in range(count):
            client.get_candidates_by_query(query)


def _damage(client: Client, host: Node) -> None:
    """Let a host lose more of its memory than is free."""
    details = client.get_provider_details(host.uuid, ["inventories", "usages"])
    stored, used = details.inventories["MEMORY_MB"], details.used["MEMORY_MB"]
    left = stored.reserved + max(1, used // 2)
    client.replace_inventory(
        host.uuid,
        "MEMORY_MB",
        dataclasses.replace(stored, total=left, max_unit=left),
        details.provider.generation,
    )
