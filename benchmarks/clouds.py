"""Test clouds of several shapes, as plain values; ``loading`` writes them."""

import collections.abc
import dataclasses
import uuid

import os_traits

# The amounts of each consumer on its host, and of each claim.
CLAIM = {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 10}

# Capacity for more than 1,000 such consumers.
HOST = {"VCPU": 2048, "MEMORY_MB": 1_048_576, "DISK_GB": 20_480}

TRAITS_PER_HOST = 60
ZONES = 10

# Two hosts of three are fast; every seventh is drained.
FAST, SLOW = "CUSTOM_FAST", "CUSTOM_SLOW"
DRAINED, OPEN = "CUSTOM_DRAINED", "CUSTOM_OPEN"

# The trait of every compute host that Nova 34 requires.
COMPUTE = "COMPUTE_NODE"

NUMA_NODE = "HW_NUMA_ROOT"
DIRECT_PORT = "CUSTOM_VNIC_TYPE_DIRECT"
_SHARING = "MISC_SHARES_VIA_AGGREGATE"


@dataclasses.dataclass(frozen=True)
class Provider:
    """A provider; ``totals`` are units by class. Its parent comes before it."""

    uuid: str
    name: str
    totals: collections.abc.Mapping[str, int]
    traits: collections.abc.Sequence[str] = ()
    aggregates: collections.abc.Sequence[str] = ()
    parent: str | None = None


@dataclasses.dataclass(frozen=True)
class Cloud:
    """A descriptive name, and the providers, parents first.

    Each root has ``consumers`` consumers, with the amounts of a claim each.
    """

    name: str
    providers: collections.abc.Sequence[Provider]
    consumers: int = 0


# Returns a cloud; the same object returns the same cloud each time.
Shape = collections.abc.Callable[[], Cloud]


def flat(hosts: int, consumers: int = 10) -> Cloud:
    """Return hosts of three classes without children.

    Each is in one of ten zones, and in the aggregate of one of ten tenants.
    """
    return Cloud(
        f"{hosts} hosts, {len(HOST)} classes, {TRAITS_PER_HOST} traits and "
        f"{consumers} consumers each",
        [
            _host(number, HOST, [zone(number % ZONES), tenant(number // ZONES % ZONES)])
            for number in _numbers(hosts)
        ],
        consumers,
    )


def plain(hosts: int, consumers: int = 1) -> Cloud:
    """Return hosts of three classes with 3 traits, in one of ten zones each."""
    return Cloud(
        f"{hosts} hosts, {len(HOST)} classes, 3 traits, 1 aggregate and {consumers} "
        "consumers each",
        [
            dataclasses.replace(
                _host(number, HOST, [zone(number % ZONES)]), traits=_own(number)
            )
            for number in _numbers(hosts)
        ],
        consumers,
    )


def varied(hosts: int, consumers: int = 10) -> Cloud:
    """Return flat hosts with 3 aggregates and 30 traits, in 70 combinations."""
    known = os_traits.get_traits(prefix="HW_CPU_")[:70]
    return Cloud(
        f"{hosts} hosts, {len(HOST)} classes, 30 traits, 3 aggregates and {consumers} "
        "consumers each",
        [
            Provider(
                host_uuid(number),
                f"host-{number}",
                HOST,
                [known[(number + 2 * each) % len(known)] for each in range(30)],
                [
                    zone(number % ZONES),
                    tenant(number // ZONES % ZONES),
                    uuid_of("rack", number // 40),
                ],
            )
            for number in _numbers(hosts)
        ],
        consumers,
    )


def nested(hosts: int) -> Cloud:
    """Return trees of 8: a host, 2 NUMA nodes with a GPU each, an agent with 2 ports.

    The ports are physical functions with virtual functions and bandwidth.
    """
    return Cloud(
        f"{hosts} trees of 8: NUMA nodes, GPUs, ports",
        [each for number in _numbers(hosts) for each in _nested_tree(number)],
    )


def sharing(hosts: int, pools: int) -> Cloud:
    """Return hosts without disks, and storage pools that share disk with them."""
    pool_providers = [
        Provider(
            uuid_of("pool", number),
            f"pool-{number}",
            {"DISK_GB": 10_000_000},
            [_SHARING],
            [zone(number)],
        )
        for number in range(pools)
    ]
    totals = {name: total for name, total in HOST.items() if name != "DISK_GB"}
    host_providers = [
        _host(number, totals, [zone(number % pools)]) for number in _numbers(hosts)
    ]
    return Cloud(
        f"{hosts} hosts, {pools} shared pools", pool_providers + host_providers
    )


def wide(hosts: int, devices: int, units: int = 1) -> Cloud:
    """Return hosts with ``devices`` equal children of ``units`` PCI devices each."""
    providers = []
    for number in _numbers(hosts):
        host = _host(number, HOST)
        providers.append(host)
        for device in range(devices):
            name = f"{host.name}-device-{device}"
            providers.append(
                Provider(
                    uuid_of("device", number, device),
                    name,
                    {"PCI_DEVICE": units},
                    parent=host.uuid,
                )
            )
    return Cloud(f"{hosts} hosts with {devices} children of {units} devices", providers)


def host_uuid(number: int) -> str:
    """Return the uuid of a host; numbers start at 1."""
    return uuid_of("host", number)


def zone(number: int) -> str:
    """Return the uuid of a zone's aggregate; numbers start at 0."""
    return uuid_of("zone", number)


def tenant(number: int) -> str:
    """Return the uuid of the aggregate of one of ten tenants."""
    return uuid_of("tenant", number)


def uuid_of(kind: str, *numbers: int) -> str:
    """Return the uuid of a kind and numbers; it is the same in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{numbers}"))


def _numbers(hosts: int) -> range:
    return range(1, hosts + 1)


def _own(number: int) -> tuple[str, str, str]:
    """Return the traits that differ between hosts, and that of all compute hosts."""
    return FAST if number % 3 else SLOW, OPEN if number % 7 else DRAINED, COMPUTE


def _host(
    number: int,
    totals: collections.abc.Mapping[str, int],
    aggregates: collections.abc.Sequence[str] = (),
) -> Provider:
    own = _own(number)
    common = os_traits.get_traits(prefix="HW_CPU_")[: TRAITS_PER_HOST - len(own)]
    return Provider(
        host_uuid(number), f"host-{number}", totals, [*common, *own], aggregates
    )


def _nested_tree(number: int) -> collections.abc.Iterator[Provider]:
    host = _host(number, {"DISK_GB": HOST["DISK_GB"]})
    yield host

    def child(
        kind: str,
        totals: dict[str, int],
        parent: Provider,
        *traits: str,
        which: int = 0,
    ) -> Provider:
        return Provider(
            uuid_of(kind, number, which),
            f"{host.name}-{kind}-{which}",
            totals,
            traits,
            parent=parent.uuid,
        )

    for which in range(2):
        node = child(
            "numa", {"VCPU": 64, "MEMORY_MB": 262_144}, host, NUMA_NODE, which=which
        )
        yield node
        yield child("gpu", {"VGPU": 8}, node, which=which)
    agent = child("agent", {}, host)
    yield agent
    for which in range(2):
        bandwidth = {
            "NET_BW_EGR_KILOBIT_PER_SEC": 10_000_000,
            "NET_BW_IGR_KILOBIT_PER_SEC": 10_000_000,
        }
        ports = {"SRIOV_NET_VF": 16, **bandwidth}
        yield child("port", ports, agent, DIRECT_PORT, which=which)
