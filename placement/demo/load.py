"""The instances of the cloud of the demo, and the projects that they belong to."""

import dataclasses
import random
from collections.abc import Iterator, Sequence

from placement.client import Group, RequestGroup, Wanted, candidates_query
from placement.demo.cloud import (
    AVX512,
    GENERAL,
    GENERAL_MEMORY_MB,
    GENERAL_RESERVED_MB,
    H100,
    LARGE_MEMORY,
    MIG,
    PHYSNET,
    Cloud,
    Zone,
    new_uuid,
)

LIMITED_PROJECT = "ci"
DATABASE_GROUP = "shop-database"
GROUP_PROJECT = "web-shop"

# By project, its users and its share of the general instances.
_PROJECTS = {
    GROUP_PROJECT: (("alice", "bob"), 0.30),
    "analytics": (("carol",), 0.20),
    LIMITED_PROJECT: (("jenkins",), 0.10),
    "billing": (("dave", "erin"), 0.15),
    "intranet": (("frank",), 0.15),
    "staging": (("alice", "grace"), 0.10),
}
_FLAVORS = (
    {"VCPU": 1, "MEMORY_MB": 2_048, "DISK_GB": 10},
    {"VCPU": 2, "MEMORY_MB": 8_192, "DISK_GB": 40},
    {"VCPU": 4, "MEMORY_MB": 16_384, "DISK_GB": 80},
    {"VCPU": 8, "MEMORY_MB": 32_768, "DISK_GB": 160},
)
_FLAVOR_WEIGHTS = (3, 4, 3, 1)
# By zone, the share of the memory of its general hosts that is in use.
_FULL = {"az1": 0.78, "az2": 0.60, "az3": 0.30}

# Consumers in one request. The service begins at another host with each request, so
# that hosts get differently full.
_TOGETHER = 25
_HOLD_SECONDS = (900, 1800, 3600)


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """Consumers to place with one request."""

    wanted: Sequence[Wanted]
    order: str = "any"
    exclude: Sequence[str] = ()
    group: Group | None = None
    hold_seconds: int | None = None


class Load:
    """The batches for a cloud, which follow from the seed of ``rng``."""

    def __init__(self, cloud: Cloud, rng: random.Random) -> None:
        self._cloud = cloud
        self._rng = rng

    def batches(self) -> Iterator[Batch]:
        """Yield all batches, in the order in which to place them."""
        for zone in self._cloud.zones:
            yield from self._general(zone)
            yield self._large_memory(zone)
        yield self._network_functions()
        yield from self._gpus()
        yield self._database()
        for seconds in _HOLD_SECONDS:
            group = RequestGroup(_FLAVORS[1], (GENERAL,))
            wanted = self._wanted(LIMITED_PROJECT, "jenkins", [group])
            yield Batch([wanted], hold_seconds=seconds)

    def _general(self, zone: Zone) -> Iterator[Batch]:
        hosts = zone.of_kind("compute")
        newer = [host for host in hosts if AVX512 in host.traits]
        older = [host for host in hosts if AVX512 not in host.traits]
        idle = [host.uuid for host in older[-max(1, len(hosts) // 20) :]]
        # The newer hosts of the first zone are evenly full: nothing large fits there.
        order = "spread" if zone.name == "az1" else "any"
        for part, trait in ((newer, AVX512), (older[: -len(idle)], f"!{AVX512}")):
            memory_mb = len(part) * (GENERAL_MEMORY_MB - GENERAL_RESERVED_MB)
            wanted = self._many(memory_mb * _FULL[zone.name], zone, (GENERAL, trait))
            for start in range(0, len(wanted), _TOGETHER):
                # Instances of one size are placed next to each other.
                some = sorted(wanted[start : start + _TOGETHER], key=_query)
                yield Batch(some, order if part is newer else "any", idle)

    def _many(
        self, memory_mb: float, zone: Zone, required: tuple[str, ...]
    ) -> list[Wanted]:
        """Return instances of several projects and sizes with an amount of memory."""
        found = []
        while memory_mb > 0:
            (project,) = self._rng.choices(
                list(_PROJECTS), [share for _, share in _PROJECTS.values()]
            )
            user = self._rng.choice(_PROJECTS[project][0])
            (flavor,) = self._rng.choices(_FLAVORS, _FLAVOR_WEIGHTS)
            memory_mb -= flavor["MEMORY_MB"]
            group = RequestGroup(flavor, required, (zone.aggregate,))
            found.append(self._wanted(project, user, [group]))
        return found

    def _large_memory(self, zone: Zone) -> Batch:
        """Return databases in memory, which leave processors without memory."""
        group = RequestGroup(
            {"VCPU": 8, "MEMORY_MB": 245_760, "DISK_GB": 500},
            (LARGE_MEMORY,),
            (zone.aggregate,),
        )
        count = 6 * len(zone.of_kind("memory")) - 1
        wanted = [self._wanted("analytics", "carol", [group]) for _ in range(count)]
        return Batch(wanted, "pack")

    def _network_functions(self) -> Batch:
        groups = [
            RequestGroup({"PCPU": 8, "MEMORY_MB": 32_768}, suffix="_node"),
            RequestGroup({"SRIOV_NET_VF": 2}, (PHYSNET,), suffix="_port"),
        ]
        wanted = [
            self._wanted("network", "heidi", groups, same_subtree=[("_node", "_port")])
            for _ in range(4 * self._count("nfv"))
        ]
        return Batch(wanted, "spread")

    def _gpus(self) -> Iterator[Batch]:
        """Yield training jobs on every whole GPU, and notebooks on some MIG slices."""
        for device, trait, cpus, memory_mb, count in (
            ("PGPU", H100, 16, 196_608, 2 * self._count("gpu")),
            ("VGPU", MIG, 2, 16_384, 5 * self._count("gpu")),
        ):
            groups = [
                RequestGroup({"VCPU": cpus, "MEMORY_MB": memory_mb}, suffix="_node"),
                RequestGroup({device: 1}, (trait,), suffix="_gpu"),
            ]
            wanted = [
                self._wanted("ml", "ivan", groups, same_subtree=[("_node", "_gpu")])
                for _ in range(count)
            ]
            yield Batch(wanted, "pack")

    def _database(self) -> Batch:
        """Return the replicas of a database, which must not share a host."""
        group = RequestGroup(
            {"VCPU": 4, "MEMORY_MB": 16_384, "DISK_GB": 200}, (GENERAL,)
        )
        wanted = [self._wanted(GROUP_PROJECT, "alice", [group]) for _ in range(3)]
        return Batch(wanted, group=Group(DATABASE_GROUP, "anti-affinity"))

    def _count(self, kind: str) -> int:
        return sum(len(zone.of_kind(kind)) for zone in self._cloud.zones)

    def _wanted(
        self,
        project: str,
        user: str,
        groups: Sequence[RequestGroup],
        same_subtree: Sequence[tuple[str, str]] = (),
    ) -> Wanted:
        query = candidates_query(
            groups, "none" if len(groups) > 1 else None, same_subtree=same_subtree
        )
        return Wanted(new_uuid(self._rng), query, project, user, "INSTANCE")


def _query(wanted: Wanted) -> str:
    return wanted.query
