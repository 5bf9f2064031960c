"""Time of writes, compared with the peer and with pgbench."""

import collections
import collections.abc
import concurrent.futures
import contextlib
import dataclasses
import functools
import subprocess
import time
import typing

import sqlalchemy as sa

from benchmarks import clouds, hosts, loads, rows, searches, services, turns
from benchmarks.loads import Script
from benchmarks.stage import Running, Stage
from benchmarks.turns import Done, Figures, Limits, Side
from benchmarks.wire import Wire
from tests.servers import postgresql

VERSION = "1.39"
CLIENTS = 16
SUCCESSES = (200, 204)
REFUSAL_INTERVAL = 20
_ONE_POOL = functools.partial(clouds.sharing, 1000, pools=1)
_PGBENCH_SCALE = 10


@dataclasses.dataclass(frozen=True)
class Workload:
    """A row: each client runs the script that ``script`` returns for its number.

    ``operations`` is the number of operations in one attempt.
    """

    name: str
    shape: clouds.Shape
    clients: int
    script: collections.abc.Callable[[int], Script]
    goal: rows.Goal
    allows_conflicts: bool = True
    operations: int = 1


class Tally(typing.NamedTuple):
    """Number of successful operations, of 409 answers, and of operations given up."""

    successes: int
    conflicts: int
    given_up: int


def _own(number: int) -> str:
    """Return a host that no other client uses."""
    return clouds.host_uuid(1 + 2 * number)


def _other(number: int) -> str:
    return clouds.host_uuid(2 + 2 * number)


def _project(number: int) -> str:
    return clouds.uuid_of("project", number)


def _with_pool(number: int) -> loads.Allocations:
    on_host = dict(clouds.CLAIM)
    disk = {"DISK_GB": on_host.pop("DISK_GB")}
    return {_own(number): on_host, clouds.uuid_of("pool", 0): disk}


_FLAT = searches.FLAT_1000
_DISTINCT = Workload(
    "PUT /allocations, 16 clients on distinct hosts",
    _FLAT,
    CLIENTS,
    lambda number: loads.Claims({_own(number): clouds.CLAIM}),
    rows.Goal(7),
)

_REFUSED = dataclasses.replace(
    _DISTINCT,
    name="PUT /allocations, 16 clients on distinct hosts, one in 20 refused",
    script=lambda number: loads.ClaimsWithRefusals(
        {_own(number): clouds.CLAIM},
        full=_other(0),
        interval=REFUSAL_INTERVAL,
        start=number,
    ),
)

_LIMITED = dataclasses.replace(
    _DISTINCT,
    name="PUT /allocations, 16 clients on distinct hosts, a project with limits",
    script=lambda number: loads.ClaimsWithLimits({_own(number): clouds.CLAIM}),
)
# A project for each client.
_OF_PROJECTS = dataclasses.replace(
    _DISTINCT,
    script=lambda number: loads.Claims({_own(number): clouds.CLAIM}, _project(number)),
)
_OF_LIMITED_PROJECTS = dataclasses.replace(
    _LIMITED,
    script=lambda number: loads.ClaimsWithLimits(
        {_own(number): clouds.CLAIM}, _project(number)
    ),
)

_COMPARED_WITH_LIMITS = {
    "claims of projects with limits, to those without": (
        _OF_PROJECTS,
        _OF_LIMITED_PROJECTS,
    ),
    "claims of one project with limits, to those without": (_DISTINCT, _LIMITED),
    "claims of one project with limits by 1 client, to those without": (
        dataclasses.replace(_DISTINCT, clients=1),
        dataclasses.replace(_LIMITED, clients=1),
    ),
}

_SEARCHES = Workload(
    "search (limit=1000) and claim, 16 clients, 1,000 hosts",
    _FLAT,
    CLIENTS,
    loads.SearchesAndClaims,
    rows.Goal(30, by_processor_only=True),
)
WORKLOADS = [
    dataclasses.replace(_DISTINCT, name="PUT /allocations, 1 client", clients=1),
    dataclasses.replace(
        _DISTINCT, name="PUT /allocations, 8 clients on distinct hosts", clients=8
    ),
    _DISTINCT,
    _REFUSED,
    Workload(
        "PUT /allocations, 16 clients on one shared provider",
        _ONE_POOL,
        CLIENTS,
        lambda number: loads.Claims(_with_pool(number)),
        rows.Goal(100),
        allows_conflicts=False,
    ),
    Workload(
        "POST /allocations, 2 consumers (a move)",
        _FLAT,
        1,
        lambda number: loads.Moves(_own(number), _other(number)),
        rows.Goal(7),
    ),
    Workload(
        "POST /allocations, 10 consumers",
        _FLAT,
        1,
        lambda number: loads.Batches({_own(number): clouds.CLAIM}, 10),
        rows.Goal(7),
    ),
    Workload(
        "DELETE /allocations",
        _FLAT,
        1,
        lambda number: loads.Removals({_own(number): clouds.CLAIM}),
        rows.Goal(5),
    ),
    _SEARCHES,
    Workload(
        "periodic report of a host",
        _FLAT,
        1,
        lambda number: hosts.Reports(_own(number)),
        rows.Goal(5),
    ),
    Workload("creating a host", _FLAT, 1, lambda _: hosts.Creations(), rows.Goal(5)),
    Workload(
        "POST /reshaper, a host with 10 consumers",
        _FLAT,
        1,
        lambda _: hosts.Reshapes(),
        rows.Goal(10),
    ),
]


class Clients:
    """Concurrent clients; conflicts are summed over all rounds."""

    def __init__(self, url: str, workload: Workload, timeout_seconds: float) -> None:
        self._url = url
        self._scripts = [workload.script(number) for number in range(workload.clients)]
        self._operations = workload.operations
        self._timeout_seconds = timeout_seconds
        self._tallies: collections.Counter[str] = collections.Counter()

    def prepare(self, times: int) -> None:
        with self._connection() as api:
            for script in self._scripts:
                script.prepare(api, times)

    def run(self, times: int) -> Done[list[Tally]]:
        deadline = time.monotonic() + self._timeout_seconds
        work = functools.partial(self._work, times, deadline)
        with concurrent.futures.ThreadPoolExecutor(len(self._scripts)) as pool:
            tallies = list(pool.map(work, self._scripts))
        successes = sum(tally.successes for tally in tallies)
        if not successes:
            raise TimeoutError
        return Done(successes * self._operations, tallies)

    def outcome(self, answers: list[Tally]) -> Tally:
        with self._connection() as api:
            for script in self._scripts:
                script.clean_up(api)
        for tally in answers:
            self._tallies.update(tally._asdict())
        return Tally(**{name: self._tallies[name] for name in Tally._fields})

    def _work(self, times: int, deadline: float, script: Script) -> Tally:
        conflicts = 0
        with self._connection() as api:
            for done in range(times):
                while (status := script.attempt(api).status) == 409:
                    conflicts += 1
                    if time.monotonic() > deadline:
                        return Tally(done, conflicts, times - done)
                if status not in SUCCESSES:
                    raise RuntimeError(f"{type(script).__name__}: {status}")
        return Tally(times, conflicts, 0)

    def _connection(self) -> Wire:
        return Wire(self._url, VERSION, self._timeout_seconds)


@dataclasses.dataclass(frozen=True)
class Pgbench:
    """Transactions of pgbench, without updates of its hot rows (-N)."""

    url: str

    def initialize(self) -> None:
        """Create the tables."""
        self.call("-i", "-s", str(_PGBENCH_SCALE))

    def prepare(self, times: int) -> None:
        """Do nothing; the tables exist."""

    def run(self, times: int) -> Done[None]:
        self.call("-N", "-n", "-c", str(CLIENTS), "-j", "2", "-t", str(times))
        return Done(times * CLIENTS, None)

    def outcome(self, answers: None) -> None:
        """Return None; there are no answers to compare."""

    def call(self, *options: str) -> None:
        """Run pgbench. Raises CalledProcessError when it fails."""
        url = sa.make_url(self.url)
        # A program on the path may be a link into the directory of all programs.
        program = (postgresql.programs() / "postgres").resolve().with_name("pgbench")
        subprocess.run(
            [
                program,
                *("-h", str(url.host), "-p", str(url.port), "-U", str(url.username)),
                *options,
                str(url.database),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def against_peer(
    stage: Stage, workload: Workload, limits: Limits, timeout_seconds: float
) -> list[rows.Row]:
    """Measure a workload on our service and on the peer alternately."""
    compared = [services.ours(), services.peer()]
    with running(stage, compared, workload.shape) as served:
        sides = [
            Side(each.name, each.pids, Clients(each.url, workload, timeout_seconds))
            for each in served
        ]
        figures = turns.take(sides, limits)
    ours, peer = (figures[service.name] for service in compared)
    if not isinstance(ours, Figures):
        raise RuntimeError(f"our own service: {ours.reason}")
    ratios = {}
    if isinstance(peer, Figures):
        ratios["peer"] = rows.ratio(peer.sample, ours.sample)
    is_invalid = not workload.allows_conflicts and ours.outcome.conflicts > 0
    return [
        rows.Row(
            workload.name,
            workload.goal,
            figures,
            ratios,
            remark=_remark(figures),
            is_invalid=is_invalid or ours.outcome.given_up > 0,
        )
    ]


def against_no_refusals(
    stage: Stage, limits: Limits, timeout_seconds: float
) -> list[rows.Row]:
    """Measure claims with and without refusals alternately."""
    compared = {"without refusals": _DISTINCT, "with refusals": _REFUSED}
    figures = _in_turns(stage, compared, limits, timeout_seconds)
    without, refused = figures.values()
    return [
        rows.Row(
            "claims per second with one in 20 refused, as a part of those without",
            rows.Goal(0.9),
            dict(figures),
            {"rates": rows.ratio(without.sample, refused.sample)},
            remark=_remark(figures),
        )
    ]


def against_no_limits(
    stage: Stage,
    name: str,
    compared: tuple[Workload, Workload],
    limits: Limits,
    timeout_seconds: float,
) -> list[rows.Row]:
    """Measure claims without and with limits alternately."""
    sides = dict(zip(("without limits", "with limits"), compared, strict=True))
    figures = _in_turns(stage, sides, limits, timeout_seconds)
    without, limited = figures.values()
    return [
        rows.Row(
            name,
            rows.Goal(1.2, is_least=False),
            dict(figures),
            {"times": rows.ratio(limited.sample, without.sample)},
            remark=_remark(figures),
        )
    ]


def _in_turns(
    stage: Stage,
    workloads: collections.abc.Mapping[str, Workload],
    limits: Limits,
    timeout_seconds: float,
) -> dict[str, Figures]:
    """Measure workloads of one shape alternately, each in processes of its own."""
    compared = [services.ours()._replace(name=name) for name in workloads]
    with running(stage, compared, _FLAT) as served:
        sides = [
            Side(
                each.name,
                each.pids,
                Clients(each.url, workloads[each.name], timeout_seconds),
            )
            for each in served
        ]
        figures = turns.take(sides, limits)
    measured = {
        name: each for name, each in figures.items() if isinstance(each, Figures)
    }
    if len(measured) < len(workloads):
        raise RuntimeError(f"no answers: {figures}")
    return {name: measured[name] for name in workloads}


def growth(stage: Stage, limits: Limits, timeout_seconds: float) -> list[rows.Row]:
    """Search and claim on a small and on a large cloud alternately."""
    ours = services.ours()
    shapes = {"small": searches.FLAT_1000, "large": searches.FLAT_10000}
    with contextlib.ExitStack() as stack:
        sides = []
        for name, shape in shapes.items():
            workload = dataclasses.replace(_SEARCHES, shape=shape)
            running = stack.enter_context(stage.serving(ours, shape))
            clients = Clients(running.url, workload, timeout_seconds)
            sides.append(Side(name, running.pids, clients))
        figures = turns.take(sides, limits)
    small, large = (figures[name] for name in shapes)
    if not (isinstance(small, Figures) and isinstance(large, Figures)):
        raise RuntimeError(f"no answers: {figures}")
    return [
        rows.Row(
            "search and claim, 16 clients, from 1,000 to 10,000 hosts",
            rows.Goal(1.3, is_least=False, by_processor_only=True),
            figures,
            {"large to small": rows.ratio(large.sample, small.sample)},
            remark=_remark(figures),
        )
    ]


def against_database(
    stage: Stage, limits: Limits, timeout_seconds: float
) -> list[rows.Row]:
    """Measure claims on our service and pgbench transactions alternately."""
    ours = services.ours()
    with running(stage, [ours], _FLAT) as [served]:
        name = "pgbench -N"
        pgbench = Pgbench(stage.database(ours, _FLAT))
        pgbench.initialize()
        clients = Clients(served.url, _DISTINCT, timeout_seconds)
        sides = [
            Side(ours.name, served.pids, clients),
            Side(name, [stage.cluster.pid], pgbench),
        ]
        figures = turns.take(sides, limits)
    claimed, alone = figures[ours.name], figures[name]
    if not (isinstance(claimed, Figures) and isinstance(alone, Figures)):
        raise RuntimeError(f"no answers: {figures}")
    return [
        rows.Row(
            "claims per second, as a part of pgbench -N, 16 clients",
            rows.Goal(0.2, by_wall_only=True),
            figures,
            {"rates": rows.ratio(alone.sample, claimed.sample)},
        )
    ]


def measurements(limits: Limits, timeout_seconds: float) -> rows.Measurements:
    """Return the measurements by row name, in the order of the table."""
    made: rows.Measurements = {
        workload.name: functools.partial(
            against_peer,
            workload=workload,
            limits=limits,
            timeout_seconds=timeout_seconds,
        )
        for workload in WORKLOADS
    }
    made["claims per second with one in 20 refused"] = functools.partial(
        against_no_refusals, limits=limits, timeout_seconds=timeout_seconds
    )
    for name, compared in _COMPARED_WITH_LIMITS.items():
        made[name] = functools.partial(
            against_no_limits,
            name=name,
            compared=compared,
            limits=limits,
            timeout_seconds=timeout_seconds,
        )
    made["search and claim, from 1,000 to 10,000 hosts"] = functools.partial(
        growth, limits=limits, timeout_seconds=timeout_seconds
    )
    made["claims per second, as a part of pgbench -N"] = functools.partial(
        against_database, limits=limits, timeout_seconds=timeout_seconds
    )
    return made


@contextlib.contextmanager
def running(
    stage: Stage, compared: list[services.Service], shape: clouds.Shape
) -> collections.abc.Iterator[list[Running]]:
    """Serve a cloud by each of the services."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(stage.serving(each, shape)) for each in compared]


def _remark(figures: collections.abc.Mapping[str, object]) -> str:
    """Return the conflicts and given-up operations of each side; empty if none."""
    return "; ".join(
        f"{name}: {tally.conflicts} conflicts and {tally.given_up} given up for "
        f"{tally.successes} done"
        for name, each in figures.items()
        if isinstance(each, Figures)
        and isinstance(tally := each.outcome, Tally)
        and (tally.conflicts or tally.given_up)
    )
