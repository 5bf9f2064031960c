"""``placement demo``: what it prints is true, and it leaves nothing behind."""

import collections.abc
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import typing

import pytest

PROGRAM = pathlib.Path(sys.executable).with_name("placement")
SECONDS = 120
SMALL = ("--hosts", "20")
PLACED = r"VCPU 2, MEMORY_MB 4096 of (\S+)"


def environment(directory: pathlib.Path) -> dict[str, str]:
    """Return the environment of a user whose temporary files are in a directory.

    The home is beside it: libraries keep caches there that outlive the demo.
    """
    home = directory.with_name(f"{directory.name}-home")
    home.mkdir(exist_ok=True)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OS_", "PLACEMENT_"))
    }
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "HOME": str(home), "TMPDIR": str(directory), "PATH": path}


class Demo(typing.NamedTuple):
    """A demo that is ready, with what it printed."""

    home: pathlib.Path
    process: "subprocess.Popen[str]"
    text: str

    @property
    def steps(self) -> dict[str, str]:
        """The commands to try, with what they show."""
        return dict(re.findall(r"^  (placement .*)\n      # (.*)$", self.text, re.M))

    def command(self, start: str) -> str:
        (found,) = [each for each in self.steps if each.startswith(start)]
        return found

    def run(self, command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command as in another terminal."""
        (export,) = re.findall(r"^  (export .*)$", self.text, re.M)
        return subprocess.run(
            ["bash", "-c", f"{export}\n{command}"],
            env=environment(self.home),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def stop(self, number: signal.Signals) -> int:
        """Return the exit status after a signal."""
        self.process.send_signal(number)
        self.process.communicate(timeout=SECONDS)
        return self.process.returncode


@contextlib.contextmanager
def running(home: pathlib.Path, *options: str) -> collections.abc.Iterator[Demo]:
    process = subprocess.Popen(
        # Shells let background jobs, of which the tests may be one, ignore Ctrl-C.
        ["env", "--default-signal=INT", PROGRAM, "demo", *SMALL, *options],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C"):
                break
        text = "".join(lines)
        assert "Ctrl-C" in text, text
        yield Demo(home, process, text)
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=SECONDS)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator[Demo]:
    with running(tmp_path_factory.mktemp("home")) as found:
        yield found


# By the start of a command: its exit status, and what its output has.
EXPECTED = {
    "placement providers": (0, r"compute-az2-003 +██████████ (\d+) of (\d+)"),
    "placement show": (0, r"_NUMA_0_GPU_0 (?s:.*)PGPU(?s:.*)_NUMA_1(?s:.*)VGPU"),
    "placement capacity": (0, r"\A[1-9]\d* more fit, (?s:.*)aggregate {zone} +\d+"),
    "placement why MEMORY_MB": (
        0,
        r"\ANo candidates \(full\)(?s:.*)without member_of {zone}.*: [1-9]\d* host",
    ),
    "placement why VCPU": (0, r"compute-az2-002: state in_service"),
    "placement consumers audit": (3, r"{orphans} orphans"),
    "placement place VCPU=2": (0, rf"{PLACED}(?s:.*){PLACED}(?s:.*){PLACED}"),
    "placement place VCPU=8": (1, r"The project ci would exceed its limit of VCPU"),
    "placement limits": (0, r"VCPU +\d+ +\d+ +project"),
    "placement holds": (0, r"expires at"),
    "placement drain": (0, r"compute-az2-003 .* is cordoned(?s:.*)can move"),
    "placement uncordon": (0, r"compute-az2-002 .* is in service"),
}


def test_every_suggested_command_is_tested(demo: Demo) -> None:
    assert [demo.command(start) for start in EXPECTED] == list(demo.steps)


@pytest.mark.parametrize("start", EXPECTED)
def test_a_suggested_command_shows_what_the_demo_says(demo: Demo, start: str) -> None:
    status, pattern = EXPECTED[start]
    (zone,) = re.findall(r"; az1 is (\S+)$", demo.text, re.M)

    (orphans,) = re.findall(r"# (\d+) instances that hold", demo.text)

    done = demo.run(demo.command(start))

    output = done.stdout + done.stderr
    assert done.returncode == status, output
    pattern = pattern.replace("{zone}", zone).replace("{orphans}", orphans)
    assert re.search(pattern, output), output


def test_the_members_of_a_group_are_on_different_hosts(demo: Demo) -> None:
    done = demo.run("placement place VCPU=2 MEMORY_MB=4096 --count 3 --together other")

    assert len(set(re.findall(PLACED, done.stdout))) == 3, done.stdout + done.stderr


def test_there_are_as_many_providers_and_holds_as_the_demo_says(demo: Demo) -> None:
    (providers,) = re.findall(r"\((\d+) providers\)", demo.text)
    listed = demo.run("placement providers").stdout.splitlines()[1:]
    holds = demo.run("placement holds").stdout.splitlines()[1:]

    # A quarantined host is hidden.
    assert len(listed) == int(providers) - 1
    assert f"{len(holds)} claims that expire" in demo.text


def test_ctrl_c_ends_the_demo_and_deletes_its_files(tmp_path: pathlib.Path) -> None:
    with running(tmp_path) as demo:
        (address,) = re.findall(r"http://127\.0\.0\.1:(\d+)", demo.text)[:1]
        assert list(tmp_path.iterdir())

        assert demo.stop(signal.SIGINT) == 0

    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(address)))


def test_a_kept_demo_can_be_served_again(tmp_path: pathlib.Path) -> None:
    kept = tmp_path / "kept"
    with running(tmp_path, "--keep", str(kept)) as demo:
        assert demo.stop(signal.SIGTERM) == 0
    served = (
        f"export PLACEMENT_STATE_DIR={kept}; trap 'kill $!' EXIT\n"
        "placement serve --bind 127.0.0.1:0 & placement --wait 60 show gpu-az1-001"
    )
    shown = subprocess.run(
        ["bash", "-c", served],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    again = refused(tmp_path, "--keep", str(kept))

    assert "gpu-az1-001_NUMA_0_GPU_0" in shown.stdout, shown.stderr
    assert f"{kept} is not empty" in again
    assert (kept / "placement.db").exists()


def test_a_busy_port_is_an_error(tmp_path: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        message = refused(tmp_path, "--port", str(port))

    assert f"Cannot listen on 127.0.0.1:{port}" in message
    assert "--port" in message
    assert list(tmp_path.iterdir()) == []


def refused(home: pathlib.Path, *options: str) -> str:
    """Return the message of a demo that does not start."""
    done = subprocess.run(
        [PROGRAM, "demo", *options],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr
