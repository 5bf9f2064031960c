"""Time of picking and claiming in one request, compared with pgbench and the peer."""

import contextlib
import dataclasses
import functools

from benchmarks import claims, clouds, day, loads, rows, searches, services, turns
from benchmarks.claims import CLIENTS, Clients, Pgbench, Tally, Workload
from benchmarks.stage import Stage
from benchmarks.turns import Done, Figures, Limits, Side

_BATCH = 100

# Requests of each client between two changes of hosts.
_BETWEEN_CHANGES = 8

_SEED = 13

_ANY = Workload(
    "any",
    searches.FLAT_10000,
    CLIENTS,
    loads.Placements,
    rows.Goal(0.25, by_wall_only=True),
)
_PACK = dataclasses.replace(
    _ANY, name="pack", script=functools.partial(loads.Placements, order="pack")
)
_SPREAD = dataclasses.replace(
    _ANY, name="spread", script=functools.partial(loads.Placements, order="spread")
)
_BATCHES = dataclasses.replace(
    _ANY,
    name="100 consumers a request",
    script=functools.partial(loads.Placements, size=_BATCH),
    operations=_BATCH,
)
_REFUSED = dataclasses.replace(
    _ANY, name="one in ten refused", script=loads.PlacementsWithRefusals
)
_SEARCHES = dataclasses.replace(
    _ANY, name="search and claim", script=loads.SearchesAndClaims
)


def against_pgbench(
    stage: Stage, workload: Workload, goal: rows.Goal, limits: Limits, timeout: float
) -> list[rows.Row]:
    """Measure claims on our service and pgbench transactions alternately."""
    ours = services.ours()
    with claims.running(stage, [ours], workload.shape) as [running]:
        pgbench = Pgbench(stage.database(ours, workload.shape))
        pgbench.initialize()
        sides = [
            Side(workload.name, running.pids, Clients(running.url, workload, timeout)),
            Side("pgbench -N", [stage.cluster.pid], pgbench),
        ]
        placed, alone = _take(sides, limits)
    return [
        rows.Row(
            f"{workload.name}: claims per second, as a part of pgbench -N, 16 clients",
            goal,
            {workload.name: placed, "pgbench -N": alone},
            {"rates": rows.ratio(alone.sample, placed.sample)},
        )
    ]


def against_any(
    stage: Stage, workload: Workload, goal: rows.Goal, limits: Limits, timeout: float
) -> list[rows.Row]:
    """Measure a workload beside plain picks alternately, each in its own processes."""
    ours = services.ours()
    workloads = {"any": _ANY, workload.name: workload}
    compared = [ours._replace(name=name) for name in workloads]
    with claims.running(stage, compared, workload.shape) as running:
        sides = [
            Side(
                each.name,
                each.pids,
                Clients(each.url, workloads[each.name], timeout),
            )
            for each in running
        ]
        plain, other = _take(sides, limits)
    return [
        rows.Row(
            f"{workload.name}: claims per second, as a part of those of any",
            goal,
            {"any": plain, workload.name: other},
            {"rates": rows.ratio(plain.sample, other.sample)},
        )
    ]


@dataclasses.dataclass(frozen=True)
class _AmidChanges:
    """The work of clients; one host in a hundred changes before, if there are changes.

    One time are some requests of each client.
    """

    clients: Clients
    changes: day.Changes | None

    def prepare(self, times: int) -> None:
        if self.changes is not None:
            self.changes.make()
        self.clients.prepare(_BETWEEN_CHANGES * times)

    def run(self, times: int) -> Done[list[Tally]]:
        return self.clients.run(_BETWEEN_CHANGES * times)

    def outcome(self, answers: list[Tally]) -> Tally:
        return self.clients.outcome(answers)


def against_no_changes(
    stage: Stage, workload: Workload, goal: rows.Goal, limits: Limits, timeout: float
) -> list[rows.Row]:
    """Measure a workload with and without changes of hosts between its requests."""
    ours = services.ours()
    # Equal clouds, but the changes of one are not in the other.
    names = "unchanged", "changed"
    shapes = {name: functools.partial(clouds.flat, 10_000) for name in names}
    sides = []
    with contextlib.ExitStack() as stack:
        for name, shape in shapes.items():
            running = stack.enter_context(stage.serving(ours, shape))
            changes = None
            if name == "changed":
                url = stage.database(ours, shape)
                changes = stack.enter_context(day.changing(url, True, _SEED))
            work = _AmidChanges(Clients(running.url, workload, timeout), changes)
            sides.append(Side(name, running.pids, work, prepares_each_time=True))
        unchanged, changed = _take(sides, limits)
    return [
        rows.Row(
            f"{workload.name}, 1 % of hosts changed between: claims per second, as a "
            "part of those without changes",
            goal,
            {"unchanged": unchanged, "changed": changed},
            {"rates": rows.ratio(unchanged.sample, changed.sample)},
        )
    ]


def against_peer(stage: Stage, limits: Limits, timeout: float) -> list[rows.Row]:
    """Measure picks beside the peer's search (limit=1000) and claim alternately."""
    compared = [services.ours(), services.peer()]
    with claims.running(stage, compared, _ANY.shape) as running:
        sides = [
            Side(each.name, each.pids, Clients(each.url, workload, timeout))
            for each, workload in zip(running, (_ANY, _SEARCHES), strict=True)
        ]
        ours, peer = _take(sides, limits)
    return [
        rows.Row(
            "any, 16 clients, 10,000 hosts, beside search (limit=1000) and claim",
            rows.Goal(100, by_processor_only=True),
            {"ours": ours, "peer": peer},
            {"peer": rows.ratio(peer.sample, ours.sample)},
        )
    ]


def measurements(limits: Limits, timeout_seconds: float) -> rows.Measurements:
    """Return the measurements by row name, in the order of the table."""

    def pgbench(workload: Workload, bound: float) -> functools.partial[list[rows.Row]]:
        return functools.partial(
            against_pgbench,
            workload=workload,
            goal=rows.Goal(bound, by_wall_only=True),
            limits=limits,
            timeout=timeout_seconds,
        )

    def plain(workload: Workload, bound: float) -> functools.partial[list[rows.Row]]:
        return functools.partial(
            against_any,
            workload=workload,
            goal=rows.Goal(bound, by_wall_only=True),
            limits=limits,
            timeout=timeout_seconds,
        )

    def amid_changes(workload: Workload) -> functools.partial[list[rows.Row]]:
        return functools.partial(
            against_no_changes,
            workload=workload,
            goal=rows.Goal(1 / 1.3, by_wall_only=True),
            limits=limits,
            timeout=timeout_seconds,
        )

    return {
        "any, as a part of pgbench -N": pgbench(_ANY, 0.25),
        "100 consumers a request, as a part of pgbench -N": pgbench(_BATCHES, 1),
        "pack": plain(_PACK, 0.5),
        "spread": plain(_SPREAD, 0.5),
        "one in ten refused": plain(_REFUSED, 1 / 1.3),
        "any, hosts changed": amid_changes(_ANY),
        "pack, hosts changed": amid_changes(_PACK),
        "search and claim of the peer": functools.partial(
            against_peer, limits=limits, timeout=timeout_seconds
        ),
    }


def _take(sides: list[Side], limits: Limits) -> list[Figures]:
    figures = turns.take(sides, limits)
    taken = [figures[side.name] for side in sides]
    missing = [each.reason for each in taken if not isinstance(each, Figures)]
    if missing:
        raise RuntimeError(f"no answers: {missing}")
    return [each for each in taken if isinstance(each, Figures)]
