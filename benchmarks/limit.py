"""The physical limit: the same answer from plain SQL, in the same process.

Plain SQL reads all rows of the answer each time and encodes them, without
authentication, parsing or any check.
"""

import collections
import collections.abc
import contextlib
import dataclasses
import gc
import hashlib
import os
import typing

import orjson
import psycopg2.extensions
import sqlalchemy as sa
import webob

from benchmarks import clouds, loading, rows, searches, services, turns
from benchmarks.searches import Search
from benchmarks.stage import Stage
from benchmarks.turns import Done, Figures, Limits, Side
from tests.servers import server

_HEADERS = {
    "x-auth-token": "admin",
    "accept": "application/json",
    "openstack-api-version": "placement 1.39",
}

_PROVIDERS = """
SELECT id, uuid FROM resource_providers ORDER BY id LIMIT %s
"""
_INVENTORIES = """
SELECT resource_provider_id, name, total, reserved, allocation_ratio, used
FROM inventories JOIN resource_classes AS classes ON classes.id = resource_class_id
WHERE resource_provider_id = ANY(%s)
"""
_TRAITS = """
SELECT resource_provider_id, name
FROM resource_provider_traits JOIN traits ON traits.id = trait_id
WHERE resource_provider_id = ANY(%s)
"""
_AGGREGATES = """
SELECT resource_provider_id, uuid
FROM resource_provider_aggregates
JOIN placement_aggregates AS aggregates ON aggregates.id = aggregate_id
WHERE resource_provider_id = ANY(%s)
"""

_PLAIN = "plain SQL"
_WARM, _CHANGED, _NEW = "warm", "cold (every host changed)", "cold (new process)"

# The maximum ratio of our time to that of plain SQL.
_RATIO_MAX = {_WARM: 1, _CHANGED: 2, _NEW: 2}


@dataclasses.dataclass(frozen=True)
class Plain:
    """Read the rows, build the document, encode it."""

    conn: "psycopg2.extensions.connection"

    def prepare(self, times: int) -> None:
        """Do nothing."""

    def run(self, times: int) -> Done[bytes]:
        return Done(times, [self._answer() for _ in range(times)][-1])

    def outcome(self, answer: bytes) -> str:
        return _comparable(answer)

    def _answer(self) -> bytes:
        with self.conn.cursor() as cursor:
            cursor.execute(_PROVIDERS, [searches.LIMIT])
            providers = cursor.fetchall()
            ids = [id_ for id_, _ in providers]
            resources: dict[int, dict[str, object]] = {id_: {} for id_ in ids}
            cursor.execute(_INVENTORIES, [ids])
            for id_, name, total, reserved, ratio, used in cursor:
                capacity = int((total - reserved) * ratio)
                resources[id_][name] = {"capacity": capacity, "used": used}
            traits = collections.defaultdict(list)
            cursor.execute(_TRAITS, [ids])
            for id_, name in cursor:
                traits[id_].append(name)
            # A search reads the aggregates too, although no answer contains them.
            cursor.execute(_AGGREGATES, [ids])
            cursor.fetchall()
        self.conn.commit()
        return orjson.dumps(
            {
                "allocation_requests": [
                    {
                        "allocations": {uuid: {"resources": clouds.CLAIM}},
                        "mappings": {"": [uuid]},
                    }
                    for _, uuid in providers
                ],
                "provider_summaries": {
                    uuid: {
                        "resources": resources[id_],
                        "traits": traits[id_],
                        "parent_provider_uuid": None,
                        "root_provider_uuid": uuid,
                    }
                    for id_, uuid in providers
                },
            }
        )


@dataclasses.dataclass
class InProcessSearch:
    """Search with our application in this process; ``renew`` returns it."""

    renew: collections.abc.Callable[[], server.Application]
    app: server.Application | None = None

    def prepare(self, times: int) -> None:
        self.app = self.renew()

    def run(self, times: int) -> Done[bytes]:
        answers = [_answer(self.app, searches.FLAT) for _ in range(times)]
        return Done(times, answers[-1])

    def outcome(self, answer: bytes) -> str:
        return _comparable(answer)


def measure(stage: Stage, limits: Limits) -> list[rows.Row]:
    """Compare our service, warm and cold, with plain SQL.

    Raises RuntimeError when the answers differ.
    """
    url = stage.database(services.ours(), searches.FLAT_1000)
    with contextlib.ExitStack() as stack:
        engine = sa.create_engine(url)
        stack.callback(engine.dispose)
        driver = stack.enter_context(contextlib.closing(engine.raw_connection()))

        def started() -> server.Application:
            """Return a new application with open connections and empty caches."""
            app = stack.enter_context(server.in_process(url))
            _answer(app, searches.ONE_HOST)
            return app

        newest = stack.enter_context(contextlib.ExitStack())

        def restarted() -> server.Application:
            """Stop the previous application and return a new one.

            Collect garbage, because a new process has no old objects to scan.
            """
            newest.close()
            app = newest.enter_context(server.in_process(url))
            _answer(app, searches.ONE_HOST)
            gc.collect()
            return app

        warm, changed = started(), started()

        def after_answer() -> server.Application:
            # Refresh the cache, because another side may have changed the hosts.
            _answer(warm, searches.FLAT)
            return warm

        def after_change() -> server.Application:
            with engine.begin() as conn:
                conn.execute(sa.text(loading.CHANGE_ALL))
            return changed

        # The database server is a descendant of this process too.
        pids = [os.getpid()]
        sides = [
            Side(_PLAIN, pids, Plain(typing.cast("typing.Any", driver))),
            Side(_WARM, pids, InProcessSearch(after_answer)),
            Side(
                _CHANGED, pids, InProcessSearch(after_change), prepares_each_time=True
            ),
            Side(_NEW, pids, InProcessSearch(restarted), prepares_each_time=True),
        ]
        taken = turns.take(sides, limits)
    figures = {name: each for name, each in taken.items() if isinstance(each, Figures)}
    plain = figures.pop(_PLAIN)
    if any(each.outcome != plain.outcome for each in figures.values()):
        raise RuntimeError("plain SQL gives a different answer")
    return [
        rows.Row(
            f"physical limit, 1,000 hosts, {name}",
            rows.Goal(_RATIO_MAX[name], is_least=False),
            {_PLAIN: plain, "ours": each},
            {"ours to plain SQL": rows.ratio(each.sample, plain.sample)},
        )
        for name, each in figures.items()
    ]


def _answer(app: server.Application | None, search: Search) -> bytes:
    request = webob.Request.blank(search.path, headers=_HEADERS)
    response = request.get_response(app)
    if response.status_int != 200:
        raise RuntimeError(response.text)
    body: bytes = response.body
    return body


def _comparable(answer: bytes) -> str:
    """Return a digest that does not depend on the order of traits and members."""
    document = orjson.loads(answer)
    for summary in document["provider_summaries"].values():
        summary["traits"].sort()
    ordered = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(ordered).hexdigest()
