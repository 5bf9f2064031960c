"""Capacity counts, compared with one explanation of the same cloud."""

import dataclasses
import functools
import json
import os
import typing

import sqlalchemy as sa
import webob

from benchmarks import clouds, explain, loading, rows, services, turns
from benchmarks.stage import Stage
from benchmarks.turns import Done, Figures, Limits, Side
from tests.servers import server

HOSTS = 10_000
FLAVORS = 20
_SHAPE: clouds.Shape = functools.partial(clouds.plain, HOSTS)

BESIDE_EXPLAIN = f"capacity of {FLAVORS} flavors, {HOSTS:,} hosts, beside one explain"

# Vary the usage of nearly every host, because equal hosts are counted only once.
_VARY_USED = """
UPDATE inventories
SET used = (resource_provider_id * (7919 + 13 * resource_class_id)) % 1999
"""

_REQUESTS = [
    {
        "name": f"flavor-{number}",
        "query": f"resources=VCPU:{1 + number % 8},MEMORY_MB:{512 * (1 + number)},"
        f"DISK_GB:{10 * (1 + number % 4)}&required={clouds.COMPUTE}",
    }
    for number in range(FLAVORS)
]


@dataclasses.dataclass(frozen=True)
class Count:
    """Count the capacity of all flavors, in this process."""

    app: server.Application

    def prepare(self, times: int) -> None:
        """Do nothing."""

    def run(self, times: int) -> Done[bytes]:
        return Done(times, [self._answer() for _ in range(times)][-1])

    def outcome(self, answer: bytes) -> list[dict[str, typing.Any]]:
        found: list[dict[str, typing.Any]] = json.loads(answer)["results"]
        return found

    def _answer(self) -> bytes:
        response = webob.Request.blank(
            "/-/v1/capacity",
            method="POST",
            headers={"x-auth-token": "admin", "content-type": "application/json"},
            body=json.dumps({"requests": _REQUESTS}).encode(),
        ).get_response(self.app)
        if response.status_int != 200:
            raise RuntimeError(response.text)
        body: bytes = response.body
        return body


def beside_explain(stage: Stage, limits: Limits) -> list[rows.Row]:
    """Compare with one explanation of an empty search.

    Raises RuntimeError if a count is not exact.
    """
    url = stage.database(services.ours(), _SHAPE)
    with server.in_process(url) as app:
        _vary(url)
        # The database server is a descendant of this process too.
        pids = [os.getpid()]
        sides = [
            Side("explain", pids, explain.Explain(app, explain.FLAT_QUERY)),
            Side("capacity", pids, Count(app)),
        ]
        taken = turns.take(sides, limits)
    figures = {name: each for name, each in taken.items() if isinstance(each, Figures)}
    for found in figures["capacity"].outcome:
        if not (found["exact"] and found["roots"]["eligible"] == HOSTS):
            raise RuntimeError(f"unexpected count: {found}")
    ratio = rows.ratio(figures["capacity"].sample, figures["explain"].sample)
    return [
        rows.Row(
            BESIDE_EXPLAIN,
            rows.Goal(4, is_least=False),
            {"explain": figures["explain"], "ours": figures["capacity"]},
            {"ours to explain": ratio},
        )
    ]


def _vary(url: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as conn:
        for sql in (_VARY_USED, loading.CHANGE_ALL):
            conn.execute(sa.text(sql))
    engine.dispose()
