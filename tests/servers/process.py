"""Processes of servers, which can be stopped, killed and started again."""

import abc
import collections.abc
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import typing

from tests import waiting
from tests.servers import accounts, memory, startup

# Directories of server programs, which are not on the PATH of every user.
_ELSEWHERE = os.pathsep.join(("/usr/sbin", "/usr/local/sbin", "/usr/libexec"))

_LOG_CHARACTERS = 5000


class Program(typing.NamedTuple):
    """A command, and the directory, environment and account that it runs with.

    Without an environment it inherits that of this process.
    """

    command: collections.abc.Sequence[str | pathlib.Path]
    directory: pathlib.Path
    environment: collections.abc.Mapping[str, str] | None = None
    account: accounts.Account | None = None

    def options(self) -> dict[str, typing.Any]:
        """Return the arguments of ``subprocess``."""
        return {
            "args": self.command,
            "cwd": self.directory,
            "env": self.environment,
            **accounts.options(self.account),
        }


class Process(abc.ABC):
    """A running server; its output is in ``log``, in its directory."""

    # For messages.
    name: str
    # What ``ping`` raises while the server is not ready.
    refusal: type[Exception]
    stop_signal = signal.SIGTERM
    ready_seconds: float = waiting.SECONDS
    stop_seconds: float = 20

    def __init__(self, program: Program) -> None:
        self.directory = program.directory
        self.log = program.directory / "server.log"
        self._program = program
        self.launch_again()

    @property
    def pid(self) -> int:
        """The id of the first process of the server, the parent of the others."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    @abc.abstractmethod
    def ping(self) -> None:
        """Return if the server is ready, and raise ``refusal`` if it is not."""

    def wait_until_ready(self) -> None:
        """Wait until ``ping`` succeeds.

        Raises EndedError if the process ends, RuntimeError after a minute; both with
        the end of its log.
        """
        waiting.until(
            self._is_ready,
            lambda: f"{self.name} is not ready:\n{self._tail}",
            self.ready_seconds,
        )

    def require_running(self) -> None:
        """Raise EndedError, with the end of its log, if the process has ended."""
        status = self._process.poll()
        if status is not None:
            raise startup.EndedError(
                f"{self.name} has ended with status {status}:\n{self._tail}"
            )

    def stop(self) -> None:
        """Stop it, without waiting for clients, and kill it if that takes too long."""
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill it, with the processes that it has started."""
        if not self.has_ended:
            # It leads a process group of its own.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def start_again(self) -> None:
        """Start it again after ``stop`` or ``kill``, and wait until it is ready."""
        self.launch_again()
        self.wait_until_ready()

    def launch_again(self) -> None:
        """Start it again, and do not wait until it is ready."""
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                **self._program.options(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is handled by pytest, which then stops the server.
                start_new_session=True,
            )

    def _is_ready(self) -> bool:
        self.require_running()
        with contextlib.suppress(self.refusal):
            self.ping()
            return True
        return False

    @property
    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-_LOG_CHARACTERS:]


_P = typing.TypeVar("_P", bound=Process)


@contextlib.contextmanager
def ready(process: _P) -> collections.abc.Iterator[_P]:
    """Wait until a process is ready, and stop it when the block ends."""
    try:
        process.wait_until_ready()
        yield process
    finally:
        process.stop()


@contextlib.contextmanager
def directory(
    name: str, on_disk: bool = False
) -> collections.abc.Iterator[pathlib.Path]:
    """Yield a new directory for the server ``name``; remove it when the block ends.

    Unless it must be ``on_disk``, it is in memory if there is enough of that.
    """
    with tempfile.TemporaryDirectory(
        prefix=f"placement-{name}-",
        dir=None if on_disk else memory.directory(),
        ignore_cleanup_errors=True,
    ) as made:
        yield pathlib.Path(made)


def found(name: str) -> pathlib.Path:
    """Return the path of a program. Raises MissingError if it is missing."""
    path = shutil.which(name) or shutil.which(name, path=_ELSEWHERE)
    if path is None:
        raise accounts.MissingError(f"no {name} found")
    return pathlib.Path(path)


def run(program: Program) -> None:
    """Run a program. Raises RuntimeError with its output if it fails."""
    done = subprocess.run(
        **program.options(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{program.command[0]} failed:\n{done.stdout}")
