"""Run a private PgBouncer with the sample configuration of ``deploy/``."""

import collections.abc
import contextlib
import pathlib
import typing

import psycopg2

from tests.servers import accounts, deployed, ports, postgresql, process, startup

# As in the sample of the file with passwords.
PASSWORD = "secret"
ADMIN, ADMIN_PASSWORD = "pgbouncer", "another-secret"

_SIZE = "default_pool_size = 20"


class Pooler(process.Process):
    """A running pooler, which serves every database of its cluster."""

    name = "PgBouncer"
    refusal = psycopg2.OperationalError

    def __init__(self, program: process.Program, port: int) -> None:
        super().__init__(program)
        self.port = port

    def url(self, database: str) -> str:
        user = f"{postgresql.USER}:{PASSWORD}"
        return f"postgresql+psycopg2://{user}@{ports.HOST}:{self.port}/{database}"

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

    def ping(self) -> None:
        self.admin("SHOW VERSION")

    def launch_again(self) -> None:
        # A killed pooler leaves its file.
        (self.directory / "pgbouncer.pid").unlink(missing_ok=True)
        super().launch_again()


@startup.repeated
@contextlib.contextmanager
def running(target: int, connections: int = 20) -> collections.abc.Iterator[Pooler]:
    """Run a pooler in front of the server at the port ``target``; remove it later.

    It opens as many as ``connections`` to each database.

    Raises MissingError if the program is missing, RuntimeError with its output if it
    fails.
    """
    found = process.found("pgbouncer")
    account = accounts.for_server("postgres")
    with process.directory("pgbouncer") as directory:
        port = ports.free_port()
        _configure(directory, port, target, connections)
        accounts.give(directory, account)
        command = (found, directory / "pgbouncer.ini")
        program = process.Program(command, directory, account=account)
        with process.ready(Pooler(program, port)) as pooler:
            yield pooler


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
