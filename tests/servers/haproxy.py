"""Run a private HAProxy with a sample configuration of ``deploy/``."""

import collections.abc
import contextlib
import csv
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from tests.servers import accounts, deployed, ports, startup

STOP_SECONDS = 10

# The names of the samples.
GALERA, POSTGRESQL = "galera", "postgresql"

# In each sample, the port of clients, and the servers in their order.
_LISTENS = {GALERA: "127.0.0.1:3307", POSTGRESQL: "127.0.0.1:5433"}
_SERVERS = {
    GALERA: [f"10.0.0.{number}:3306" for number in (11, 12, 13)],
    POSTGRESQL: [f"10.0.0.{number}:5432" for number in (11, 12)],
}


class Proxy:
    """A running proxy; its servers have numbers from 0."""

    def __init__(self, directory: pathlib.Path, port: int) -> None:
        self.directory = directory
        self.port = port

    def log(self) -> str:
        return (self.directory / "log").read_text()

    def up(self) -> list[bool]:
        """Return for each server whether its checks succeed."""
        return [row["status"].startswith("UP") for row in self._servers()]

    def sessions(self) -> list[int]:
        """Return the number of open sessions to each server."""
        return [int(row["scur"]) for row in self._servers()]

    def wait_until_up(self, wanted: list[bool]) -> None:
        """Wait until its checks have these results.

        Raises RuntimeError after a minute.
        """
        deadline = time.monotonic() + startup.SECONDS
        while self.up() != wanted:
            if time.monotonic() > deadline:
                raise RuntimeError(f"servers are up: {self.up()}, not {wanted}")
            time.sleep(0.05)

    def require_checked(self) -> None:
        """Raise OSError until each server has been checked."""
        if not all(row["last_chk"] for row in self._servers()):
            raise OSError("not checked")

    def _servers(self) -> list[dict[str, str]]:
        with socket.socket(socket.AF_UNIX) as console:
            console.connect(str(self.directory / "placement.sock"))
            console.sendall(b"show stat\n")
            with console.makefile() as lines:
                rows = list(csv.DictReader(lines))
        return [row for row in rows if row["svname"] not in ("FRONTEND", "BACKEND")]


@startup.repeated
@contextlib.contextmanager
def running(
    sample: str, targets: collections.abc.Sequence[int]
) -> collections.abc.Iterator[Proxy]:
    """Run a proxy in front of servers at the ports ``targets``, until the block ends.

    It is ready when it has checked the servers.

    Raises MissingError if the program is missing, RuntimeError with its output if it
    fails.
    """
    program = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise accounts.MissingError("no haproxy found")
    account = accounts.for_server("haproxy")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="placement-haproxy-"))
    port = ports.free_port()
    _configure(directory, sample, port, targets)
    if account is not None:
        os.chown(directory, account.user, account.group)
    with open(directory / "log", "wb") as log:
        process = subprocess.Popen(
            [program, "-db", "-f", directory / "haproxy.cfg"],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **accounts.options(account),
        )
    proxy = Proxy(directory, port)
    try:
        startup.wait_until_ready(
            process, proxy.require_checked, OSError, "HAProxy", directory / "log"
        )
        yield proxy
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        shutil.rmtree(directory, ignore_errors=True)


def _configure(
    directory: pathlib.Path,
    sample: str,
    port: int,
    targets: collections.abc.Sequence[int],
) -> None:
    servers = zip(_SERVERS[sample], targets, strict=True)
    text = deployed.substituted(
        f"haproxy/{sample}.cfg",
        {
            "/run/haproxy": directory,
            _LISTENS[sample]: f"{ports.HOST}:{port}",
            **{old: f"{ports.HOST}:{target}" for old, target in servers},
        },
    )
    (directory / "haproxy.cfg").write_text(text)
