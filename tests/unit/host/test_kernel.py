"""The machine is read from the files of the kernel; missing files are allowed."""

import os
import pathlib
import types

import pytest

from placement.host import kernel
from placement.host.kernel import Machine, Node, Processor
from tests.unit.host import machines


def test_read_machine_reads_cpus_memory_disk_and_nodes(tmp_path, monkeypatch):
    status = types.SimpleNamespace(f_blocks=3 * 2**18 + 1, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda path: status)

    machine = kernel.read_machine(machines.two_nodes(tmp_path), tmp_path)

    assert machine == Machine(
        cpus=4,
        memory_mb=8192,
        disk_gb=3,
        processor=Processor("GenuineIntel", frozenset({"fpu", "sse"}), False),
        nodes=(Node(0, 2, 3072), Node(1, 2, 5120)),
    )


def test_read_machine_without_kernel_files_finds_no_cpus_and_no_memory(tmp_path):
    machine = kernel.read_machine(tmp_path, pathlib.Path("/"))

    assert (machine.cpus, machine.memory_mb) == (0, None)
    assert (machine.processor, machine.nodes) == (Processor(), ())


def test_read_machine_of_the_machine_that_runs_the_tests():
    machine = kernel.read_machine(pathlib.Path("/"), pathlib.Path("/"))

    assert machine.cpus >= len(os.sched_getaffinity(0)) > 0
    assert machine.memory_mb > 0


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0\n", {0}),
        ("0-3\n", {0, 1, 2, 3}),
        ("0-1,4,8-9\n", {0, 1, 4, 8, 9}),
        ("\n", set()),
    ],
)
def test_cpu_lists_are_parsed(text, numbers):
    assert kernel.parse_cpu_list(text) == numbers


def test_without_sysfs_the_cpus_are_those_of_cpuinfo(tmp_path):
    root = machines.write(tmp_path, {"proc/cpuinfo": machines.cpuinfo(count=3)})

    assert kernel.online_cpus(root) == {0, 1, 2}


def test_a_node_does_not_count_an_offline_cpu(tmp_path):
    root = machines.two_nodes(tmp_path)
    machines.write(root, {"sys/devices/system/cpu/online": "0-2\n"})

    assert [node.cpus for node in kernel.numa_nodes(root)] == [2, 1]


def test_nodes_are_sorted_by_number(tmp_path):
    nodes = "sys/devices/system/node"
    root = machines.write(
        tmp_path, {f"{nodes}/node{number}/cpulist": "\n" for number in (10, 9, 0)}
    )

    assert [node.number for node in kernel.numa_nodes(root)] == [0, 9, 10]


def test_a_node_may_have_memory_only(tmp_path):
    root = machines.two_nodes(tmp_path)
    machines.write(root, {"sys/devices/system/node/node1/cpulist": "\n"})

    assert kernel.numa_nodes(root)[1] == Node(1, cpus=0, memory_mb=5120)


@pytest.mark.parametrize(
    ("siblings", "cores", "expected"), [(8, 4, True), (4, 4, False)]
)
def test_a_processor_with_more_siblings_than_cores_has_threads(
    tmp_path, siblings, cores, expected
):
    info = machines.cpuinfo(siblings=siblings, cores=cores)
    root = machines.write(tmp_path, {"proc/cpuinfo": info})

    assert kernel.processor(root).has_threads is expected


def test_the_flags_are_those_that_all_processors_have(tmp_path):
    info = machines.cpuinfo(1, "fpu sse avx") + "\n" + machines.cpuinfo(1, "fpu sse")
    root = machines.write(tmp_path, {"proc/cpuinfo": info})

    assert kernel.processor(root).flags == {"fpu", "sse"}


def test_an_arm_processor_has_features_as_flags_and_no_vendor(tmp_path):
    info = machines.cpuinfo(flags="fp asimd", form=machines.ARM)
    root = machines.write(tmp_path, {"proc/cpuinfo": info})

    assert kernel.processor(root) == Processor(None, frozenset({"fp", "asimd"}), False)


def test_a_cpuinfo_without_flags_is_an_empty_processor(tmp_path):
    info = "processor\t: 0\nBogoMIPS\t: 50.00\n\nRevision\t: a020d3\n"
    root = machines.write(tmp_path, {"proc/cpuinfo": info})

    assert kernel.processor(root) == Processor()


def test_the_disk_of_a_missing_directory_is_that_of_its_closest_parent(
    tmp_path, monkeypatch
):
    asked = []

    def statvfs(path):
        asked.append(path)
        return types.SimpleNamespace(f_blocks=1, f_frsize=2**30)

    monkeypatch.setattr(os, "statvfs", statvfs)

    assert kernel.disk_gb(tmp_path / "not" / "yet") == 1
    assert asked == [tmp_path]


def test_a_disk_of_less_than_1_gib_is_none(tmp_path, monkeypatch):
    status = types.SimpleNamespace(f_blocks=2**30 - 1, f_frsize=1)
    monkeypatch.setattr(os, "statvfs", lambda path: status)

    assert kernel.disk_gb(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sys/devices/system/cpu/online", "all\n"),
        ("proc/meminfo", "MemTotal:\n"),
        ("proc/meminfo", "MemTotal: many kB\n"),
        ("proc/cpuinfo", "siblings: x\ncpu cores: 1\n"),
        ("sys/devices/system/node/node0/cpulist", "0-\x00\n"),
        ("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: kB\n"),
    ],
)
def test_a_malformed_file_is_reported_by_name(tmp_path, name, text):
    root = machines.two_nodes(tmp_path)
    machines.write(root, {name: text})

    with pytest.raises(kernel.KernelError, match=name):
        kernel.read_machine(root, tmp_path)


def test_an_unreadable_file_is_reported_by_name(tmp_path):
    root = machines.two_nodes(tmp_path)
    (root / "proc/meminfo").unlink()
    (root / "proc/meminfo").mkdir()

    with pytest.raises(OSError, match="meminfo"):
        kernel.read_machine(root, tmp_path)
