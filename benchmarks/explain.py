"""Explanations of empty searches, compared with plain SQL and the time limit."""

import contextlib
import dataclasses
import functools
import os
import typing
import urllib.parse

import orjson
import sqlalchemy as sa
import webob

from benchmarks import bulk, clouds, loading, rows, services, turns
from benchmarks.stage import Stage
from benchmarks.turns import Done, Figures, Limits, Side
from tests.servers import server

HOSTS = 10_000
TREES = 1000
_FLAT: clouds.Shape = functools.partial(clouds.plain, HOSTS)
_NESTED: clouds.Shape = functools.partial(clouds.nested, TREES)

BESIDE_SQL = f"explain, {HOSTS:,} flat hosts, beside plain SQL in the same process"
IN_TIME = f"explain, {TREES:,} trees of 8, 4 groups, to the time limit of a search"

# The default of candidates_search_seconds_max.
_SECONDS_MAX = 30

FLAT_QUERY = [
    ("resources", "VCPU:2048,MEMORY_MB:512,DISK_GB:10"),
    ("required", f"{clouds.FAST},{clouds.OPEN},{clouds.COMPUTE}"),
    ("member_of", clouds.zone(1)),
]
_GROUPS_QUERY = [
    ("resources_N1", "VCPU:8,MEMORY_MB:1024"),
    ("resources_N2", "VCPU:8,MEMORY_MB:1024"),
    ("resources_G1", "VGPU:1"),
    ("resources_P1", "SRIOV_NET_VF:2"),
    ("required_P1", clouds.DRAINED),
    ("group_policy", "isolate"),
]


@dataclasses.dataclass(frozen=True)
class Explain:
    """Explain a request in this process; with ``engine``, change all hosts first."""

    app: server.Application
    query: list[tuple[str, str]]
    engine: sa.Engine | None = None

    def prepare(self, times: int) -> None:
        if self.engine is None:
            # Refresh the cache, because another side may have changed the hosts.
            self._answer()
            return
        with self.engine.begin() as conn:
            conn.execute(sa.text(loading.CHANGE_ALL))

    def run(self, times: int) -> Done[bytes]:
        return Done(times, [self._answer() for _ in range(times)][-1])

    def outcome(self, answer: bytes) -> dict[str, typing.Any]:
        found: dict[str, typing.Any] = orjson.loads(answer)
        return {name: found[name] for name in ("cause", "complete", "roots", "relax")}

    def _answer(self) -> bytes:
        path = f"/-/v1/explain?{urllib.parse.urlencode(self.query)}"
        response = webob.Request.blank(
            path, headers={"x-auth-token": "admin"}
        ).get_response(self.app)
        if response.status_int != 200:
            raise RuntimeError(response.text)
        body: bytes = response.body
        return body


def beside_plain_sql(stage: Stage, limits: Limits) -> list[rows.Row]:
    """Compare with plain SQL that reads all providers and their details.

    Raises RuntimeError if the explanation is not complete.
    """
    url = stage.database(services.ours(), _FLAT)
    with contextlib.ExitStack() as stack:
        engine = sa.create_engine(url)
        stack.callback(engine.dispose)
        driver = stack.enter_context(contextlib.closing(engine.raw_connection()))
        warm = stack.enter_context(server.in_process(url))
        changed = stack.enter_context(server.in_process(url))
        # The database server is a descendant of this process too.
        pids = [os.getpid()]
        plain = bulk.Plain(typing.cast("typing.Any", driver))
        sides = [
            Side("plain SQL", pids, plain),
            Side("warm", pids, Explain(warm, FLAT_QUERY)),
            Side(
                "every host changed",
                pids,
                Explain(changed, FLAT_QUERY, engine),
                prepares_each_time=True,
            ),
        ]
        taken = turns.take(sides, limits)
    figures = {name: each for name, each in taken.items() if isinstance(each, Figures)}
    beside = figures.pop("plain SQL")
    for each in figures.values():
        _require_complete(each, HOSTS)
    return [
        rows.Row(
            f"{BESIDE_SQL}, {name}",
            rows.Goal(3, is_least=False),
            {"plain SQL": beside, "ours": each},
            {"ours to plain SQL": rows.ratio(each.sample, beside.sample)},
        )
        for name, each in figures.items()
    ]


def in_time(stage: Stage, limits: Limits) -> list[rows.Row]:
    """Explain a request of four groups that no tree can serve.

    Raises RuntimeError if the explanation is not complete.
    """
    url = stage.database(services.ours(), _NESTED)
    with server.in_process(url) as app:
        sides = [Side("ours", [os.getpid()], Explain(app, _GROUPS_QUERY))]
        (figures,) = turns.take(sides, limits).values()
    if not isinstance(figures, Figures):
        raise TypeError(figures)
    _require_complete(figures, TREES)
    sample = figures.sample
    ratio = rows.Ratio(sample.wall / _SECONDS_MAX, sample.processor / _SECONDS_MAX)
    return [
        rows.Row(
            IN_TIME,
            rows.Goal(1, is_least=False),
            {"ours": figures},
            {f"ours to {_SECONDS_MAX} seconds": ratio},
        )
    ]


def _require_complete(figures: Figures, roots: int) -> None:
    found = figures.outcome
    if not (found["complete"] and found["roots"] == roots and found["relax"]):
        raise RuntimeError(f"unexpected explanation: {found}")
