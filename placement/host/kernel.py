"""The resources of a machine, as reported by its kernel.

Functions read the files of the kernel under a root directory, which is ``/`` except in
tests. Information that the kernel does not provide is None or empty.
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
    """A file of the kernel does not have the expected form."""


@dataclasses.dataclass(frozen=True, slots=True)
class Processor:
    """The common properties of all processors of a machine.

    ``flags`` are the kernel's names of features that every processor has;
    ``has_threads``: cores run several threads (SMT).
    """

    vendor: str | None = None
    flags: frozenset[str] = frozenset()
    has_threads: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """A NUMA node with its number of online CPUs, and memory in mebibytes."""

    number: int
    cpus: int
    memory_mb: int


@dataclasses.dataclass(frozen=True, slots=True)
class Machine:
    """The resources of a machine; memory in mebibytes, disk in gibibytes."""

    cpus: int
    memory_mb: int | None
    disk_gb: int | None
    processor: Processor = Processor()
    nodes: tuple[Node, ...] = ()


def read_machine(root: pathlib.Path, disk_path: pathlib.Path) -> Machine:
    """Return the resources of the machine.

    The disk is the file system of ``disk_path``, which need not exist yet.

    Raises KernelError for a malformed file, OSError for an unreadable one.
    """
    return Machine(
        cpus=len(online_cpus(root)),
        memory_mb=memory_mb(root),
        disk_gb=disk_gb(disk_path),
        processor=processor(root),
        nodes=numa_nodes(root),
    )


def processor(root: pathlib.Path) -> Processor:
    """Return the common properties of the processors in /proc/cpuinfo.

    The flags are in the field ``flags`` on x86 and ``Features`` on ARM. A machine may
    have processors of different kinds.
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
    """Return the numbers of the online CPUs."""
    listed = _parsed(root / "sys/devices/system/cpu/online", parse_cpu_list)
    # Without sysfs, use /proc/cpuinfo, which lists only online processors.
    return listed or _parsed(root / "proc/cpuinfo", _listed_processors)


def _listed_processors(cpuinfo: str) -> frozenset[int]:
    return frozenset(
        int(line.partition(":")[2])
        for line in cpuinfo.splitlines()
        if line.partition(":")[0].strip() == "processor"
    )


def memory_mb(root: pathlib.Path) -> int | None:
    """Return the total memory in whole mebibytes."""
    return _parsed(root / "proc/meminfo", _total_mb)


def disk_gb(path: pathlib.Path) -> int | None:
    """Return the size of the file system of ``path`` in whole gibibytes.

    None if it is less than one.
    """
    while not path.exists():
        path = path.parent
    status = os.statvfs(path)
    return status.f_blocks * status.f_frsize // _BYTES_PER_GIB or None


def numa_nodes(root: pathlib.Path) -> tuple[Node, ...]:
    """Return the NUMA nodes in order of their numbers.

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
    """Return the numbers in a list such as ``0-3,8``."""
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
    """Return MemTotal of a meminfo file; in those of nodes it has a prefix."""
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
    """Return the parsed content of a file. Raises KernelError if it is malformed."""
    text = _text(path)
    try:
        return parse(text)
    except (IndexError, ValueError) as failure:
        raise KernelError(f"{path} is malformed: {failure}.") from failure


def _text(path: pathlib.Path) -> str:
    """Return the content of a file, empty if it does not exist."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
