"""Run a private HAProxy with a sample configuration of ``deploy/``."""

import collections.abc
import contextlib
import csv
import pathlib
import socket

from tests import waiting
from tests.servers import accounts, deployed, ports, process, startup

# The names of the samples.
GALERA, POSTGRESQL = "galera", "postgresql"

# In each sample, the port of clients, and the servers in their order.
_LISTENS = {GALERA: "127.0.0.1:3307", POSTGRESQL: "127.0.0.1:5433"}
_SERVERS = {
    GALERA: [f"10.0.0.{number}:3306" for number in (11, 12, 13)],
    POSTGRESQL: [f"10.0.0.{number}:5432" for number in (11, 12)],
}


class Proxy(process.Process):
    """A running proxy; its servers have numbers from 0.

    It is ready when it has checked them.
    """

    name = "HAProxy"
    refusal = OSError

    def __init__(self, program: process.Program, port: int) -> None:
        super().__init__(program)
        self.port = port

    def ping(self) -> None:
        if not all(row["last_chk"] for row in self._servers()):
            raise OSError("not checked")

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
        waiting.until(
            lambda: self.up() == wanted,
            lambda: f"servers are up: {self.up()}, not {wanted}",
        )

    def admin(self, command: str) -> str:
        """Run a command on its socket, as ``socat`` would; return what it prints."""
        with socket.socket(socket.AF_UNIX) as console:
            console.connect(str(self.directory / "placement.sock"))
            console.sendall(f"{command}\n".encode())
            with console.makefile() as printed:
                return printed.read()

    def _servers(self) -> list[dict[str, str]]:
        rows = csv.DictReader(self.admin("show stat").splitlines())
        return [row for row in rows if row["svname"] not in ("FRONTEND", "BACKEND")]


@startup.repeated
@contextlib.contextmanager
def running(
    sample: str, targets: collections.abc.Sequence[int]
) -> collections.abc.Iterator[Proxy]:
    """Run a proxy in front of servers at the ports ``targets``, until the block ends.

    Raises MissingError if the program is missing, RuntimeError with its output if it
    fails.
    """
    found = process.found("haproxy")
    account = accounts.for_server("haproxy")
    with process.directory("haproxy") as directory:
        port = ports.free_port()
        _configure(directory, sample, port, targets)
        accounts.give(directory, account)
        command = (found, "-db", "-f", directory / "haproxy.cfg")
        program = process.Program(command, directory, account=account)
        with process.ready(Proxy(program, port)) as proxy:
            yield proxy


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
