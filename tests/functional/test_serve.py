"""``placement serve``, and commands that wait for the server."""

import collections.abc
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import typing
import urllib.error
import urllib.request

import pytest

PROGRAM = pathlib.Path(sys.executable).with_name("placement")
ROOT = pathlib.Path(__file__).parents[2]
SECONDS = 60


class Machine(typing.NamedTuple):
    """A machine without configuration: its state directory and environment."""

    state: pathlib.Path
    environment: dict[str, str]

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command and wait for its end."""
        return subprocess.run(
            [PROGRAM, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    @contextlib.contextmanager
    def serving(self) -> "collections.abc.Iterator[subprocess.Popen[str]]":
        """Run a server until the block ends; it may not be ready yet."""
        process = subprocess.Popen(
            [PROGRAM, "serve", "--bind", "127.0.0.1:0"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=SECONDS)


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> Machine:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OS_", "PLACEMENT_"))
    }
    state = tmp_path / "state"
    own = {
        "HOME": str(tmp_path),
        "PLACEMENT_STATE_DIR": str(state),
        "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}",
    }
    return Machine(state, {**kept, **own})


def test_a_command_waits_for_a_server_that_is_starting(machine: Machine) -> None:
    with machine.serving() as server:
        waited = machine.run("--wait", str(SECONDS), "show", "--json")
        endpoint = (machine.state / "endpoint").read_text().strip()
        second = machine.run("serve", "--bind", "127.0.0.1:0")
        # The first server is unaffected.
        urllib.request.urlopen(f"{endpoint}/", timeout=SECONDS).close()
        endpoint_after = (machine.state / "endpoint").read_text().strip()
        server.send_signal(signal.SIGTERM)
        output, _ = server.communicate(timeout=SECONDS)

    assert (waited.returncode, waited.stdout) == (0, "[]\n"), waited.stderr
    assert second.returncode == 1
    assert f"process {server.pid}, {endpoint}" in second.stderr
    assert endpoint_after == endpoint
    assert not (machine.state / "endpoint").exists()
    token = (machine.state / "admin-token").read_text().strip()
    assert f"Placement is listening at {endpoint}" in output
    assert token not in output


def test_a_command_stops_waiting_after_the_given_time(machine: Machine) -> None:
    started = time.monotonic()

    result = machine.run("--wait", "0.5", "show")

    assert result.returncode == 1
    assert "No server found" in result.stderr
    assert time.monotonic() - started < SECONDS / 2


def test_a_server_starts_with_the_files_of_a_killed_one(machine: Machine) -> None:
    machine.state.mkdir()
    (machine.state / "endpoint").write_text("http://127.0.0.1:1\n")
    (machine.state / "lock").write_text("1\n")

    with machine.serving():
        waited = machine.run("--wait", str(SECONDS), "show", "--json")

    assert waited.returncode == 0, waited.stderr


def test_the_commands_of_the_readme_can_be_pasted(machine: Machine) -> None:
    text = (ROOT / "README.md").read_text()
    section = text.partition("## Using the server\n")[2]
    (block,) = re.findall(r"\A\n```sh\n(.*?)```\n", section, re.S)
    installed, *commands = [line.strip() for line in block.splitlines()]
    assert installed.startswith("pip install ")
    assert commands[0] == "placement serve &"
    # Another server may use the default port.
    commands[0] = "placement serve --bind 127.0.0.1:0 &"
    script = "\n".join(["trap 'kill $!' EXIT", *commands])

    done = subprocess.run(
        ["bash", "-e", "-c", script],
        env=machine.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=2 * SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert re.search(r"MEMORY_MB .* 512 of \d+", done.stdout)


def test_a_link_to_the_console_starts_one_session(machine: Machine) -> None:
    with machine.serving():
        printed = machine.run("--wait", str(SECONDS), "console").stdout.strip()
        page, _, code = printed.partition("#link=")
        endpoint = page.removesuffix("/console/")
        with urllib.request.urlopen(page, timeout=SECONDS) as shown:
            assert shown.headers["Content-Security-Policy"]

        token = start_session(endpoint, code)["token"]

        read = urllib.request.Request(
            f"{endpoint}/resource_providers", headers={"X-Auth-Token": token}
        )
        with urllib.request.urlopen(read, timeout=SECONDS) as listed:
            assert json.load(listed) == {"resource_providers": []}
        with pytest.raises(urllib.error.HTTPError, match="404"):
            start_session(endpoint, code)


def start_session(endpoint: str, code: str) -> typing.Any:
    """Exchange the code of a link for a token."""
    exchange = urllib.request.Request(
        f"{endpoint}/-/v1/console/sessions",
        data=json.dumps({"code": code}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(exchange, timeout=SECONDS) as answered:
        return json.load(answered)
