"""One PostgreSQL, a database for each schema and cloud, and servers on them."""

import collections.abc
import contextlib
import pathlib
import resource
import tempfile
import typing

from benchmarks import clouds, loading, measure, services
from tests.servers import configuration, postgresql, programs, server

# A process that wants more is refused, so that the machine lives through what a
# service does with a question that is too much for it.
_ADDRESS_SPACE_BYTES = 8 * 2**30


class Running(typing.NamedTuple):
    """A service that listens; ``pids`` are its first process and the database's."""

    name: str
    url: str
    pids: list[int]

    def peak_bytes(self) -> int:
        """Return the most memory that a process of the service has had."""
        return measure.peak_bytes(self.pids[0])


class Stage:
    """Makes databases when they are first asked for, and keeps them to the end."""

    def __init__(self, cluster: postgresql.Cluster, workers: int, threads: int) -> None:
        self.cluster = cluster
        self._workers = workers
        self._threads = threads
        self._databases: dict[tuple[pathlib.Path, clouds.Shape], str] = {}

    def database(self, service: services.Service, shape: clouds.Shape) -> str:
        """Return the URL of a database with the schema of ``service`` and a cloud.

        Services from the same virtual environment share it.
        """
        key = service.python, shape
        if key not in self._databases:
            name = f"cloud_{len(self._databases)}"
            self.cluster.execute(f"CREATE DATABASE {name}")
            url = self.cluster.url(name)
            prepare(service, url)
            loading.load(shape(), url, service.keeps_used)
            self._databases[key] = url
        return self._databases[key]

    @contextlib.contextmanager
    def serving(
        self, service: services.Service, shape: clouds.Shape
    ) -> collections.abc.Iterator[Running]:
        """Run new processes of a service on a cloud until the block ends."""
        with server.processes(
            self.database(service, shape),
            workers=self._workers,
            threads=self._threads,
            options=service.options,
            python=service.python,
        ) as listening:
            bound = (_ADDRESS_SPACE_BYTES, _ADDRESS_SPACE_BYTES)
            for pid in measure.descendants(listening.pid):
                resource.prlimit(pid, resource.RLIMIT_AS, bound)
            pids = [listening.pid, self.cluster.pid]
            yield Running(service.name, listening.url, pids)


@contextlib.contextmanager
def opened(workers: int, threads: int) -> collections.abc.Iterator[Stage]:
    """Yield a stage on a PostgreSQL that waits for its disk as a real one does."""
    with postgresql.running(durable=True) as cluster:
        yield Stage(cluster, workers, threads)


def prepare(service: services.Service, url: str) -> None:
    """Migrate an empty database with the service's own command; put names in."""
    with tempfile.TemporaryDirectory() as made:
        configuration.write(pathlib.Path(made), url)
        programs.migrate(pathlib.Path(made), service.python)
        programs.start_once(pathlib.Path(made), service.python)
