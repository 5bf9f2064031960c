"""A PostgreSQL cluster, a database per schema and cloud, and running services."""

import collections.abc
import contextlib
import pathlib
import resource
import tempfile
import typing

from benchmarks import clouds, loading, measure, services
from tests.servers import configuration, postgresql, programs, server

# Limit the memory of each process, so that a search that a service cannot handle does
# not exhaust the machine.
_ADDRESS_SPACE_BYTES = 8 * 2**30


class Running(typing.NamedTuple):
    """A running service; ``pids`` are its main process and that of the database."""

    name: str
    url: str
    pids: list[int]

    def peak_bytes(self) -> int:
        """Return the peak of resident memory of the service's largest process."""
        return measure.peak_bytes(self.pids[0])


class Stage:
    """Creates databases on first use and keeps them until the end."""

    def __init__(self, cluster: postgresql.Cluster, workers: int, threads: int) -> None:
        self.cluster = cluster
        self._workers = workers
        self._threads = threads
        self._databases: dict[tuple[pathlib.Path, clouds.Shape], str] = {}

    def database(self, service: services.Service, shape: clouds.Shape) -> str:
        """Return the URL of a database with the schema of ``service`` and the cloud.

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
    """Yield a stage on a PostgreSQL that syncs to disk, as in production."""
    with postgresql.running(durable=True) as cluster:
        yield Stage(cluster, workers, threads)


def prepare(service: services.Service, url: str) -> None:
    """Migrate an empty database with the service's own command; sync standard names."""
    with tempfile.TemporaryDirectory() as made:
        configuration.write(pathlib.Path(made), url)
        programs.migrate(pathlib.Path(made), service.python)
        programs.start_once(pathlib.Path(made), service.python)
