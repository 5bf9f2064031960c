"""Run the service on a database, in this process or under gunicorn."""

import collections.abc
import contextlib
import pathlib
import tempfile
import typing
import urllib.request

from placement import deploy
from placement.conf import find
from tests import waiting
from tests.servers import configuration, ports, process, programs, startup

# The worker class of this service; the peer has none.
_WORKER = "placement.wsgi.worker.Worker"

Application = collections.abc.Callable[..., collections.abc.Iterable[bytes]]


@contextlib.contextmanager
def in_process(
    url: str,
    options: configuration.Options | None = None,
    policy: configuration.Policy | None = None,
) -> collections.abc.Iterator[Application]:
    """Yield the WSGI application, configured by a file."""
    with tempfile.TemporaryDirectory(prefix="placement-config-") as made:
        configuration.write(pathlib.Path(made), url, options, policy)
        yield deploy.loadapp(find.service_config({find.DIRECTORY_VARIABLE: made}))


class Server(typing.NamedTuple):
    """A running service; ``pid`` is that of the gunicorn master."""

    url: str
    pid: int


@startup.repeated
@contextlib.contextmanager
def processes(
    database_url: str,
    *,
    workers: int = 2,
    threads: int = 4,
    options: configuration.Options | None = None,
    policy: configuration.Policy | None = None,
    python: pathlib.Path = programs.THIS,
    prefix: str = "",
    arguments: collections.abc.Sequence[str] = (),
) -> collections.abc.Iterator[Server]:
    """Run the service under gunicorn until the block ends.

    ``python`` is the interpreter of the virtual environment to serve from;
    ``prefix`` is the path to mount the service at, such as ``/placement``.
    ``arguments`` are further ones of gunicorn, such as ``--preload``.

    Raises RuntimeError with the log of the server if it does not become ready.
    """
    with tempfile.TemporaryDirectory(prefix="placement-server-") as made:
        config_dir = pathlib.Path(made)
        configuration.write(config_dir, database_url, options, policy)
        port = ports.free_port()
        url = f"http://{ports.HOST}:{port}{prefix}"
        command = _command(python, port, workers, threads)
        command += arguments
        # gunicorn takes the mount point from the environment.
        environment = programs.environment(config_dir) | {"SCRIPT_NAME": prefix}
        with listening(command, config_dir, environment, url) as pid:
            yield Server(url, pid)


@contextlib.contextmanager
def listening(
    command: collections.abc.Sequence[str | pathlib.Path],
    directory: pathlib.Path,
    environment: collections.abc.Mapping[str, str],
    url: str,
) -> collections.abc.Iterator[int]:
    """Run a server in ``directory`` until the block ends; yields its process id.

    It is ready when it answers at ``url``. Its output is in ``server.log``.

    Raises EndedError if it ends before, RuntimeError after a minute; both with the end
    of that log.
    """
    program = process.Program(command, directory, environment)
    with process.ready(_HttpServer(program, url)) as started:
        yield started.pid


class _HttpServer(process.Process):
    # urllib raises subclasses of it.
    refusal = OSError
    stop_seconds = 15

    def __init__(self, program: process.Program, url: str) -> None:
        super().__init__(program)
        self.name = url

    def ping(self) -> None:
        urllib.request.urlopen(f"{self.name}/", timeout=waiting.SECONDS).close()


def _command(
    python: pathlib.Path, port: int, workers: int, threads: int
) -> list[str | pathlib.Path]:
    return [
        python,
        *("-m", "gunicorn"),
        *("--bind", f"{ports.HOST}:{port}"),
        *("--worker-class", _WORKER if python == programs.THIS else "gthread"),
        *("--workers", str(workers)),
        *("--threads", str(threads)),
        *("--graceful-timeout", "5"),
        "placement.wsgi.api:application",
    ]
