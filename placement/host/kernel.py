"""What the kernel says about the machine, read below a root directory.

The root is ``/`` on a real machine; a copy of the few files does as well. What the
kernel does not give is absent: None, empty or no node.
"""

import dataclasses
import os
import pathlib
import typing
from collections.abc import Callable

_KIB_PER_MIB = 1024
_BYTES_PER_GIB = 1024**3

_T = typing.TypeVar("_T")


class KernelError(Exception):
    """A file of the kernel has not the form that it should have."""


@dataclasses.dataclass(frozen=True, slots=True)
class Processor:
    """What all processors of the machine have in common.

    ``flags`` are those of the kernel that every processor has; ``has_threads`` says
    that a core runs several threads at once.
    """

    vendor: str | None = None
    flags: frozenset[str] = frozenset()
    has_threads: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """One NUMA node: its online CPUs, and its memory in mebibytes."""

    number: int
    cpus: int
    memory_mb: int


@dataclasses.dataclass(frozen=True, slots=True)
class Machine:
    """The facts about one machine: memory in mebibytes, disk in gibibytes."""

    cpus: int
    memory_mb: int | None
    disk_gb: int | None
    processor: Processor = Processor()
    nodes: tuple[Node, ...] = ()


def read_machine(root: pathlib.Path, disk_path: pathlib.Path) -> Machine:
    """Return what the kernel says about the machine.

    ``disk_path`` chooses the file system that counts as its disk; where the path does
    not exist yet, the one that it would be on.

    Raises KernelError for a file that is not understood, OSError for one that exists
    and cannot be read.
    """
    return Machine(
        cpus=len(online_cpus(root)),
        memory_mb=memory_mb(root),
        disk_gb=disk_gb(disk_path),
        processor=processor(root),
        nodes=numa_nodes(root),
    )


def processor(root: pathlib.Path) -> Processor:
    """Return what /proc/cpuinfo says of every processor alike.

    The flags are in the field ``flags`` on x86 and ``Features`` on ARM. Machines may
    have processors of two kinds: what only one kind has is left out.
    """
    return _parsed(root / "proc/cpuinfo", _processor)


def _processor(cpuinfo: str) -> Processor:
    blocks = [_fields(block) for block in cpuinfo.split("\n\n") if block.strip()]
    listed = [
        frozenset((block.get("flags") or block["Features"]).split())
        for block in blocks
        if "flags" in block or "Features" in block
    ]
    vendors = {block["vendor_id"] for block in blocks if "vendor_id" in block}
    return Processor(
        vendor=vendors.pop() if len(vendors) == 1 else None,
        flags=frozenset.intersection(*listed) if listed else frozenset(),
        has_threads=any(_has_threads(block) for block in blocks),
    )


def online_cpus(root: pathlib.Path) -> frozenset[int]:
    """Return the numbers of the CPUs that the kernel schedules on."""
    listed = _parsed(root / "sys/devices/system/cpu/online", parse_cpu_list)
    # Without sysfs: /proc/cpuinfo has the online processors only.
    return listed or _parsed(root / "proc/cpuinfo", _listed_processors)


def _listed_processors(cpuinfo: str) -> frozenset[int]:
    return frozenset(
        int(line.partition(":")[2])
        for line in cpuinfo.splitlines()
        if line.partition(":")[0].strip() == "processor"
    )


def memory_mb(root: pathlib.Path) -> int | None:
    """Return the memory that the kernel manages, in whole mebibytes."""
    return _parsed(root / "proc/meminfo", _total_mb)


def disk_gb(path: pathlib.Path) -> int | None:
    """Return the size of the file system that holds ``path``, in whole gibibytes.

    None when it is less than one.
    """
    while not path.exists():
        path = path.parent
    status = os.statvfs(path)
    return status.f_blocks * status.f_frsize // _BYTES_PER_GIB or None


def numa_nodes(root: pathlib.Path) -> tuple[Node, ...]:
    """Return the NUMA nodes in the order of their numbers.

    A node may have memory and no CPUs, or CPUs and no memory.
    """
    directory = root / "sys/devices/system/node"
    numbers = sorted(
        int(path.name.removeprefix("node"))
        for path in directory.glob("node[0-9]*")
        if path.name.removeprefix("node").isdigit()
    )
    online = online_cpus(root)
    return tuple(
        Node(
            number,
            cpus=len(
                _parsed(directory / f"node{number}/cpulist", parse_cpu_list) & online
            ),
            memory_mb=_parsed(directory / f"node{number}/meminfo", _total_mb) or 0,
        )
        for number in numbers
    )


def parse_cpu_list(text: str) -> frozenset[int]:
    """Return the numbers in a list of the kernel such as ``0-3,8``."""
    numbers: set[int] = set()
    for item in text.strip().split(","):
        if item:
            first, _, last = item.partition("-")
            numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)


def _has_threads(block: dict[str, str]) -> bool:
    if "siblings" not in block or "cpu cores" not in block:
        return False
    return int(block["siblings"]) > int(block["cpu cores"])


def _total_mb(meminfo: str) -> int | None:
    """Return MemTotal of a meminfo file; the ones of nodes have a prefix."""
    for line in meminfo.splitlines():
        name, _, value = line.partition(":")
        if name.split()[-1:] == ["MemTotal"]:
            return int(value.split()[0]) // _KIB_PER_MIB
    return None


def _fields(block: str) -> dict[str, str]:
    """Return the fields of one processor by name."""
    pairs = (line.partition(":") for line in block.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _parsed(path: pathlib.Path, parse: Callable[[str], _T]) -> _T:
    """Return what ``parse`` makes of a file. Raises KernelError if it cannot."""
    text = _text(path)
    try:
        return parse(text)
    except (IndexError, ValueError) as failure:
        raise KernelError(f"{path} is not understood: {failure}.") from failure


def _text(path: pathlib.Path) -> str:
    """Return what a file says; nothing, if this kernel does not have it."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
