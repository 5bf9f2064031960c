"""The services do the same work on the same data, in turns."""

import collections.abc
import contextlib
import pathlib
import statistics
import tempfile
import typing

from benchmarks import clouds, measure, scenarios, services
from tests.functional import configuration, postgresql, programs, server


class Running(typing.NamedTuple):
    """A service that listens; ``pids`` are its first process and the database's."""

    name: str
    url: str
    pids: list[int]


class Result(typing.NamedTuple):
    """Medians per operation for one scenario, by name of the service."""

    scenario: str
    cloud: str
    medians: dict[str, measure.Sample]


def compare(
    compared: list[services.Service],
    chosen: list[scenarios.Scenario],
    rounds: int,
    workers: int,
    threads: int,
) -> collections.abc.Iterator[Result]:
    """Yield what came of each scenario, as they end.

    All services use one private PostgreSQL that writes to disk as a real one does,
    and run under gunicorn with the same numbers. Each scenario gets its cloud in a
    new database for each service.
    """
    with postgresql.running(durable=True) as cluster:
        for number, scenario in enumerate(chosen):
            cloud = scenario.cloud()
            with contextlib.ExitStack() as stack:
                running = [
                    stack.enter_context(
                        _serving(service, cluster, number, cloud, workers, threads)
                    )
                    for service in compared
                ]
                yield _run(scenario, cloud, running, rounds)


@contextlib.contextmanager
def _serving(
    service: services.Service,
    cluster: postgresql.Cluster,
    number: int,
    cloud: clouds.Cloud,
    workers: int,
    threads: int,
) -> collections.abc.Iterator[Running]:
    database = f"{service.name}_{number}"
    cluster.execute(f"CREATE DATABASE {database}")
    url = cluster.url(database)
    prepare(service, url)
    clouds.load(cloud, url)
    with server.processes(
        url, workers=workers, threads=threads, python=service.python
    ) as listening:
        yield Running(service.name, listening.url, [listening.pid, cluster.pid])
    cluster.execute(f"DROP DATABASE {database} WITH (FORCE)")


def prepare(service: services.Service, url: str) -> None:
    """Migrate an empty database with the service's own command; put names in."""
    with tempfile.TemporaryDirectory() as made:
        configuration.write(pathlib.Path(made), url)
        programs.migrate(pathlib.Path(made), service.python)
        programs.start_once(pathlib.Path(made), service.python)


def _run(
    scenario: scenarios.Scenario,
    cloud: clouds.Cloud,
    running: list[Running],
    rounds: int,
) -> Result:
    """Measure in turns, so that a slow minute of the machine is slow for all.

    The first round is not counted: pools and caches fill.
    Raises RuntimeError when the services do not come to the same result.
    """
    samples: dict[str, list[measure.Sample]] = {each.name: [] for each in running}
    for turn in range(rounds + 1):
        outcomes = {}
        order = running if turn % 2 else running[::-1]
        for service in order:
            with measure.measured(service.pids) as taken:
                done = scenario.run(service.url, cloud, turn)
            scenario.clean_up(service.url)
            outcomes[service.name] = done.outcome()
            if turn:
                samples[service.name].append(taken[0].per(done.operations))
        first, *others = outcomes.values()
        if any(other != first for other in others):
            raise RuntimeError(f"{scenario.name}: the answers differ: {outcomes}")
    return Result(
        scenario.name,
        cloud.name,
        {name: _median(taken) for name, taken in samples.items()},
    )


def _median(samples: list[measure.Sample]) -> measure.Sample:
    return measure.Sample(
        statistics.median(sample.wall for sample in samples),
        statistics.median(sample.processor for sample in samples),
    )
