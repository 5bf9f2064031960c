"""Servers of the tests start on ports of their own."""

import collections.abc
import contextlib
import os
import pathlib
import select
import subprocess
import sys

import pytest

from tests import waiting
from tests.servers import ports, process, startup


def test_a_port_is_given_to_one_process_only(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ports.free_port()
    monkeypatch.setattr(ports, "_PORTS", range(first, first + 1))
    other = "from tests.servers import ports\nports._PORTS = range({0}, {0} + 1)\n"
    command = other.format(first) + "ports.free_port()"

    done = subprocess.run(
        [sys.executable, "-c", command],
        cwd=pathlib.Path(__file__).parents[2],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )

    assert "no port is free" in done.stderr
    with pytest.raises(RuntimeError, match="no port is free"):
        ports.free_port()


@pytest.mark.parametrize("failures", range(startup.ATTEMPTS + 1))
def test_a_server_that_ends_is_started_again(failures: int) -> None:
    started: list[int] = []

    @startup.repeated
    @contextlib.contextmanager
    def running() -> collections.abc.Iterator[int]:
        started.append(len(started))
        if len(started) <= failures:
            raise startup.EndedError
        yield started[-1]

    if failures < startup.ATTEMPTS:
        with running() as number:
            assert number == failures
    else:
        with pytest.raises(startup.EndedError), running():
            pass
        assert len(started) == startup.ATTEMPTS


def test_a_failure_of_the_block_starts_no_other_server() -> None:
    started: list[int] = []

    @startup.repeated
    @contextlib.contextmanager
    def running() -> collections.abc.Iterator[None]:
        started.append(1)
        yield

    with pytest.raises(startup.EndedError), running():
        raise startup.EndedError
    assert started == [1]


class Server(process.Process):
    """A server that never answers."""

    name = "the server"
    refusal = ConnectionRefusedError

    def ping(self) -> None:
        raise ConnectionRefusedError


def program(directory: pathlib.Path, text: str) -> process.Program:
    return process.Program((sys.executable, "-c", text), directory)


def test_the_failure_of_a_server_that_ends_has_its_log(tmp_path: pathlib.Path) -> None:
    ends = program(tmp_path, "print('address in use'); raise SystemExit(3)")

    with (
        pytest.raises(startup.EndedError, match="status 3:\naddress in use"),
        process.ready(Server(ends)),
    ):
        pass


def test_a_server_that_is_not_ready_in_time_is_stopped(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "ready_seconds", 0)
    server = Server(program(tmp_path, "import time; time.sleep(60)"))

    with (
        pytest.raises(RuntimeError, match="the server is not ready"),
        process.ready(server),
    ):
        pass

    assert server.has_ended


def test_a_server_that_ignores_the_signal_is_killed_with_its_children(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "stop_seconds", 0.1)
    ignoring = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\n"
        "if child: print(child, flush=True)\n"
        "time.sleep(60)"
    )
    server = Server(program(tmp_path, ignoring))
    waiting.until(lambda: server.log.read_text().endswith("\n"))
    child = os.pidfd_open(int(server.log.read_text()))

    server.stop()

    # It is readable when the process has ended.
    assert select.select([child], [], [], waiting.SECONDS)[0]
    os.close(child)
