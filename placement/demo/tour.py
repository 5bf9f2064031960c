"""The commands that the demo suggests, and what each of them shows."""

import typing
from collections.abc import Iterator

from placement.demo.cloud import AVX512, GENERAL, Cloud
from placement.demo.fill import Filled
from placement.demo.load import LIMITED_PROJECT

# More than the newer hosts of the first zone have free.
_LARGE = "MEMORY_MB=131072"


# A file in the state directory, with the instances that the compute service lists.
LIVE_FILE = "live-instances"


class Step(typing.NamedTuple):
    command: str
    shows: str


def steps(cloud: Cloud, filled: Filled) -> Iterator[Step]:
    """Yield the commands, for a shell that has the state directory of the server."""
    first = cloud.zones[0]
    (gpu, *_) = first.of_kind("gpu")
    yield Step(
        "placement providers --roots --sort fullness --limit 5",
        f"the fullest hosts; {filled.damaged} has lost memory and is over its capacity",
    )
    yield Step(
        f"placement show {gpu.name}",
        "a host with NUMA nodes, GPUs and MIG slices",
    )
    yield Step(
        "placement capacity VCPU=4 MEMORY_MB=16384 --by-aggregate",
        "how many more of these fit, in the cloud and in each zone; az1 is "
        f"{first.aggregate}",
    )
    yield Step(
        f"placement why {_LARGE} --required {GENERAL},{AVX512} "
        f"--member-of {first.aggregate}",
        "why this request does not fit in az1, and what to change",
    )
    yield Step(
        f"placement why VCPU=2 --on {filled.cordoned}",
        "why a host with free room takes nothing: it is cordoned",
    )
    yield Step(
        f"placement consumers audit --older-than 0 $PLACEMENT_STATE_DIR/{LIVE_FILE}",
        f"{len(filled.orphans)} instances that hold resources, and that the compute "
        "service does not list",
    )
    yield Step(
        "placement place VCPU=2 MEMORY_MB=4096 --count 3 --together web",
        "three instances on three hosts, by anti-affinity",
    )
    yield Step(
        f"placement place VCPU=8 MEMORY_MB=4096 --project {LIMITED_PROJECT}",
        f"a refusal: the project {LIMITED_PROJECT} is at its limit of VCPU",
    )
    yield Step(f"placement limits show {LIMITED_PROJECT}", "that limit")
    yield Step(
        "placement holds",
        f"{len(filled.holds)} claims that expire unless they are confirmed",
    )
    yield Step(
        f"placement drain {filled.damaged}",
        "the host cordoned, and where its instances can go",
    )
    yield Step(
        f"placement uncordon {filled.cordoned}", "the cordoned host back in service"
    )
