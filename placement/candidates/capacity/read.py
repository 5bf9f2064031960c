"""Read all trees in one snapshot, and count how many consumers of requests fit."""

import collections.abc
import typing

import sqlalchemy as sa

from placement import exception, extension_exception
from placement.candidates.capacity.counting import Counter, Result
from placement.candidates.capacity.model import (
    Capacity,
    HostCount,
    Options,
    Stranded,
)
from placement.candidates.capacity.shapes import Cloud
from placement.candidates.model import SearchRequest
from placement.candidates.query import plan as plans
from placement.candidates.query import resolve
from placement.candidates.query.plan import Plan
from placement.candidates.search import cache_of
from placement.candidates.solve.limits import Budget
from placement.candidates.source.snapshots import SnapshotReader
from placement.candidates.source.trees import Trees
from placement.candidates.sql import rows
from placement.candidates.sql.reader import Reader
from placement.db import tables, transaction

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

# The number of counts by aggregate or trait in one answer.
PARTS_MAX = 200_000

Requests = collections.abc.Mapping[str, SearchRequest]


class _Asked(typing.NamedTuple):
    """One request in ids; ``classes`` has the names of its classes, by id."""

    plan: Plan | None
    nested_aware: bool
    classes: dict[int, str]


def count(
    context: "RequestContext", requests: Requests, options: Options
) -> dict[str, Capacity]:
    """Count how many consumers of each request fit, by the name of the request.

    All trees are read once, in one snapshot. The counts of several requests overlap:
    each one is made as if the others did not exist.

    Raises BadRequest for an unknown resource class or trait, an unknown root in
    ``without``, and an answer that is too large; DatabaseTooSlow.
    """
    seconds_max = context.settings.placement.candidates_search_seconds_max
    return transaction.read_within(
        context, seconds_max, lambda conn: count_in(conn, context, requests, options)
    )


def count_in(
    conn: sa.Connection,
    context: "RequestContext",
    requests: Requests,
    options: Options,
) -> dict[str, Capacity]:
    """Do what ``count`` does, in the snapshot of ``conn``."""
    seconds_max = context.settings.placement.candidates_search_seconds_max
    reader = Reader(conn)
    asked = {
        name: _look_up(context, reader, name, request)
        for name, request in requests.items()
    }
    bits = _trait_bits(context, reader, options.by_traits)
    cloud = _read_cloud(context, reader, asked.values(), options)
    counter = Counter(cloud, options, list(bits.values()), seconds_max)
    _check_size(len(requests), counter, bits)
    found = {
        name: counter.count(
            one.plan,
            one.nested_aware,
            sorted(one.classes, key=one.classes.__getitem__),
            len(asked) - number,
        )
        for number, (name, one) in enumerate(asked.items())
    }
    shown = _Shown(conn, counter, bits, found.values())
    return {name: shown.of(found[name], asked[name].classes) for name in found}


def _look_up(
    context: "RequestContext", reader: Reader, name: str, request: SearchRequest
) -> _Asked:
    root_traits = request.root_required | request.root_forbidden
    try:
        ids = resolve.look_up(reader, context.names, request.groups, root_traits)
    except exception.BadRequest as unknown:
        raise extension_exception.NamedRequestInvalid(name, unknown) from unknown
    classes = {id_: name for name, id_ in ids.resource_classes.items()}
    plan = plans.plan(request, ids, cache_of(context).bits)
    return _Asked(plan, request.nested_aware, classes)


def _trait_bits(
    context: "RequestContext", reader: Reader, by_traits: tuple[str, ...]
) -> dict[str, int]:
    try:
        ids = context.names.trait_ids(reader.conn, by_traits, reader.names_revision)
    except exception.TraitNotFound as unknown:
        raise extension_exception.UnknownTraits(**unknown.details) from unknown
    bits = cache_of(context).bits
    return {name: bits.of([ids[name]]) for name in by_traits}


def _read_cloud(
    context: "RequestContext",
    reader: Reader,
    asked: collections.abc.Iterable[_Asked],
    options: Options,
) -> Cloud:
    """Read all trees but those of ``options.without``."""
    cache, names = cache_of(context), context.names
    sharing_trait_id = resolve.find_sharing_trait(reader, names)
    snapshots = SnapshotReader(reader, names, cache, sharing_trait_id)
    trees = Trees(reader, snapshots, cache)
    cloud = Cloud(
        {
            group.root_id
            for one in asked
            if one.plan is not None
            for group in one.plan.groups
            if group.root_id is not None
        }
    )
    left = set(options.without)
    budget = Budget(context.settings.placement.candidates_search_seconds_max)
    for page in budget.outside(trees.pages()):
        cloud.add(tree for tree in page if tree.root.uuid not in options.without)
        left.difference_update(tree.root.uuid for tree in page)
    if left:
        raise extension_exception.UnknownRoot(uuid=min(left))
    return cloud


def _check_size(
    request_count: int, counter: Counter, bits: collections.abc.Sized
) -> None:
    parts = request_count * (len(counter.aggregate_ids) + len(bits))
    if parts > PARTS_MAX:
        raise extension_exception.ResultTooLarge(count=parts, most=PARTS_MAX)


class _Shown:
    """Names for the ids of all results."""

    def __init__(
        self,
        conn: sa.Connection,
        counter: Counter,
        bits: dict[str, int],
        results: collections.abc.Iterable[Result],
    ) -> None:
        self._stock = counter.stock
        self._bits = bits
        self._aggregates = rows.look_up(
            conn, tables.placement_aggregates.c.uuid, counter.aggregate_ids
        )
        self._hosts = rows.look_up(
            conn,
            tables.resource_providers.c.name,
            {root.id for result in results for root, _ in result.hosts or ()},
        )

    def of(self, result: Result, classes: dict[int, str]) -> Capacity:
        """Return a result with names; ``classes`` are those of its request, by id."""
        stock = self._stock
        by_class = sorted(classes.items(), key=lambda one: one[1])
        return Capacity(
            count=result.count,
            when_empty=result.when_empty,
            roots=result.roots,
            bottleneck={
                name: result.bottleneck[id_]
                for id_, name in by_class
                if id_ in result.bottleneck
            },
            stranded={
                name: Stranded(result.stranded[id_], stock.total.get(id_, 0))
                for id_, name in by_class
            },
            largest={name: stock.largest.get(id_, 0) for id_, name in by_class},
            by_aggregate={
                self._aggregates[id_]: bounds
                for id_, bounds in result.by_aggregate.items()
            },
            by_trait={name: result.by_trait[bit] for name, bit in self._bits.items()},
            hosts=None
            if result.hosts is None
            else [
                HostCount(root.uuid, self._hosts[root.id], fits)
                for root, fits in result.hosts
            ],
            is_complete=result.is_complete,
        )
