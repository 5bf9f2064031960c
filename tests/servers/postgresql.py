"""Run a private PostgreSQL cluster."""

import atexit
import collections.abc
import contextlib
import functools
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import typing

import psycopg2

from tests.servers import accounts, ports, startup

USER = "placement"
STOP_SECONDS = 20

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


class Cluster:
    """A running server with its own directory and port.

    ``pid`` is that of the postmaster, the parent of all sessions.
    """

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

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

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
        deadline = time.monotonic() + startup.SECONDS
        while not self.value(condition):
            if time.monotonic() > deadline:
                raise RuntimeError(f"still false after a minute: {condition}")
            time.sleep(0.01)

    def wait_until_ready(self) -> None:
        """Wait until it accepts connections.

        Raises EndedError if it ends, RuntimeError after a minute.
        """
        startup.wait_until_ready(
            self._process,
            lambda: self._connect().close(),
            psycopg2.OperationalError,
            "PostgreSQL",
            self.directory / "log",
        )

    def stop(self) -> None:
        """Stop it, and abort all transactions."""
        # A fast shutdown, which does not wait for clients.
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """Stop it without a checkpoint, so that the next start recovers from WAL."""
        # An immediate shutdown.
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(STOP_SECONDS)

    def start_again(self) -> None:
        """Start it again after ``stop`` or ``kill``, and wait until it is ready."""
        self._process = self._launch()
        self.wait_until_ready()

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
        _made(_initdb if has_own_identifier else _initialise) as directory,
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

    with _made(copy) as directory, _running_in(directory, durable, settings) as made:
        yield made


_Make = collections.abc.Callable[
    [pathlib.Path, pathlib.Path, accounts.Account | None], None
]


@contextlib.contextmanager
def _made(make: _Make) -> collections.abc.Iterator[pathlib.Path]:
    """Yield a directory in which ``make`` has created the data directory."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="placement-postgresql-"))
    account = accounts.for_server("postgres")
    try:
        if account is not None:
            os.chown(directory, account.user, account.group)
        make(programs(), directory, account)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@startup.repeated
@contextlib.contextmanager
def _running_in(
    directory: pathlib.Path, durable: bool, settings: Settings | None
) -> collections.abc.Iterator[Cluster]:
    cluster = _start(
        programs(), directory, accounts.for_server("postgres"), durable, settings or {}
    )
    try:
        cluster.wait_until_ready()
        yield cluster
    finally:
        cluster.stop()


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
    made = subprocess.run(
        command,
        cwd=directory,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **accounts.options(account),
    )
    if made.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{made.stdout}")


def _start(
    bin_directory: pathlib.Path,
    directory: pathlib.Path,
    account: accounts.Account | None,
    durable: bool,
    wanted: Settings,
) -> Cluster:
    port = ports.free_port()
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

    def launch() -> "subprocess.Popen[bytes]":
        with open(directory / "log", "ab") as log:
            return subprocess.Popen(
                [
                    bin_directory / "postgres",
                    *("-D", directory / "data"),
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                cwd=directory,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is handled by pytest, which then stops the server.
                start_new_session=True,
                **accounts.options(account),
            )

    return Cluster(directory, port, launch)


def _environment() -> dict[str, str]:
    """Return the environment without variables that configure the programs."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("PG")
    }
