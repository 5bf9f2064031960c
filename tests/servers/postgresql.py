"""A private PostgreSQL cluster: where its programs are, how it lives and ends."""

import collections.abc
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import typing

import psycopg2

from tests.servers import accounts, ports

USER = "placement"
START_SECONDS = 60
STOP_SECONDS = 20

# Settings of a server, by name.
Settings = collections.abc.Mapping[str, object]


def programs() -> pathlib.Path:
    """Return the directory with ``initdb``, ``postgres`` and ``pg_basebackup``.

    Debian keeps them off the path, one directory per version; the newest counts.
    Raises MissingError when there are none.
    """
    on_path = shutil.which("initdb")
    if on_path and pathlib.Path(on_path).with_name("postgres").exists():
        # It may be a link, beside which not all others are.
        return pathlib.Path(on_path).resolve().parent
    debian = pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb")
    found = sorted(debian, key=lambda initdb: float(initdb.parts[-3]))
    if not found:
        raise accounts.MissingError(
            "no PostgreSQL server programs (initdb, postgres) found"
        )
    return found[-1].parent


class Cluster:
    """A running server with a directory and a port of its own.

    ``pid`` is that of the first process; those of the connections descend from it.
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

    def url(self, database: str) -> str:
        return f"postgresql+psycopg2://{USER}@{ports.HOST}:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        """Run one statement that must not be inside a transaction."""
        self._rows(statement, "postgres")

    def value(self, expression: str, database: str = "postgres") -> typing.Any:
        """Return what an expression comes to."""
        ((value,),) = self._rows(f"SELECT {expression}", database)
        return value

    def wait_until(self, condition: str) -> None:
        """Return when an expression is true.

        Raises RuntimeError when that takes longer than a minute.
        """
        deadline = time.monotonic() + START_SECONDS
        while not self.value(condition):
            if time.monotonic() > deadline:
                raise RuntimeError(f"not so after a minute: {condition}")
            time.sleep(0.01)

    def wait_until_ready(self) -> None:
        """Return when it takes connections.

        Raises RuntimeError when it ends instead, or takes longer than a minute.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(psycopg2.OperationalError):
                self._connect().close()
                return
            time.sleep(0.05)
        raise RuntimeError("the private PostgreSQL did not start")

    def stop(self) -> None:
        """End it and all its connections, whatever they are doing."""
        # The signal of a fast shutdown: it does not wait for clients.
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End it at once; as after a crash, it has to recover when it runs again."""
        # The signal of an immediate shutdown.
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(STOP_SECONDS)

    def start_again(self) -> None:
        """Run it anew where it was, after ``stop`` or ``kill``, until it is ready."""
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
    durable: bool = False, settings: Settings | None = None
) -> collections.abc.Iterator[Cluster]:
    """Make a cluster, run it, and leave nothing of it behind.

    ``durable`` makes it wait for its disk as a real one does; without it, it is
    as fast as memory and as safe. ``settings`` win over what follows from that.

    Raises MissingError when there are no programs, RuntimeError with their words
    when they fail.
    """
    with (
        _made(_initialise) as directory,
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
    """Copy a cluster that runs, and run the copy as a standby called ``name``.

    It follows what is at the port of ``primary``, has all that was there, and is
    told of all else as it comes. Raises what ``running`` does.
    """

    def copy(*place: typing.Any) -> None:
        _copy(primary, name, *place)

    with _made(copy) as directory, _running_in(directory, durable, settings) as made:
        yield made


@contextlib.contextmanager
def _made(
    make: collections.abc.Callable[
        [pathlib.Path, pathlib.Path, accounts.Account | None], None
    ],
) -> collections.abc.Iterator[pathlib.Path]:
    """Yield a directory in which ``make`` has made the one of a server."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="placement-postgresql-"))
    account = accounts.for_server("postgres")
    try:
        if account is not None:
            os.chown(directory, account.user, account.group)
        make(programs(), directory, account)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


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
                # A break at the terminal is for the tests; they end it in their order.
                start_new_session=True,
                **accounts.options(account),
            )

    return Cluster(directory, port, launch)


def _environment() -> dict[str, str]:
    """Return the environment without settings that would lead elsewhere."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("PG")
    }
