"""The hosts, shared storage and zones of the cloud of the demo."""

import dataclasses
import random
import typing
import uuid
from collections.abc import Callable, Iterator, Mapping

from placement.client import Inventory

HOSTS_MIN, HOSTS_MAX = 20, 10_000

GENERAL = "CUSTOM_GENERAL_PURPOSE"
LARGE_MEMORY = "CUSTOM_LARGE_MEMORY"
AVX512 = "HW_CPU_X86_AVX512F"
NUMA = "HW_NUMA_ROOT"
PHYSNET = "CUSTOM_PHYSNET_EDGE"
H100, MIG = "CUSTOM_GPU_H100", "CUSTOM_MIG_1G_10GB"

GENERAL_MEMORY_MB, GENERAL_RESERVED_MB = 262_144, 8_192

# By zone, its share of the hosts.
_ZONES = {"az1": 0.40, "az2": 0.35, "az3": 0.25}
# By kind, its share of the hosts of a zone, which has one at least. The other hosts are
# for general purposes.
_KINDS = {"memory": 0.08, "nfv": 0.08, "gpu": 0.05}
_NUMA_NODES, _GPUS_OF_NODE = 2, 2


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """A provider to create, with all below it."""

    name: str
    uuid: str
    inventories: Mapping[str, Inventory]
    traits: frozenset[str]
    aggregates: frozenset[str] = frozenset()
    children: tuple["Node", ...] = ()

    def __len__(self) -> int:
        """The number of providers."""
        return 1 + sum(map(len, self.children))


@dataclasses.dataclass(frozen=True, slots=True)
class Zone:
    """A zone: an aggregate of hosts, and the storage that they share."""

    name: str
    aggregate: str
    pool: Node | None
    hosts: tuple[Node, ...]

    def of_kind(self, kind: str) -> list[Node]:
        """Return the hosts whose names begin with ``kind``."""
        return [host for host in self.hosts if host.name.startswith(f"{kind}-")]


@dataclasses.dataclass(frozen=True, slots=True)
class Cloud:
    zones: tuple[Zone, ...]

    @property
    def roots(self) -> Iterator[Node]:
        """The pools and hosts, in the order in which to create them."""
        for zone in self.zones:
            if zone.pool is not None:
                yield zone.pool
            yield from zone.hosts

    @property
    def hosts(self) -> list[Node]:
        return [host for zone in self.zones for host in zone.hosts]

    @property
    def custom_traits(self) -> list[str]:
        """The traits to create before the providers."""
        return [GENERAL, LARGE_MEMORY, PHYSNET, H100, MIG]

    def host(self, name: str) -> Node:
        """Return the host with a name."""
        return next(host for host in self.hosts if host.name == name)


def new_uuid(rng: random.Random) -> str:
    """Return a uuid that follows from the seed of ``rng``."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def draw(host_count: int, rng: random.Random) -> Cloud:
    """Return a cloud of ``host_count`` hosts, with uuids from ``rng``.

    ``host_count`` is from ``HOSTS_MIN`` to ``HOSTS_MAX``.
    """
    counts = {name: round(host_count * share) for name, share in _ZONES.items()}
    counts["az3"] += host_count - sum(counts.values())
    return Cloud(tuple(_zone(name, count, rng) for name, count in counts.items()))


def _zone(name: str, host_count: int, rng: random.Random) -> Zone:
    # The hosts of the last zone have disks.
    aggregate = new_uuid(rng)
    pool = None if name == "az3" else _pool(name, aggregate, host_count, rng)
    site = _Site(aggregate, pool is None, rng)
    of_kind = {
        kind: max(1, round(host_count * share)) for kind, share in _KINDS.items()
    }
    of_kind = {"compute": host_count - sum(of_kind.values()), **of_kind}
    hosts = tuple(
        _BUILDERS[kind](site, f"{kind}-{name}-{number:03}", number)
        for kind, count in of_kind.items()
        for number in range(1, count + 1)
    )
    return Zone(name, site.aggregate, pool, hosts)


def _pool(zone: str, aggregate: str, host_count: int, rng: random.Random) -> Node:
    return Node(
        f"ceph-{zone}",
        new_uuid(rng),
        {"DISK_GB": Inventory(host_count * 2_000, reserved=host_count * 100)},
        frozenset({"MISC_SHARES_VIA_AGGREGATE", "STORAGE_DISK_SSD"}),
        frozenset({aggregate}),
    )


class _Site(typing.NamedTuple):
    """What the hosts of a zone have in common."""

    aggregate: str
    has_disks: bool
    rng: random.Random

    def host(
        self, name: str, inventories: Mapping[str, Inventory], traits: set[str]
    ) -> Node:
        """Return a host, with a disk unless the zone has a pool."""
        if self.has_disks:
            inventories = {**inventories, "DISK_GB": Inventory(3_500, reserved=100)}
        return Node(
            name,
            new_uuid(self.rng),
            inventories,
            frozenset({"COMPUTE_NODE", "HW_CPU_X86_AVX2", *traits}),
            frozenset({self.aggregate}),
        )

    def numa_host(
        self,
        name: str,
        of_node: Mapping[str, Inventory],
        devices: Callable[[str, int], tuple[Node, ...]],
    ) -> Node:
        """Return a host with a disk, and NUMA nodes with the devices of each."""
        nodes = tuple(
            Node(
                f"{name}_NUMA_{at}",
                new_uuid(self.rng),
                of_node,
                frozenset({NUMA, "HW_CPU_X86_AVX2", AVX512}),
                children=devices(f"{name}_NUMA_{at}", at),
            )
            for at in range(_NUMA_NODES)
        )
        return Node(
            name,
            new_uuid(self.rng),
            {"DISK_GB": Inventory(7_000, reserved=100)},
            frozenset({"COMPUTE_NODE"}),
            frozenset({self.aggregate}),
            nodes,
        )


def _compute(site: _Site, name: str, number: int) -> Node:
    """Return a host for general purposes; every second one is of a newer generation."""
    return site.host(
        name,
        {
            "VCPU": Inventory(64, max_unit=64, allocation_ratio=2.0),
            "MEMORY_MB": Inventory(
                GENERAL_MEMORY_MB,
                reserved=GENERAL_RESERVED_MB,
                max_unit=GENERAL_MEMORY_MB,
            ),
        },
        {GENERAL, AVX512} if number % 2 else {GENERAL},
    )


def _memory(site: _Site, name: str, _number: int) -> Node:
    return site.host(
        name,
        {
            "VCPU": Inventory(96, max_unit=96),
            "MEMORY_MB": Inventory(1_572_864, reserved=16_384, max_unit=1_572_864),
        },
        {LARGE_MEMORY, AVX512},
    )


def _nfv(site: _Site, name: str, _number: int) -> Node:
    """Return a host with dedicated processors, and a network card at each NUMA node."""

    def network_card(node: str, _at: int) -> tuple[Node, ...]:
        card = Node(
            f"{node}_ens1f0",
            new_uuid(site.rng),
            {"SRIOV_NET_VF": Inventory(16, max_unit=16)},
            frozenset({"HW_NIC_SRIOV", PHYSNET}),
        )
        return (card,)

    return site.numa_host(
        name,
        {
            "PCPU": Inventory(32, reserved=2, max_unit=32),
            "MEMORY_MB": Inventory(196_608, reserved=4_096, max_unit=196_608),
        },
        network_card,
    )


def _gpu(site: _Site, name: str, _number: int) -> Node:
    """Return a host with whole GPUs at one NUMA node, and MIG slices at the other."""

    def gpus(node: str, at: int) -> tuple[Node, ...]:
        offer = {"VGPU": Inventory(7, max_unit=1)} if at else {"PGPU": Inventory(1)}
        return tuple(
            Node(
                f"{node}_GPU_{number}",
                new_uuid(site.rng),
                offer,
                frozenset({H100, MIG} if at else {H100}),
            )
            for number in range(_GPUS_OF_NODE)
        )

    return site.numa_host(
        name,
        {
            "VCPU": Inventory(48, max_unit=48),
            "MEMORY_MB": Inventory(524_288, reserved=8_192, max_unit=524_288),
        },
        gpus,
    )


_BUILDERS: Mapping[str, Callable[[_Site, str, int], Node]] = {
    "compute": _compute,
    "memory": _memory,
    "nfv": _nfv,
    "gpu": _gpu,
}
