"""The server of ``placement demo``, a process with files of its own."""

import contextlib
import os
import pathlib
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator

from placement.client import Client, HTTPTransport, errors, location
from placement.cmd import atomic
from placement.cmd.failures import NotPossibleNow
from placement.cmd.serve import DATABASE_FILE

LOG_FILE = "server.log"
_CONFIG_FILE, _CONFIG_DIRECTORY = "placement.conf", "placement.conf.d"
_CONFIG = """[placement_database]
connection = sqlite:///{database}
sync_on_startup = true
# The files are those of a demo.
sqlite_synchronous = false
[api]
auth_strategy = token
token_file = {token_file}
"""

# Modules are loaded, and the tables created, within seconds.
_START_SECONDS = 60
_STOP_SECONDS = 10
_POLL_SECONDS = 0.1
_LOG_LINES = 10


class Server:
    """A server with its files in ``directory``, which its commands find there."""

    def __init__(self, directory: pathlib.Path, process: "subprocess.Popen[bytes]"):
        self._directory = directory
        self._process = process

    @property
    def endpoint(self) -> str:
        return (self._directory / location.ENDPOINT_FILE).read_text().strip()

    def client(self) -> Client:
        """Return a client, as soon as the server responds. Raises NotPossibleNow."""
        token = (self._directory / location.TOKEN_FILE).read_text().strip()
        for _ in range(int(_START_SECONDS / _POLL_SECONDS)):
            with contextlib.suppress(
                FileNotFoundError, errors.Unavailable, errors.ServerNotLocated
            ):
                client = Client(HTTPTransport(self.endpoint, token))
                client.get_versions()
                return client
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_POLL_SECONDS)
                break
        raise NotPossibleNow(f"The server did not start.\n{self._log()}")

    def wait(self) -> None:
        """Wait until the server ends by itself. Raises NotPossibleNow then."""
        self._process.wait()
        raise NotPossibleNow(f"The server has stopped.\n{self._log()}")

    def _log(self) -> str:
        lines = (self._directory / LOG_FILE).read_text().splitlines()
        return "\n".join(lines[-_LOG_LINES:])


@contextlib.contextmanager
def serving(directory: pathlib.Path, port: int) -> Iterator[Server]:
    """Run a server on the loopback address until the block ends.

    It reads no configuration but its own.
    """
    _write_files(directory)
    with open(directory / LOG_FILE, "wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "placement.cmd.placement", "serve"),
                f"--bind=127.0.0.1:{port}",
                f"--config-file={directory / _CONFIG_FILE}",
                f"--config-dir={directory / _CONFIG_DIRECTORY}",
            ],
            env=environment(directory),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C in the terminal is for the parent, which ends the server itself.
            start_new_session=True,
        )
    try:
        yield Server(directory, process)
    finally:
        _stop(process)


def environment(directory: pathlib.Path) -> dict[str, str]:
    """Return an environment in which commands use the server with this directory."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OS_", "PLACEMENT_"))
    }
    return {**kept, "PLACEMENT_STATE_DIR": str(directory)}


def _write_files(directory: pathlib.Path) -> None:
    token_file = directory / location.TOKEN_FILE
    atomic.write(token_file, f"{secrets.token_urlsafe(32)}\n", 0o600)
    config = _CONFIG.format(database=directory / DATABASE_FILE, token_file=token_file)
    atomic.write(directory / _CONFIG_FILE, config, 0o600)
    # Without it, the drop-in files in /etc would be read.
    (directory / _CONFIG_DIRECTORY).mkdir()


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        # Not SIGTERM, which waits for requests such as those that wait for changes.
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    # Its workers, if it was killed.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
