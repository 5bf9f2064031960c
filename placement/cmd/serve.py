"""``placement serve``: run a server, with or without configuration."""

import atexit
import fcntl
import os
import pathlib
import secrets
import shutil
import socket
import sys
import tempfile
import typing

import click
from gunicorn.app.base import BaseApplication
from oslo_config import cfg

from placement import deploy, distribution, exception, wsgi
from placement.client import location
from placement.cmd import atomic, failures, listener
from placement.conf import find, log
from placement.metrics import store
from placement.wsgi import gunicorn_log, worker

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

DATABASE_FILE = "placement.db"
LOCK_FILE = "lock"
METRICS_DIRECTORY = "metrics"

_DEFAULT_BIND = "127.0.0.1:8778"
_GRACE_SECONDS = 30
_FOR_OWNER, _FOR_ALL = 0o600, 0o644


@click.command()
@click.option(
    "--bind",
    default=_DEFAULT_BIND,
    show_default=True,
    callback=listener.address,
    metavar="HOST:PORT",
    help="Address to listen on; port 0 is any free port.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Number of worker processes.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    default=4,
    show_default=True,
    help="Number of threads per worker.",
)
@click.option(
    "--config-file",
    "config_files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="Read this file; can be repeated.",
)
@click.option(
    "--config-dir",
    "config_dirs",
    multiple=True,
    type=click.Path(exists=True, file_okay=False),
    help="Read all *.conf files in this directory; can be repeated.",
)
def serve(
    bind: listener.Address,
    workers: int,
    threads: int,
    config_files: tuple[str, ...],
    config_dirs: tuple[str, ...],
) -> None:
    """Run a server on this machine until SIGTERM or Ctrl-C.

    It reads the configuration files of the options or, without options, those of
    OS_PLACEMENT_CONFIG_DIR or the default places. Without configuration it uses SQLite
    in the state directory and a generated token that only its owner can read.
    """
    opened = listener.listen(bind)
    directory = location.state_directory()
    try:
        distribution.require_sole()
        config = _read(config_files, config_dirs)
        is_unconfigured = _is_unconfigured(config)
        is_locked = _lock(directory, is_required=is_unconfigured)
        if is_unconfigured:
            _set_standalone_defaults(config, directory)
        if is_locked:
            _set_state_defaults(config, directory.resolve())
        log.setup(config)
        _share_metrics(directory / METRICS_DIRECTORY if is_locked else None)
        application = deploy.loadapp(config, sweeps=True)
        wsgi.spare_collections()
    except (exception.ConfigurationError, cfg.Error, OSError) as failure:
        raise failures.NotPossibleNow(str(failure)) from failure
    endpoint_file = directory / location.ENDPOINT_FILE if is_locked else None
    _Server(application, opened, workers, threads, endpoint_file).run()


def _read(
    config_files: tuple[str, ...], config_dirs: tuple[str, ...]
) -> cfg.ConfigOpts:
    argv = [f"--config-file={path}" for path in config_files]
    argv += [f"--config-dir={path}" for path in config_dirs]
    if argv:
        return find.command_config(argv)
    return find.service_config()


def _is_unconfigured(config: cfg.ConfigOpts) -> bool:
    """Whether there is neither a database nor a configuration file.

    A file without a database is an error: it was not meant to use the default database.
    """
    has_file = config.config_file or config.config_dir
    return not config.placement_database.connection and not has_file


def _set_standalone_defaults(config: cfg.ConfigOpts, directory: pathlib.Path) -> None:
    """Set the defaults of a server without configuration.

    Options in the environment, such as OS_API__AUTH_STRATEGY, take precedence.
    """
    database = directory.resolve() / DATABASE_FILE
    config.set_default("connection", f"sqlite:///{database}", "placement_database")
    config.set_default("sync_on_startup", True, "placement_database")
    config.set_default("auth_strategy", "token", "api")


def _set_state_defaults(config: cfg.ConfigOpts, directory: pathlib.Path) -> None:
    """Set the defaults of files in the state directory, and create the token."""
    links = directory / location.LINK_DIRECTORY
    token_file = directory / location.TOKEN_FILE
    config.set_default("link_directory", str(links), "console")
    config.set_default("token_file", str(token_file), "api")
    if config.api.auth_strategy == "token" and config.api.token_file == str(token_file):
        _ensure_token(token_file)


def _share_metrics(directory: pathlib.Path | None) -> None:
    """Let the workers share their metrics in an empty directory; None: a new one.

    A directory in the environment takes precedence.
    """
    given = os.environ.get(store.DIRECTORY_VARIABLE)
    if not given and directory is None:
        made = tempfile.mkdtemp(prefix="placement-metrics-")
        atexit.register(_remove, made, os.getpid())
        given = made
    store.prepare(given or str(directory))


def _remove(directory: str, pid: int) -> None:
    # Workers are forks, and end before their master.
    if os.getpid() == pid:
        shutil.rmtree(directory, ignore_errors=True)


def _ensure_token(path: pathlib.Path) -> None:
    """Generate the administrator token if the file is missing or empty."""
    if path.exists() and path.stat().st_size:
        return
    atomic.write(path, f"{secrets.token_urlsafe(32)}\n", _FOR_OWNER)
    # The token itself would end up in the journal.
    click.echo(f"Generated an administrator token in {path}")


def _lock(directory: pathlib.Path, is_required: bool) -> bool:
    """Create the state directory and lock it until this process ends.

    Returns False if that fails and is not required: a server with a configured database
    can run without a state directory.

    Raises NotPossibleNow when another server holds the lock; OSError.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, _FOR_ALL)
        try:
            # Released when this process and its workers have ended.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise failures.NotPossibleNow(_locked(directory, descriptor)) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        # A server that was killed leaves this file.
        (directory / location.ENDPOINT_FILE).unlink(missing_ok=True)
    except OSError as unusable:
        if is_required:
            raise
        click.echo(f"Commands will not find this server: {unusable}", err=True)
        return False
    return True


def _locked(directory: pathlib.Path, descriptor: int) -> str:
    process = os.read(descriptor, 20).decode().strip() or "unknown"
    try:
        at = (directory / location.ENDPOINT_FILE).read_text().strip()
    except FileNotFoundError:
        at = "starting"
    return (
        f"A server is already running in {directory} (process {process}, {at}). Stop "
        "it, or set PLACEMENT_STATE_DIR to another directory."
    )


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """The application under gunicorn."""

    def __init__(
        self,
        application: "WSGIApplication",
        opened: socket.socket,
        workers: int,
        threads: int,
        endpoint_file: pathlib.Path | None,
    ) -> None:
        self._application = application
        self._endpoint_file = endpoint_file
        self._options = {
            "bind": f"fd://{opened.detach()}",
            "workers": workers,
            "worker_class": worker.Worker,
            "threads": threads,
            "graceful_timeout": _GRACE_SECONDS,
            # The service logs requests itself.
            "loglevel": "warning",
            "logger_class": gunicorn_log.Logger,
            "proc_name": "placement",
            # Workers share the memory of the imported application.
            "preload_app": True,
            "control_socket_disable": True,
            "when_ready": self._ready,
            "on_exit": self._stopped,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            # Older releases of gunicorn lack some settings.
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> "WSGIApplication":
        return self._application

    def _ready(self, arbiter: typing.Any) -> None:
        host, port = arbiter.LISTENERS[0].sock.getsockname()[:2]
        # The wildcard addresses are not addresses to connect to.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        endpoint = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        if self._endpoint_file:
            try:
                atomic.write(self._endpoint_file, f"{endpoint}\n", _FOR_ALL)
            except OSError as unwritable:
                click.echo(
                    f"Commands will not find this server: {unwritable}", err=True
                )
        click.echo(f"Placement is listening at {endpoint}")
        sys.stdout.flush()

    def _stopped(self, _arbiter: typing.Any) -> None:
        if self._endpoint_file:
            self._endpoint_file.unlink(missing_ok=True)
