"""``placement serve``: a server on this machine, with or without configuration."""

import os
import pathlib
import secrets
import sys
import typing

import click
from gunicorn.app.base import BaseApplication
from oslo_config import cfg
from oslo_log import log

from placement import deploy, distribution, exception
from placement.client import location
from placement.cmd import failures
from placement.conf import find
from placement.wsgi import worker

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

DATABASE_FILE = "placement.db"

_DEFAULT_BIND = "127.0.0.1:8778"
_GRACE_SECONDS = 30


@click.command()
@click.option(
    "--bind",
    default=_DEFAULT_BIND,
    show_default=True,
    metavar="HOST:PORT",
    help="Address to listen on; port 0 takes a free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Processes that answer requests.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    default=4,
    show_default=True,
    help="Threads of each worker.",
)
@click.option(
    "--config-file",
    "config_files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="Read this placement.conf; may be repeated.",
)
@click.option(
    "--config-dir",
    "config_dirs",
    multiple=True,
    type=click.Path(exists=True, file_okay=False),
    help="Read all *.conf of this directory; may be repeated.",
)
def serve(
    bind: str,
    workers: int,
    threads: int,
    config_files: tuple[str, ...],
    config_dirs: tuple[str, ...],
) -> None:
    """Run a server on this machine until it is told to stop (SIGTERM, Ctrl-C).

    It reads the configuration that the options name, else that of
    OS_PLACEMENT_CONFIG_DIR or the default places. Where none says which database to
    use, the server brings its own: SQLite in the state directory, and a token that
    only its owner can read.
    """
    directory = location.state_directory()
    try:
        distribution.require_sole()
        config = _read(config_files, config_dirs)
        if not config.placement_database.connection:
            _bring_own(config, directory)
        log.setup(config, "placement")
        application = deploy.loadapp(config)
    except (exception.ConfigurationError, cfg.Error, OSError) as refused:
        raise failures.NotPossibleNow(str(refused)) from refused
    _Server(application, bind, workers, threads, directory).run()


def _read(
    config_files: tuple[str, ...], config_dirs: tuple[str, ...]
) -> cfg.ConfigOpts:
    argv = [f"--config-file={path}" for path in config_files]
    argv += [f"--config-dir={path}" for path in config_dirs]
    if argv:
        return find.command_config(argv)
    return find.service_config()


def _bring_own(config: cfg.ConfigOpts, directory: pathlib.Path) -> None:
    """Set what is needed to run without any configuration."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = directory.resolve() / DATABASE_FILE
    token_file = directory.resolve() / location.TOKEN_FILE
    if not token_file.exists():
        _make_token(token_file)
    config.set_override("connection", f"sqlite:///{database}", "placement_database")
    config.set_override("sync_on_startup", True, "placement_database")
    config.set_override("auth_strategy", "token", "api")
    config.set_override("token_file", str(token_file), "api")


def _make_token(path: pathlib.Path) -> None:
    """Make the administrator token, and show it this once."""
    token = secrets.token_urlsafe(32)
    # Made for its owner only, not made so afterwards.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(f"{token}\n")
    click.echo(f"The administrator token, kept in {path}: {token}")


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """The application under gunicorn."""

    def __init__(
        self,
        application: "WSGIApplication",
        bind: str,
        workers: int,
        threads: int,
        directory: pathlib.Path,
    ) -> None:
        self._application = application
        self._endpoint_file = directory / location.ENDPOINT_FILE
        self._options = {
            "bind": bind,
            "workers": workers,
            "worker_class": worker.Worker,
            "threads": threads,
            "graceful_timeout": _GRACE_SECONDS,
            # The service logs its requests itself.
            "loglevel": "warning",
            "proc_name": "placement",
            # What the application has read is shared by the workers.
            "preload_app": True,
            "control_socket_disable": True,
            "when_ready": self._ready,
            "on_exit": self._stopped,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            # Not every release of gunicorn has every setting.
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> "WSGIApplication":
        return self._application

    def _ready(self, arbiter: typing.Any) -> None:
        host, port = arbiter.LISTENERS[0].sock.getsockname()[:2]
        # Who listens everywhere is found here as well.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        endpoint = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        try:
            self._endpoint_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._endpoint_file.write_text(f"{endpoint}\n", encoding="ascii")
        except OSError as unwritable:
            click.echo(f"Commands will not find this server: {unwritable}", err=True)
        click.echo(f"Placement answers at {endpoint}")
        sys.stdout.flush()

    def _stopped(self, _arbiter: typing.Any) -> None:
        self._endpoint_file.unlink(missing_ok=True)
