"""Searches to measure, each with a cloud and a goal."""

import dataclasses
import functools
import random
import urllib.parse

from benchmarks import clouds, day
from benchmarks.rows import Goal

LIMIT = 1000


@dataclasses.dataclass(frozen=True)
class Search:
    """A search for candidates; ``shape`` returns the cloud to search."""

    shape: clouds.Shape
    query: str

    @property
    def path(self) -> str:
        return f"/allocation_candidates?{self.query}"


@dataclasses.dataclass(frozen=True)
class AgainstPeer:
    """The same search on our service and on the peer.

    ``draw`` draws similar searches for a day, with the goal ``day_goal``.
    """

    name: str
    search: Search
    goal: Goal
    draw: day.Draw | None = None
    day_goal: Goal | None = None


@dataclasses.dataclass(frozen=True)
class Growth:
    """A search on our service at two sizes; the goal is for the ratio of the times."""

    name: str
    small: Search
    large: Search
    goal: Goal
    draw: day.Draw | None = None
    day_goal: Goal | None = None


FLAT_1000 = functools.partial(clouds.flat, 1000)
_FLAT_1000_FULL = functools.partial(clouds.flat, 1000, consumers=1000)
FLAT_10000 = functools.partial(clouds.flat, 10_000)
FLAT_100000 = functools.partial(clouds.flat, 100_000)
_NESTED = functools.partial(clouds.nested, 1000)
_SHARING = functools.partial(clouds.sharing, 1000, pools=2)
_WIDE_8 = functools.partial(clouds.wide, 100, devices=8)
_WIDE_16 = functools.partial(clouds.wide, 100, devices=16)
_UNITS_10 = functools.partial(clouds.wide, 100, devices=10, units=3)
_UNITS_16 = functools.partial(clouds.wide, 100, devices=16, units=3)


def _resources(**amounts: int) -> str:
    return ",".join(f"{name}:{amount}" for name, amount in amounts.items())


def _query(*parameters: tuple[str, str | int]) -> str:
    return urllib.parse.urlencode(parameters)


_CLAIM = ("resources", _resources(**clouds.CLAIM))
_LIMIT = ("limit", LIMIT)
_FILTERS = (
    ("required", f"HW_CPU_AARCH64_AES,{clouds.FAST},!{clouds.DRAINED}"),
    ("member_of", f"in:{clouds.zone(1)},{clouds.zone(2)}"),
)
# An amount of VCPU that every host has in total, but none has free.
_TOO_MUCH = ("resources", _resources(**{**clouds.CLAIM, "VCPU": clouds.HOST["VCPU"]}))


def _flavor(rng: random.Random) -> dict[str, int]:
    """Draw one of 200 flavors; each fits on every host."""
    number = rng.randrange(day.FLAVORS)
    return {
        "VCPU": 1 + number % 8,
        "MEMORY_MB": 512 * (1 + number % 25),
        "DISK_GB": 10 * (1 + number % 4),
    }


def _drawn(*others: tuple[str, str | int]) -> day.Draw:
    """Return a function that draws a flavor and adds the parameters ``others``."""

    def draw(rng: random.Random) -> str:
        return _query(("resources", _resources(**_flavor(rng))), *others)

    return draw


draw_flavor = _drawn(_LIMIT)


def _drawn_filters(rng: random.Random) -> str:
    """Draw a flavor, two of 20 aggregates and one of 10 sets of traits."""
    aggregates = [clouds.zone(number) for number in range(clouds.ZONES)]
    aggregates += [clouds.tenant(number) for number in range(clouds.ZONES)]
    first = rng.randrange(0, len(aggregates), 2)
    wanted = clouds.FAST if rng.randrange(2) else clouds.SLOW
    avoided = clouds.DRAINED if rng.randrange(2) else clouds.OPEN
    avoided = f"!{avoided}" if avoided == clouds.DRAINED else clouds.OPEN
    common = ("AARCH64_AES", "X86_AVX", "X86_AVX2", "X86_SSE", "X86_BMI")
    traits = f"HW_CPU_{rng.choice(common)},{wanted},{avoided}"
    return _query(
        ("resources", _resources(**_flavor(rng))),
        ("required", traits),
        ("member_of", f"in:{aggregates[first]},{aggregates[first + 1]}"),
        _LIMIT,
    )


def _drawn_too_much(rng: random.Random) -> str:
    """Draw an amount that every host has in total, but none has free."""
    used = 10 * clouds.CLAIM["MEMORY_MB"]
    left = clouds.HOST["MEMORY_MB"] - used
    amounts = {**_flavor(rng), "MEMORY_MB": left + 1 + rng.randrange(used - 1)}
    return _query(("resources", _resources(**amounts)), _LIMIT)


_PORT = _resources(
    SRIOV_NET_VF=1,
    NET_BW_EGR_KILOBIT_PER_SEC=100_000,
    NET_BW_IGR_KILOBIT_PER_SEC=100_000,
)
_GRANULAR = (
    ("resources", _resources(DISK_GB=10)),
    ("resources_NUMA", _resources(VCPU=2, MEMORY_MB=4096)),
    ("required_NUMA", clouds.NUMA_NODE),
    ("resources_GPU", _resources(VGPU=1)),
    ("same_subtree", "_NUMA,_GPU"),
    ("resources_PORT1", _PORT),
    ("required_PORT1", clouds.DIRECT_PORT),
    ("resources_PORT2", _PORT),
    ("required_PORT2", clouds.DIRECT_PORT),
    ("group_policy", "isolate"),
)


def _devices(count: int, policy: str) -> str:
    groups = [
        (f"resources{number}", _resources(PCI_DEVICE=1))
        for number in range(1, count + 1)
    ]
    return _query(_CLAIM, *groups, ("group_policy", policy), _LIMIT)


def _drawn_granular(rng: random.Random) -> str:
    flavor = _flavor(rng)
    groups = dict(_GRANULAR)
    groups["resources"] = _resources(DISK_GB=flavor.pop("DISK_GB"))
    groups["resources_NUMA"] = _resources(**flavor)
    return _query(*groups.items(), _LIMIT)


def _drawn_devices(count: int, policy: str) -> day.Draw:
    devices = urllib.parse.parse_qsl(_devices(count, policy))
    return _drawn(*(pair for pair in devices if pair[0] != "resources"))


def _too_many_groups(count: int) -> str:
    groups = [
        (f"resources{number}", _resources(PCI_DEVICE=2))
        for number in range(1, count + 1)
    ]
    return _query(*groups, ("group_policy", "none"), _LIMIT)


FLAT = Search(FLAT_1000, _query(_CLAIM, _LIMIT))
ONE_HOST = Search(FLAT_1000, _query(_CLAIM, ("in_tree", clouds.host_uuid(1))))


def _day(bound: float, is_least: bool = True) -> Goal:
    return Goal(bound, is_least, by_processor_only=True)


# Searches of the same cloud are adjacent.
SEARCHES: list[AgainstPeer | Growth] = [
    AgainstPeer(
        "flat, 1,000 hosts, limit=1000", FLAT, Goal(20), _drawn(_LIMIT), _day(40)
    ),
    AgainstPeer(
        "flat, 1,000 hosts, no limit", Search(FLAT_1000, _query(_CLAIM)), Goal(12)
    ),
    Growth(
        "growth, from 10 to 1,000 consumers per host",
        FLAT,
        dataclasses.replace(FLAT, shape=_FLAT_1000_FULL),
        Goal(1.2, is_least=False),
    ),
    AgainstPeer(
        "flat, 10,000 hosts, limit=1000",
        Search(FLAT_10000, _query(_CLAIM, _LIMIT)),
        Goal(100),
        _drawn(_LIMIT),
        _day(100),
    ),
    AgainstPeer(
        "flat, 10,000 hosts, root_required of a trait of all, limit=1000",
        Search(FLAT_10000, _query(_CLAIM, ("root_required", clouds.COMPUTE), _LIMIT)),
        Goal(40),
        _drawn(("root_required", clouds.COMPUTE), _LIMIT),
        _day(40),
    ),
    AgainstPeer(
        "flat, 10,000 hosts, limit=10",
        Search(FLAT_10000, _query(_CLAIM, ("limit", 10))),
        Goal(300),
        _drawn(("limit", 10)),
        _day(300),
    ),
    AgainstPeer(
        "flat, 10,000 hosts, required and forbidden traits, member_of, limit=1000",
        Search(FLAT_10000, _query(_CLAIM, *_FILTERS, _LIMIT)),
        Goal(20),
        _drawn_filters,
        _day(40),
    ),
    AgainstPeer(
        "flat, 10,000 hosts, in_tree of one host",
        Search(FLAT_10000, _query(_CLAIM, ("in_tree", clouds.host_uuid(5000)), _LIMIT)),
        Goal(40),
    ),
    AgainstPeer(
        "flat, 10,000 hosts, no host fits",
        Search(FLAT_10000, _query(_TOO_MUCH, _LIMIT)),
        Goal(5),
        _drawn_too_much,
        _day(10),
    ),
    AgainstPeer(
        "flat, 10,000 hosts, no limit",
        Search(FLAT_10000, _query(_CLAIM)),
        Goal(12),
    ),
    Growth(
        "growth, from 10,000 to 100,000 hosts, limit=1000",
        Search(FLAT_10000, _query(_CLAIM, _LIMIT)),
        Search(FLAT_100000, _query(_CLAIM, _LIMIT)),
        Goal(2, is_least=False),
        _drawn(_LIMIT),
        _day(1.5, is_least=False),
    ),
    AgainstPeer(
        "nested, 1,000 trees of 8, isolate and same_subtree, limit=1000",
        Search(_NESTED, _query(*_GRANULAR, _LIMIT)),
        Goal(15),
        _drawn_granular,
        _day(15),
    ),
    AgainstPeer(
        "sharing storage, 1,000 hosts in 2 pools, limit=1000",
        Search(_SHARING, _query(_CLAIM, _LIMIT)),
        Goal(10),
        _drawn(_LIMIT),
        _day(20),
    ),
    AgainstPeer(
        "wide, 8 devices, 8 groups, 100 hosts, limit=1000, isolate",
        Search(_WIDE_8, _devices(8, "isolate")),
        Goal(20),
        _drawn_devices(8, "isolate"),
        _day(20),
    ),
    AgainstPeer(
        "wide, 8 devices, 8 groups, 100 hosts, limit=1000, none",
        Search(_WIDE_8, _devices(8, "none")),
        Goal(20),
        _drawn_devices(8, "none"),
        _day(20),
    ),
    Growth(
        "wide, 16 devices, 16 groups, 100 hosts, limit=1000, isolate",
        Search(_WIDE_8, _devices(8, "isolate")),
        Search(_WIDE_16, _devices(16, "isolate")),
        Goal(5, is_least=False),
    ),
    Growth(
        "wide, 16 devices, 16 groups, 100 hosts, limit=1000, none",
        Search(_WIDE_8, _devices(8, "none")),
        Search(_WIDE_16, _devices(16, "none")),
        Goal(5, is_least=False),
    ),
    Growth(
        "10 devices of 3 units, 11 groups of 2, to 16 devices, 17 groups",
        Search(_UNITS_10, _too_many_groups(11)),
        Search(_UNITS_16, _too_many_groups(17)),
        Goal(5, is_least=False),
    ),
]
