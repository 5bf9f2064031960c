"""Run a private MariaDB server."""

import atexit
import collections.abc
import contextlib
import functools
import os
import pathlib
import typing

import pymysql

from tests.servers import accounts, ports, process, startup

USER = "placement"

# The first statements of a new server, one per line.
_FIRST = f"""
FLUSH PRIVILEGES;
GRANT ALL ON *.* TO {USER}@'%';
"""

Options = collections.abc.Mapping[str, object]


class Server(process.Process):
    """A running server."""

    name = "MariaDB"
    refusal = pymysql.OperationalError

    def __init__(self, program: process.Program, port: int) -> None:
        super().__init__(program)
        self.port = port

    def url(self, database: str) -> str:
        place = f"{USER}@{ports.HOST}:{self.port}/{database}"
        # The server has no certificate, and for each connection PyMySQL would load
        # those of the system.
        return f"mysql+pymysql://{place}?ssl_disabled=true"

    def execute(self, *statements: str) -> None:
        """Run the statements in order on a new connection."""
        with contextlib.closing(self.connect()) as conn, conn.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, statement: str) -> list[tuple[typing.Any, ...]]:
        """Return the rows of a query."""
        with contextlib.closing(self.connect()) as conn, conn.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def end_connections(self, database: str) -> int:
        """End all connections to a database; return their number."""
        connections = self.rows(
            f"SELECT id FROM information_schema.processlist WHERE db = '{database}'"
        )
        for (number,) in connections:
            # It may have ended meanwhile.
            with contextlib.suppress(pymysql.OperationalError):
                self.execute(f"KILL {number}")
        return len(connections)

    def connect(self, **options: typing.Any) -> "pymysql.Connection[typing.Any]":
        """Return a connection in autocommit mode; ``options`` are those of PyMySQL."""
        return pymysql.connect(
            host=ports.HOST,
            port=self.port,
            user=USER,
            autocommit=True,
            ssl_disabled=True,
            **options,
        )

    def ping(self) -> None:
        self.connect().close()


@startup.repeated
@contextlib.contextmanager
def running(
    durable: bool = False, options: Options | None = None, on_disk: bool = False
) -> collections.abc.Iterator[Server]:
    """Run a new server until the block ends, and remove it.

    A ``durable`` server waits for the disk at COMMIT; the commits of others survive a
    crash of the server but not of the machine. ``options`` override the defaults. Other
    servers than durable ones keep their files in memory, unless ``on_disk``.

    Raises MissingError if the programs are missing, RuntimeError with their output if
    they fail.
    """
    with _directory(durable or on_disk) as (directory, account):
        initialise(directory, account)
        settings = {**(DURABLE if durable else FAST), **(options or {})}
        started = start(directory, account, ports.free_port(), settings)
        with process.ready(started) as server:
            yield server


# Options of every server of the tests.
_ALL: Options = {
    "bind-address": ports.HOST,
    "skip-name-resolve": "ON",
    "max-connections": 200,
    "performance-schema": "OFF",
    "innodb-buffer-pool-size": "128M",
    "innodb-log-file-size": "32M",
    "innodb-buffer-pool-dump-at-shutdown": "OFF",
    "innodb-buffer-pool-load-at-startup": "OFF",
    # The service must not depend on the defaults of the server.
    "character-set-server": "utf8mb4",
    "collation-server": "utf8mb4_general_ci",
}
DURABLE: Options = {"innodb-flush-log-at-trx-commit": 1}
FAST: Options = {
    # COMMIT writes the log but does not flush it to disk.
    "innodb-flush-log-at-trx-commit": 2,
    "innodb-flush-method": "nosync",
    "innodb-doublewrite": "OFF",
    # Tests create many tables; each of them would flush several files.
    "innodb-file-per-table": "OFF",
    "sync-frm": "OFF",
    "debug-no-sync": "ON",
}


def initialise(directory: pathlib.Path, account: accounts.Account | None) -> None:
    """Create the data directory of a server, with a privileged user.

    It is a copy, which is faster than to create another one. Raises MissingError if
    the programs are missing, RuntimeError with their output if they fail.
    """
    # With the dot, it copies the content also into an existing directory.
    content = f"{_initialised()}/."
    _make(directory, account, "cp", "--archive", content, directory / "data")


@functools.cache
def _initialised() -> pathlib.Path:
    """Return the data directory to copy, which exists until the process ends."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    directory, account = stack.enter_context(_directory())
    first = directory / "first.sql"
    first.write_text(_FIRST)
    _make(
        directory,
        account,
        process.found("mariadb-install-db"),
        "--no-defaults",
        f"--datadir={directory / 'data'}",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
        f"--extra-file={first}",
        *_arguments({**_ALL, **FAST}),
    )
    return directory / "data"


@contextlib.contextmanager
def _directory(
    on_disk: bool = False,
) -> collections.abc.Iterator[tuple[pathlib.Path, accounts.Account | None]]:
    """Yield a new directory, and the account that it belongs to."""
    account = accounts.for_server("mysql")
    with process.directory("mariadb", on_disk) as directory:
        accounts.give(directory, account)
        yield directory, account


def _make(
    directory: pathlib.Path,
    account: accounts.Account | None,
    *command: str | pathlib.Path,
) -> None:
    process.run(process.Program(command, directory, _environment(directory), account))


def start(
    directory: pathlib.Path,
    account: accounts.Account | None,
    port: int,
    options: Options,
) -> Server:
    """Start a server in an initialised directory; it may not be ready yet."""
    settings = {
        "datadir": directory / "data",
        "socket": directory / "socket",
        "pid-file": directory / "pid",
        "port": port,
        **_ALL,
        **options,
    }

    command = (process.found("mariadbd"), "--no-defaults", *_arguments(settings))
    environment = _environment(directory)
    return Server(process.Program(command, directory, environment, account), port)


def _arguments(options: Options) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items()]


def _environment(directory: pathlib.Path) -> dict[str, str]:
    """Return the environment without variables that configure the programs."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MYSQL", "MARIADB"))
    }
    return kept | {"HOME": str(directory), "TMPDIR": str(directory)}
