"""What metrics cost: the instruments, and showing the cloud to Prometheus."""

import collections.abc
import contextlib
import dataclasses
import itertools
import os
import statistics
import time
import typing
import unittest.mock
import uuid

import webob

from benchmarks import bulk, clouds, loads, measure, rows, searches, services, turns
from benchmarks.stage import Stage
from benchmarks.turns import Figures, Limits, Side
from placement.metrics.instrument import Counter, Histogram
from tests.servers import server

INSTRUMENTS = "instruments"
PROVIDERS = "/metrics/providers beside the bulk read"

# Requests in one sample, and pairs of samples with and without the instruments.
_REQUESTS = 40
_PAIRS = 200

_HEADERS = {
    "x-auth-token": "admin",
    "accept": "application/json",
    "openstack-api-version": "placement 1.39",
}

# One after the other, so that none of them is full.
_HOSTS = itertools.cycle(map(clouds.host_uuid, range(1, 1001)))

# Makes a request.
Make = collections.abc.Callable[[], webob.Request]


def cost(stage: Stage) -> list[rows.Row]:
    """Compare the processor time of this process with and without the instruments.

    Samples alternate, because the speed of a machine changes.
    """
    url = stage.database(services.ours(), searches.FLAT_1000)
    kinds: dict[str, Make] = {"a claim": _claim, "a small search": _search}
    made = []
    with server.in_process(url) as app:
        for name, make in kinds.items():
            _sample(app, make)
            pairs = [_pair(app, make, number) for number in range(_PAIRS)]
            without, with_them = (
                statistics.median(seconds) for seconds in zip(*pairs, strict=True)
            )
            part = 1 + statistics.median(more - less for less, more in pairs) / without
            made.append(
                rows.Row(
                    f"instruments, {name}, to the same without them",
                    rows.Goal(1.03, is_least=False, by_processor_only=True),
                    {"without": _figures(without), "ours": _figures(with_them)},
                    {"with to without": rows.Ratio(part, part)},
                )
            )
    return made


def providers(stage: Stage, limits: Limits) -> list[rows.Row]:
    """Compare ``/metrics/providers`` with one page of all providers."""
    url = stage.database(services.ours(), bulk.SHAPE)
    with server.in_process(url) as app:
        # The server of the database descends from this process too.
        pids = [os.getpid()]
        page = bulk.InProcess(app, bulk.PATH, "application/json")
        shown = _Shown(app, "/metrics/providers", "text/plain")
        sides = [Side("page", pids, page), Side("ours", pids, shown)]
        figures = turns.take(sides, limits)
    page_figures, ours = figures["page"], figures["ours"]
    if not (isinstance(page_figures, Figures) and isinstance(ours, Figures)):
        raise RuntimeError(f"no answers: {figures}")
    return [
        rows.Row(
            f"/metrics/providers of {bulk.HOSTS:,} providers, to the bulk read",
            rows.Goal(2, is_least=False),
            figures,
            {"ours to the page": rows.ratio(ours.sample, page_figures.sample)},
        )
    ]


@dataclasses.dataclass(frozen=True)
class _Shown(bulk.InProcess):
    def outcome(self, answer: bytes) -> str:
        return str(answer.count(b"\n"))


def _pair(app: server.Application, make: Make, number: int) -> tuple[float, float]:
    """Return seconds per request, without and with the instruments."""
    if number % 2:
        with_them = _sample(app, make)
        return _without(app, make), with_them
    return _without(app, make), _sample(app, make)


def _without(app: server.Application, make: Make) -> float:
    def nothing(*_: typing.Any, **__: typing.Any) -> None:
        pass

    with contextlib.ExitStack() as stack:
        for kind, name in ((Counter, "inc"), (Histogram, "observe")):
            stack.enter_context(unittest.mock.patch.object(kind, name, nothing))
        return _sample(app, make)


def _sample(app: server.Application, make: Make) -> float:
    asked = [make() for _ in range(_REQUESTS)]
    start = time.process_time()
    answers = [each.get_response(app) for each in asked]
    seconds = time.process_time() - start
    if any(answer.status_int >= 300 for answer in answers):
        raise RuntimeError(answers[-1].text)
    return seconds / _REQUESTS


def _claim() -> webob.Request:
    body = loads.claim_body({next(_HOSTS): {"VCPU": 1}})
    path = f"/allocations/{uuid.uuid4()}"
    made = webob.Request.blank(path, method="PUT", headers=_HEADERS)
    made.content_type = "application/json"
    made.json = body
    return made


def _search() -> webob.Request:
    path = "/allocation_candidates?resources=VCPU:1,MEMORY_MB:1&limit=10"
    return webob.Request.blank(path, headers=_HEADERS)


def _figures(seconds: float) -> Figures:
    return Figures(measure.Sample(seconds, seconds), None)
