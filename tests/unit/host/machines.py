"""Sample files of /proc and /sys that describe a machine."""

import pathlib

X86 = """\
processor\t: {number}
vendor_id\t: {vendor}
siblings\t: {siblings}
cpu cores\t: {cores}
flags\t\t: {flags}
"""

ARM = """\
processor\t: {number}
BogoMIPS\t: 50.00
Features\t: {flags}
CPU implementer\t: 0x41
"""


def write(root: pathlib.Path, files: dict[str, str]) -> pathlib.Path:
    """Write files below a root directory, by relative path; return the root."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def cpuinfo(
    count=4, flags="fpu sse", vendor="GenuineIntel", siblings=4, cores=4, form=X86
) -> str:
    """Return the text of /proc/cpuinfo for ``count`` equal processors."""
    return "\n".join(
        form.format(
            number=number, vendor=vendor, siblings=siblings, cores=cores, flags=flags
        )
        for number in range(count)
    )


def meminfo(kib: int, prefix: str = "") -> str:
    return (
        f"{prefix}MemTotal:       {kib} kB\n"
        f"{prefix}MemFree:        17 kB\n"
        f"{prefix}HugePages_Total:   0\n"
    )


def two_nodes(root: pathlib.Path) -> pathlib.Path:
    """Write a machine of 4 CPUs and 8 GiB on two NUMA nodes; return its root."""
    node = "sys/devices/system/node"
    return write(
        root,
        {
            "proc/cpuinfo": cpuinfo(),
            "proc/meminfo": meminfo(8 * 1024**2 + 1023),
            "sys/devices/system/cpu/online": "0-3\n",
            f"{node}/online": "0-1\n",
            f"{node}/node0/cpulist": "0,2\n",
            f"{node}/node0/meminfo": meminfo(3 * 1024**2, "Node 0 "),
            f"{node}/node1/cpulist": "1,3\n",
            f"{node}/node1/meminfo": meminfo(5 * 1024**2, "Node 1 "),
        },
    )
