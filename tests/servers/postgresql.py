"""Run a private PostgreSQL cluster."""

import atexit
import collections.abc
import contextlib
import functools
import os
import pathlib
import shutil
import signal
import typing

import psycopg2

from tests import waiting
from tests.servers import accounts, ports, process, startup

USER = "placement"

# Settings of a server, by name.
Settings = collections.abc.Mapping[str, object]


def programs() -> pathlib.Path:
    """Return the directory with ``initdb``, ``postgres`` and ``pg_basebackup``.

    Debian has a directory per version, not on PATH; the newest is used.
    Raises MissingError if there is none.
    """
    on_path = shutil.which("initdb")
    if on_path and pathlib.Path(on_path).with_name("postgres").exists():
        # A link may be in a directory without the other programs.
        return pathlib.Path(on_path).resolve().parent
    debian = pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb")
    found = sorted(debian, key=lambda initdb: float(initdb.parts[-3]))
    if not found:
        raise accounts.MissingError(
            "no PostgreSQL server programs (initdb, postgres) found"
        )
    return found[-1].parent


class Cluster(process.Process):
    """A running server; ``pid`` is that of the postmaster."""

    name = "PostgreSQL"
    refusal = psycopg2.OperationalError
    # A fast shutdown, which aborts all transactions.
    stop_signal = signal.SIGINT

    def __init__(self, program: process.Program, port: int) -> None:
        super().__init__(program)
        self.port = port

    def url(self, database: str) -> str:
        return f"postgresql+psycopg2://{USER}@{ports.HOST}:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        """Run a statement in autocommit mode."""
        self._rows(statement, "postgres")

    def value(self, expression: str, database: str = "postgres") -> typing.Any:
        """Return the value of an SQL expression."""
        ((value,),) = self._rows(f"SELECT {expression}", database)
        return value

    def wait_until(self, condition: str) -> None:
        """Wait until an SQL expression is true.

        Raises RuntimeError after a minute.
        """
        waiting.until(
            lambda: self.value(condition), lambda: f"still false: {condition}"
        )

    def ping(self) -> None:
        self._connect().close()

    def kill(self) -> None:
        """Stop it without a checkpoint, so that the next start recovers from WAL."""
        # An immediate shutdown.
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(self.stop_seconds)

    def _rows(self, statement: str, database: str) -> list[tuple[typing.Any, ...]]:
        conn = self._connect(database)
        try:
            conn.autocommit = True
            with conn.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            conn.close()

    def _connect(self, database: str = "postgres") -> "psycopg2.extensions.connection":
        return psycopg2.connect(
            host=ports.HOST, port=self.port, user=USER, dbname=database
        )


@contextlib.contextmanager
def running(
    durable: bool = False,
    settings: Settings | None = None,
    has_own_identifier: bool = False,
) -> collections.abc.Iterator[Cluster]:
    """Run a new cluster until the block ends, and remove it.

    A ``durable`` cluster waits for the disk at COMMIT; others are faster and may lose
    commits in a crash. ``settings`` override the settings for that. Clusters have the
    same system identifier, unless one ``has_own_identifier``, which takes longer.

    Raises MissingError if the programs are missing, RuntimeError with their output if
    they fail.
    """
    with (
        _made(_initdb if has_own_identifier else _initialise, durable) as directory,
        _running_in(directory, durable, settings) as made,
    ):
        yield made


@contextlib.contextmanager
def following(
    primary: Cluster,
    name: str,
    durable: bool = False,
    settings: Settings | None = None,
) -> collections.abc.Iterator[Cluster]:
    """Run a standby of a running cluster with the application_name ``name``.

    It replicates from the port of ``primary``. Raises what ``running`` does.
    """

    def copy(*place: typing.Any) -> None:
        _copy(primary, name, *place)

    with (
        _made(copy, durable) as directory,
        _running_in(directory, durable, settings) as made,
    ):
        yield made


_Make = collections.abc.Callable[
    [pathlib.Path, pathlib.Path, accounts.Account | None], None
]


@contextlib.contextmanager
def _made(make: _Make, on_disk: bool = False) -> collections.abc.Iterator[pathlib.Path]:
    """Yield a directory in which ``make`` has created the data directory."""
    account = accounts.for_server("postgres")
    with process.directory("postgresql", on_disk) as directory:
        accounts.give(directory, account)
        make(programs(), directory, account)
        yield directory


@startup.repeated
@contextlib.contextmanager
def _running_in(
    directory: pathlib.Path, durable: bool, settings: Settings | None
) -> collections.abc.Iterator[Cluster]:
    port = ports.free_port()
    account = accounts.for_server("postgres")
    command: list[str | pathlib.Path] = [
        programs() / "postgres",
        *("-D", directory / "data"),
        *_arguments(directory, port, durable, settings or {}),
    ]
    program = process.Program(command, directory, _environment(), account)
    with process.ready(Cluster(program, port)) as cluster:
        yield cluster


def _arguments(
    directory: pathlib.Path, port: int, durable: bool, wanted: Settings
) -> list[str]:
    switch = "on" if durable else "off"
    settings = {
        "listen_addresses": ports.HOST,
        "port": port,
        "unix_socket_directories": directory,
        "max_connections": 200,
        "fsync": switch,
        "synchronous_commit": switch,
        "full_page_writes": switch,
        **wanted,
    }
    return [f"--{name}={value}" for name, value in settings.items()]


def _initialise(
    _bin_directory: pathlib.Path,
    directory: pathlib.Path,
    account: accounts.Account | None,
) -> None:
    """Create a data directory: a copy, which is faster than to create another one."""
    _make(directory, account, "cp", "--archive", _initialised(), directory / "data")


@functools.cache
def _initialised() -> pathlib.Path:
    """Return the data directory to copy, which exists until the process ends."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(_made(_initdb)) / "data"


def _initdb(
    bin_directory: pathlib.Path,
    directory: pathlib.Path,
    account: accounts.Account | None,
) -> None:
    _make(
        directory,
        account,
        bin_directory / "initdb",
        *("--pgdata", directory / "data"),
        *("--username", USER),
        *("--auth", "trust"),
        *("--encoding", "UTF8"),
        *("--locale", "C"),
        "--no-sync",
    )


def _copy(
    primary: Cluster,
    name: str,
    bin_directory: pathlib.Path,
    directory: pathlib.Path,
    account: accounts.Account | None,
) -> None:
    place = f"host={ports.HOST} port={primary.port} user={USER}"
    _make(
        directory,
        account,
        bin_directory / "pg_basebackup",
        *("--pgdata", directory / "data"),
        *("--dbname", f"{place} application_name={name}"),
        *("--checkpoint", "fast"),
        "--write-recovery-conf",
        "--no-sync",
    )


def _make(
    directory: pathlib.Path,
    account: accounts.Account | None,
    *command: str | pathlib.Path,
) -> None:
    process.run(process.Program(command, directory, _environment(), account))


def _environment() -> dict[str, str]:
    """Return the environment without variables that configure the programs."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("PG")
    }
