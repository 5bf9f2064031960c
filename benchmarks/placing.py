"""Time of picking and claiming in one request, compared with pgbench and the peer."""

import dataclasses
import functools

from benchmarks import claims, loads, rows, searches, services, turns
from benchmarks.claims import CLIENTS, Clients, Pgbench, Workload
from benchmarks.stage import Stage
from benchmarks.turns import Figures, Limits, Side

_BATCH = 100

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

    return {
        "any, as a part of pgbench -N": pgbench(_ANY, 0.25),
        "100 consumers a request, as a part of pgbench -N": pgbench(_BATCHES, 1),
        "pack": plain(_PACK, 0.5),
        "spread": plain(_SPREAD, 0.5),
        "one in ten refused": plain(_REFUSED, 1 / 1.3),
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
