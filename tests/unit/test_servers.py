"""Servers of the tests start on ports of their own."""

import collections.abc
import contextlib
import pathlib
import subprocess
import sys

import pytest

from tests.servers import ports, startup


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


def test_the_failure_of_a_server_that_ends_has_its_log(tmp_path: pathlib.Path) -> None:
    log = tmp_path / "log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", "print('address in use'); raise SystemExit(3)"],
            stdout=output,
        )

    def connect() -> None:
        raise ConnectionRefusedError

    with pytest.raises(startup.EndedError, match="status 3:\naddress in use"):
        startup.wait_until_ready(process, connect, OSError, "the server", log)
