"""Bulk reads of a cloud, compared with plain SQL and with an exporter of the peer."""

import collections.abc
import contextlib
import dataclasses
import functools
import hashlib
import http.client
import os
import typing

import orjson
import psycopg2.extensions
import sqlalchemy as sa
import webob

from benchmarks import clouds, rows, services, turns
from benchmarks.stage import Stage
from benchmarks.turns import Done, Figures, Limits, Side
from benchmarks.wire import Wire
from tests.servers import server

HOSTS = 10_000
SHAPE: clouds.Shape = functools.partial(clouds.varied, HOSTS)

BESIDE_SQL = f"{HOSTS:,} providers, beside plain SQL in the same process"
BESIDE_PEER = f"{HOSTS:,} providers, beside the requests of an exporter"

PEAK_BYTES_MAX = 150_000_000

PATH = f"/-/v1/providers?page_size={HOSTS}&include=inventories,usages,traits,aggregates"
_LINES_PATH = "/-/v1/providers?include=inventories,usages,traits,aggregates"
_LINES = "application/x-ndjson"

# Number of providers to read from the peer; the time is scaled to all providers.
_SAMPLE = 50
# The parts of each provider that an exporter reads.
_PARTS = ("inventories", "usages", "traits", "aggregates")
_PEER_VERSION = "1.39"

_PROVIDERS = """
SELECT providers.id, providers.uuid, providers.name, providers.generation, parents.uuid,
    roots.uuid
FROM resource_providers AS providers
JOIN resource_providers AS roots ON roots.id = providers.root_provider_id
LEFT JOIN resource_providers AS parents ON parents.id = providers.parent_provider_id
ORDER BY providers.id
"""
_INVENTORIES = """
SELECT resource_provider_id, name, total, reserved, min_unit, max_unit, step_size,
    allocation_ratio, used
FROM inventories JOIN resource_classes AS classes ON classes.id = resource_class_id
"""
_TRAITS = """
SELECT resource_provider_id, name
FROM resource_provider_traits JOIN traits ON traits.id = trait_id
"""
_AGGREGATES = """
SELECT resource_provider_id, uuid
FROM resource_provider_aggregates
JOIN placement_aggregates AS aggregates ON aggregates.id = aggregate_id
"""


@dataclasses.dataclass(frozen=True)
class Plain:
    """Read the rows, build the document, encode it."""

    conn: "psycopg2.extensions.connection"

    def prepare(self, times: int) -> None:
        """Do nothing."""

    def run(self, times: int) -> Done[bytes]:
        return Done(times, [self._answer() for _ in range(times)][-1])

    def outcome(self, answer: bytes) -> str:
        return _comparable(orjson.loads(answer)["providers"])

    def _answer(self) -> bytes:
        documents: dict[int, dict[str, typing.Any]] = {}
        for id_, uuid, name, generation, parent, root in self._rows(_PROVIDERS):
            documents[id_] = {
                "uuid": uuid,
                "name": name,
                "generation": generation,
                "parent_provider_uuid": parent,
                "root_provider_uuid": root,
                "state": "in_service",
                "inventories": {},
                "traits": [],
                "aggregates": [],
            }
        for id_, name, total, reserved, least, most, step, ratio, used in self._rows(
            _INVENTORIES
        ):
            documents[id_]["inventories"][name] = {
                "total": total,
                "reserved": reserved,
                "min_unit": least,
                "max_unit": most,
                "step_size": step,
                "allocation_ratio": ratio,
                "capacity": int((total - reserved) * ratio),
                "used": used,
            }
        for id_, name in self._rows(_TRAITS):
            documents[id_]["traits"].append(name)
        for id_, uuid in self._rows(_AGGREGATES):
            documents[id_]["aggregates"].append(uuid)
        self.conn.commit()
        page = {"providers": list(documents.values()), "next_page_token": None}
        return orjson.dumps(page)

    def _rows(self, sql: str) -> list[tuple[typing.Any, ...]]:
        with self.conn.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()


@dataclasses.dataclass(frozen=True)
class InProcess:
    """Read a page, or lines, from our application in this process."""

    app: server.Application
    path: str
    media_type: str

    def prepare(self, times: int) -> None:
        """Do nothing."""

    def run(self, times: int) -> Done[bytes]:
        return Done(times, [self._answer() for _ in range(times)][-1])

    def outcome(self, answer: bytes) -> str:
        if self.media_type == _LINES:
            return _comparable([orjson.loads(line) for line in answer.splitlines()])
        return _comparable(orjson.loads(answer)["providers"])

    def _answer(self) -> bytes:
        headers = {"x-auth-token": "admin", "accept": self.media_type}
        response = webob.Request.blank(self.path, headers=headers).get_response(
            self.app
        )
        if response.status_int != 200:
            raise RuntimeError(response.text)
        body: bytes = response.body
        return body


def beside_plain_sql(stage: Stage, limits: Limits) -> list[rows.Row]:
    """Compare one page, and lines, with plain SQL.

    Raises RuntimeError when the answers differ.
    """
    url = stage.database(services.ours(), SHAPE)
    with contextlib.ExitStack() as stack:
        engine = sa.create_engine(url)
        stack.callback(engine.dispose)
        driver = stack.enter_context(contextlib.closing(engine.raw_connection()))
        app = stack.enter_context(server.in_process(url))
        # The database server is a descendant of this process too.
        pids = [os.getpid()]
        sides = [
            Side("plain SQL", pids, Plain(typing.cast("typing.Any", driver))),
            Side("one page", pids, InProcess(app, PATH, "application/json")),
            Side("lines", pids, InProcess(app, _LINES_PATH, _LINES)),
        ]
        taken = turns.take(sides, limits)
    figures = {name: each for name, each in taken.items() if isinstance(each, Figures)}
    if len({each.outcome for each in figures.values()}) != 1:
        raise RuntimeError("plain SQL gives a different answer")
    plain = figures.pop("plain SQL")
    return [
        rows.Row(
            f"{BESIDE_SQL}, {name}",
            rows.Goal(1.5, is_least=False),
            {"plain SQL": plain, "ours": each},
            {"ours to plain SQL": rows.ratio(each.sample, plain.sample)},
        )
        for name, each in figures.items()
    ]


@dataclasses.dataclass(frozen=True)
class Page:
    """Read all providers from our service in one page."""

    url: str
    timeout_seconds: float

    def prepare(self, times: int) -> None:
        """Do nothing."""

    def run(self, times: int) -> Done[bytes]:
        with Wire(self.url, _PEER_VERSION, self.timeout_seconds) as api:
            answers = [api.send("GET", PATH) for _ in range(times)]
        if any(answer.status != 200 for answer in answers):
            raise http.client.HTTPException("not answered")
        return Done(times, answers[-1].content)

    def outcome(self, answer: bytes) -> int:
        return len(orjson.loads(answer)["providers"])


@dataclasses.dataclass(frozen=True)
class Lines:
    """Read all providers from our service as lines; count the lines, parse none."""

    url: str

    def prepare(self, times: int) -> None:
        """Do nothing."""

    def run(self, times: int) -> Done[int]:
        return Done(times, [self._count() for _ in range(times)][-1])

    def outcome(self, count: int) -> int:
        return count

    def _count(self) -> int:
        place = self.url.removeprefix("http://")
        headers = {"x-auth-token": "admin", "accept": _LINES}
        with contextlib.closing(http.client.HTTPConnection(place)) as connection:
            connection.request("GET", _LINES_PATH, headers=headers)
            response = connection.getresponse()
            return sum(
                chunk.count(b"\n") for chunk in iter(lambda: response.read(2**16), b"")
            )


@dataclasses.dataclass(frozen=True)
class Exporter:
    """Read a sample of providers from the peer, as exporters do.

    The operation counts as the fraction of the providers that it reads.
    """

    url: str
    timeout_seconds: float

    def prepare(self, times: int) -> None:
        """Do nothing."""

    def run(self, times: int) -> Done[int]:
        with Wire(self.url, _PEER_VERSION, self.timeout_seconds) as api:
            for _ in range(times):
                for path in _exporter_paths():
                    if api.send("GET", path).status != 200:
                        raise http.client.HTTPException(f"not answered: {path}")
        return Done(times * _SAMPLE / HOSTS, HOSTS)

    def outcome(self, count: int) -> int:
        return count


def beside_peer(stage: Stage, limits: Limits, timeout_seconds: float) -> list[rows.Row]:
    """Compare one page, and lines, with 4 requests per provider to the peer."""
    mine, peer = services.ours(), services.peer()
    found = []
    works: dict[str, collections.abc.Callable[[str], turns.Work[typing.Any]]] = {
        "one page": functools.partial(Page, timeout_seconds=timeout_seconds),
        "lines": Lines,
    }
    for name, work in works.items():
        with stage.serving(mine, SHAPE) as ours, stage.serving(peer, SHAPE) as theirs:
            sides = [
                Side(mine.name, ours.pids, work(ours.url)),
                Side(peer.name, theirs.pids, Exporter(theirs.url, timeout_seconds)),
            ]
            figures = turns.take(sides, limits)
            peak = ours.peak_bytes()
        for each in figures.values():
            if not isinstance(each, Figures) or each.outcome != HOSTS:
                raise RuntimeError(f"some providers are missing: {figures}")
        is_too_large = name == "lines" and peak > PEAK_BYTES_MAX
        found.append(
            rows.Row(
                f"{BESIDE_PEER}, {name}",
                rows.Goal(200, by_processor_only=True),
                figures,
                {
                    peer.name: rows.ratio(
                        _figures(figures[peer.name]).sample,
                        _figures(figures[mine.name]).sample,
                    )
                },
                peak_bytes=peak,
                remark=f"peer: {len(_PARTS)} requests for each of {_SAMPLE} "
                "providers, scaled",
                is_invalid=is_too_large,
            )
        )
    return found


def _figures(taken: Figures | turns.NoAnswer) -> Figures:
    assert isinstance(taken, Figures)
    return taken


def _exporter_paths() -> collections.abc.Iterator[str]:
    for number in range(1, _SAMPLE + 1):
        # Spread the sample over the whole cloud.
        uuid = clouds.host_uuid(number * (HOSTS // _SAMPLE))
        for part in _PARTS:
            yield f"/resource_providers/{uuid}/{part}"


def _comparable(documents: list[dict[str, typing.Any]]) -> str:
    """Return a digest that does not depend on the order of traits and aggregates."""
    for each in documents:
        each["traits"].sort()
        each["aggregates"].sort()
    ordered = orjson.dumps(documents, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(ordered).hexdigest()
