"""Run a private PgBouncer with the sample configuration of ``deploy/``."""

import collections.abc
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import typing

import psycopg2

from tests.servers import accounts, deployed, ports, postgresql, startup

# As in the sample of the file with passwords.
PASSWORD = "secret"
ADMIN, ADMIN_PASSWORD = "pgbouncer", "another-secret"

STOP_SECONDS = 10

_SIZE = "default_pool_size = 20"


class Pooler:
    """A running pooler, which serves every database of its cluster."""

    def __init__(
        self,
        directory: pathlib.Path,
        port: int,
        launch: "collections.abc.Callable[[], subprocess.Popen[bytes]]",
    ) -> None:
        self.directory = directory
        self.port = port
        self._launch = launch
        self._process = launch()

    def url(self, database: str) -> str:
        user = f"{postgresql.USER}:{PASSWORD}"
        return f"postgresql+psycopg2://{user}@{ports.HOST}:{self.port}/{database}"

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def admin(self, command: str) -> list[dict[str, typing.Any]]:
        """Run a command of its console, such as SHOW POOLS; return the rows."""
        conn = psycopg2.connect(
            host=ports.HOST,
            port=self.port,
            user=ADMIN,
            password=ADMIN_PASSWORD,
            dbname="pgbouncer",
        )
        try:
            # The console knows no transactions.
            conn.autocommit = True
            with conn.cursor() as cursor:
                cursor.execute(command)
                names = [column.name for column in cursor.description or ()]
                rows = cursor.fetchall() if names else []
                return [dict(zip(names, row, strict=True)) for row in rows]
        finally:
            conn.close()

    def wait_until_ready(self) -> None:
        """Wait until its console answers.

        Raises EndedError if it ends, RuntimeError after a minute.
        """
        startup.wait_until_ready(
            self._process,
            lambda: self.admin("SHOW VERSION"),
            psycopg2.OperationalError,
            "PgBouncer",
            self.directory / "log",
        )

    def stop(self) -> None:
        """Stop it, and close all connections."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(STOP_SECONDS)

    def start_again(self) -> None:
        """Start it again after ``stop`` or ``kill``, and wait until it is ready."""
        # A killed pooler leaves its file.
        (self.directory / "pgbouncer.pid").unlink(missing_ok=True)
        self._process = self._launch()
        self.wait_until_ready()


@startup.repeated
@contextlib.contextmanager
def running(target: int, connections: int = 20) -> collections.abc.Iterator[Pooler]:
    """Run a pooler in front of the server at the port ``target``; remove it later.

    It opens as many as ``connections`` to each database.

    Raises MissingError if the program is missing, RuntimeError with its output if it
    fails.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise accounts.MissingError("no pgbouncer found")
    account = accounts.for_server("postgres")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="placement-pgbouncer-"))
    port = ports.free_port()
    _configure(directory, port, target, connections)
    if account is not None:
        for each in (directory, *directory.iterdir()):
            os.chown(each, account.user, account.group)

    def launch() -> "subprocess.Popen[bytes]":
        with open(directory / "log", "ab") as log:
            return subprocess.Popen(
                [program, directory / "pgbouncer.ini"],
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **accounts.options(account),
            )

    pooler = Pooler(directory, port, launch)
    try:
        pooler.wait_until_ready()
        yield pooler
    finally:
        pooler.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _configure(
    directory: pathlib.Path, port: int, target: int, connections: int
) -> None:
    text = deployed.substituted(
        "pgbouncer/pgbouncer.ini",
        {
            # Every database of the cluster, by its own name.
            "placement = host=10.0.0.11 port=5432 dbname=placement": (
                f"* = host={ports.HOST} port={target}"
            ),
            "listen_port = 6432": f"listen_port = {port}",
            "/var/run/postgresql": directory,
            "/var/log/postgresql/pgbouncer.log": directory / "pgbouncer.log",
            "/etc/pgbouncer": directory,
            _SIZE: f"default_pool_size = {connections}",
        },
    )
    (directory / "pgbouncer.ini").write_text(text)
    users = deployed.substituted("pgbouncer/userlist.txt", {})
    (directory / "userlist.txt").write_text(users)
