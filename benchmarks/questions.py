"""What is asked of which cloud, and what the answer must reach."""

import dataclasses
import functools
import urllib.parse

from benchmarks import clouds
from benchmarks.rows import Goal

LIMIT = 1000


@dataclasses.dataclass(frozen=True)
class Question:
    """A search for candidates; ``shape`` makes the cloud that it is asked of."""

    shape: clouds.Shape
    query: str

    @property
    def path(self) -> str:
        return f"/allocation_candidates?{self.query}"


@dataclasses.dataclass(frozen=True)
class AgainstPeer:
    """The same question to us and to the peer."""

    name: str
    question: Question
    goal: Goal


@dataclasses.dataclass(frozen=True)
class Growth:
    """A question to us, and a larger one; the goal is for what it takes more."""

    name: str
    small: Question
    large: Question
    goal: Goal


FLAT_1000 = functools.partial(clouds.flat, 1000)
_FLAT_1000_FULL = functools.partial(clouds.flat, 1000, consumers=1000)
_FLAT_10000 = functools.partial(clouds.flat, 10_000)
_FLAT_100000 = functools.partial(clouds.flat, 100_000)
_NESTED = functools.partial(clouds.nested, 1000)
_SHARING = functools.partial(clouds.sharing, 1000, pools=2)
_WIDE_8 = functools.partial(clouds.wide, 100, devices=8)
_WIDE_16 = functools.partial(clouds.wide, 100, devices=16)


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
# More than any host has left of what each of them has.
_TOO_MUCH = ("resources", _resources(**{**clouds.CLAIM, "VCPU": clouds.HOST["VCPU"]}))

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


FLAT = Question(FLAT_1000, _query(_CLAIM, _LIMIT))
ONE_HOST = Question(FLAT_1000, _query(_CLAIM, ("in_tree", clouds.host_uuid(1))))

# In such an order that those of the same cloud follow each other.
QUESTIONS: list[AgainstPeer | Growth] = [
    AgainstPeer("flat, 1,000 hosts, limit=1000", FLAT, Goal(20)),
    AgainstPeer(
        "flat, 1,000 hosts, no limit", Question(FLAT_1000, _query(_CLAIM)), Goal(12)
    ),
    Growth(
        "growth, from 10 to 1,000 consumers per host",
        FLAT,
        dataclasses.replace(FLAT, shape=_FLAT_1000_FULL),
        Goal(1.2, is_least=False),
    ),
    AgainstPeer(
        "flat, 10,000 hosts, limit=1000",
        Question(_FLAT_10000, _query(_CLAIM, _LIMIT)),
        Goal(100),
    ),
    AgainstPeer(
        "flat, 10,000 hosts, limit=10",
        Question(_FLAT_10000, _query(_CLAIM, ("limit", 10))),
        Goal(300),
    ),
    AgainstPeer(
        "flat, 10,000 hosts, required and forbidden traits, member_of, limit=1000",
        Question(_FLAT_10000, _query(_CLAIM, *_FILTERS, _LIMIT)),
        Goal(60),
    ),
    AgainstPeer(
        "flat, 10,000 hosts, in_tree of one host",
        Question(
            _FLAT_10000, _query(_CLAIM, ("in_tree", clouds.host_uuid(5000)), _LIMIT)
        ),
        Goal(40),
    ),
    AgainstPeer(
        "flat, 10,000 hosts, nobody can serve it",
        Question(_FLAT_10000, _query(_TOO_MUCH, _LIMIT)),
        Goal(10),
    ),
    AgainstPeer(
        "flat, 10,000 hosts, no limit",
        Question(_FLAT_10000, _query(_CLAIM)),
        Goal(12),
    ),
    Growth(
        "growth, from 10,000 to 100,000 hosts, limit=1000",
        Question(_FLAT_10000, _query(_CLAIM, _LIMIT)),
        Question(_FLAT_100000, _query(_CLAIM, _LIMIT)),
        Goal(2, is_least=False),
    ),
    AgainstPeer(
        "nested, 1,000 trees of 8, isolate and same_subtree, limit=1000",
        Question(_NESTED, _query(*_GRANULAR, _LIMIT)),
        Goal(15),
    ),
    AgainstPeer(
        "sharing storage, 1,000 hosts in 2 pools, limit=1000",
        Question(_SHARING, _query(_CLAIM, _LIMIT)),
        Goal(20),
    ),
    AgainstPeer(
        "wide, 8 devices, 8 groups, 100 hosts, limit=1000, isolate",
        Question(_WIDE_8, _devices(8, "isolate")),
        Goal(20),
    ),
    AgainstPeer(
        "wide, 8 devices, 8 groups, 100 hosts, limit=1000, none",
        Question(_WIDE_8, _devices(8, "none")),
        Goal(20),
    ),
    Growth(
        "wide, 16 devices, 16 groups, 100 hosts, limit=1000, isolate",
        Question(_WIDE_8, _devices(8, "isolate")),
        Question(_WIDE_16, _devices(16, "isolate")),
        Goal(5, is_least=False),
    ),
    Growth(
        "wide, 16 devices, 16 groups, 100 hosts, limit=1000, none",
        Question(_WIDE_8, _devices(8, "none")),
        Question(_WIDE_16, _devices(16, "none")),
        Goal(5, is_least=False),
    ),
]
