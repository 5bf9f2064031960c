"""Search for allocation candidates; the stages of a search, in order."""

import collections.abc
import contextlib
import itertools
import operator
import random
import time
import typing

import sqlalchemy as sa

from placement import exception, metrics
from placement.candidates.model import (
    Found,
    ProviderSnapshot,
    Run,
    SearchRequest,
    Tree,
)
from placement.candidates.query import plan as plans
from placement.candidates.query import resolve
from placement.candidates.solve import order
from placement.candidates.solve.feasibility import Sharing
from placement.candidates.solve.limits import Budget
from placement.candidates.solve.order import Anchors, Strategy
from placement.candidates.solve.solver import Solver
from placement.candidates.source.cache import TreeCache
from placement.candidates.source.hosts import Hosts
from placement.candidates.source.scan import Scan
from placement.candidates.source.snapshots import SnapshotReader
from placement.candidates.source.trees import Trees
from placement.candidates.sql import statements
from placement.candidates.sql.reader import (
    NAMES_REVISION,
    Prefetch,
    Read,
    Reader,
    SnapshotRequiredError,
    has_fast_batches,
)
from placement.db import postgresql, transaction
from placement.tracing.points import traced

if typing.TYPE_CHECKING:
    from placement.conf.settings import PlacementSettings
    from placement.context import RequestContext

# The keys of the cache and of the arrays in ``Service.kept``.
_CACHE = "placement.candidates"
HOSTS = "placement.candidates.hosts"

# The number of groups of a request that its prefetch key includes.
_GROUPS_KEPT_MAX = 8


@traced("candidates.search")
def search(
    context: "RequestContext",
    request: SearchRequest,
    chance: random.Random | None = None,
) -> Found:
    """Search for the candidates of ``request``, in one snapshot of the database.

    The cost follows the candidates that are taken, not those that exist. The same
    database gives the same answer in the same order, unless the configuration asks
    for a random one, which is drawn from ``chance``.

    Raises BadRequest for an unknown resource class or trait, if the search takes too
    long here or in the database, and if the answer is too large.
    """
    seconds_max = context.settings.placement.candidates_search_seconds_max
    cache = cache_of(context)

    def read(conn: sa.Connection) -> Found:
        found = _by_batch(_Search(context, cache, request, chance), conn)
        if found is None:
            found = _Search(context, cache, request, chance).run(conn)
        return found

    began = time.perf_counter()
    try:
        found = transaction.read_within(context, seconds_max, read)
    except (exception.DatabaseTooSlow, exception.SearchGivenUp):
        metrics.SEARCHES.inc(metrics.GAVE_UP)
        metrics.SEARCH_SECONDS.observe(time.perf_counter() - began)
        raise
    metrics.SEARCH_SECONDS.observe(time.perf_counter() - began)
    count = sum([len(run.placements) for run in found.runs])
    limit = _fewest(request.limit, _most(context.settings.placement))
    metrics.CANDIDATES.observe(count)
    metrics.SEARCHES.inc(_result(count, limit))
    return found


def _result(count: int, limit: int | None) -> str:
    if not count:
        return metrics.EMPTY
    is_cut = limit is not None and count >= limit
    return metrics.CUT if is_cut else metrics.FOUND


def _by_batch(search: "_Search", conn: sa.Connection) -> Found | None:
    """Search by one statement, without a transaction; None: that is not enough.

    It is tried where it was enough for a similar search.
    """
    if not search.is_batch_enough or not has_fast_batches(conn):
        return None
    with (
        postgresql.autocommit(conn) as is_autocommit,
        contextlib.suppress(SnapshotRequiredError),
    ):
        if is_autocommit:
            return search.run(conn, only_batch=True)
    return None


def cache_of(context: "RequestContext") -> TreeCache:
    """Return the cache of this process."""
    cache: TreeCache | None = context.service.kept.get(_CACHE)
    if cache is None:
        size_max = context.settings.placement.search_cache_megabytes * 2**20
        cache = context.service.kept.setdefault(_CACHE, TreeCache(size_max))
    return cache


def hosts_of(context: "RequestContext") -> Hosts:
    """Return the arrays of this process."""
    hosts: Hosts | None = context.service.kept.get(HOSTS)
    if hosts is None:
        size_max = cache_of(context).arrays_size_max
        hosts = context.service.kept.setdefault(HOSTS, Hosts(size_max))
    return hosts


def first_values(request: SearchRequest, cache: TreeCache) -> list[Read]:
    """Return the single values that are read first for a request, as far as known."""
    values = [NAMES_REVISION, *resolve.prefetchable(request.groups)]
    if cache.sharing_trait_id is not None:
        values.append(statements.any_sharing(cache.sharing_trait_id))
    return values


class _Search:
    """One search."""

    def __init__(
        self,
        context: "RequestContext",
        cache: TreeCache,
        request: SearchRequest,
        chance: random.Random | None,
    ) -> None:
        self._names = context.names
        self._settings = context.settings.placement
        self._cache = cache
        self._request = request
        is_random = self._settings.randomize_allocation_candidates
        self._chance = (chance or random.Random()) if is_random else None
        most = _most(self._settings)
        self._wanted = _fewest(request.limit, most)
        self._one_per_tree = not request.nested_aware and most is None
        self._budget = Budget(self._settings.candidates_search_seconds_max)
        self._key = _prefetch_key(request)
        self._unmet_key = _unmet_key(request)
        self._first_page, self.is_batch_enough = None, False
        if self._chance is None:
            hint = cache.first_pages.find(self._key)
            if hint is not None:
                self._first_page, self.is_batch_enough = hint
        self._unmet = cache.unmet.find(self._unmet_key)
        if self._unmet is not None:
            self._first_page, self.is_batch_enough = None, True

    def run(self, conn: sa.Connection, only_batch: bool = False) -> Found:
        """Search in the snapshot of ``conn``, or only in what the batch reads.

        Raises SnapshotRequiredError if the batch is not enough.
        """
        request, cache = self._request, self._cache
        reader = Reader(conn, self._prefetch(), cache.batches, only_batch)
        root_traits = request.root_required | request.root_forbidden
        ids = resolve.look_up(reader, self._names, request.groups, root_traits)
        plan = plans.plan(request, ids, cache.bits)
        if plan is None:
            return Found()
        sharing_trait_id = resolve.find_sharing_trait(reader, self._names)
        cache.sharing_trait_id = sharing_trait_id
        trees = Trees(
            reader,
            SnapshotReader(reader, self._names, cache, sharing_trait_id),
            cache,
        )
        sharing_trees = trees.sharing(sharing_trait_id) if sharing_trait_id else []
        sharing = Sharing(plan, sharing_trees)
        source = Scan(reader, plan, sharing.aggregates(), trees, cache, self._wanted)
        solver = Solver(
            plan,
            sharing,
            sharing_trees,
            self._one_per_tree,
            self._budget.tick,
            self._chance,
        )
        pages = self._budget.outside(source.pages(self._chance))
        runs = self._take(solver.anchors(pages, source.note), sharing)
        self._note(reader, source.unmet)
        if trees.hit_count:
            metrics.SEARCH_CACHE.inc(metrics.HIT, by=trees.hit_count)
        if trees.read_count:
            metrics.SEARCH_CACHE.inc(metrics.MISS, by=trees.read_count)
        return Found(
            suffixes=tuple(group.suffix for group in plan.groups),
            resource_classes={id_: name for name, id_ in ids.resource_classes.items()},
            runs=tuple(runs),
            sharing=sharing.providers,
            summarized=tuple(
                _summarized_trees(runs, sharing_trees, sharing)
                if request.nested_aware
                else _summarized_providers(runs, sharing)
            ),
        )

    def _prefetch(self) -> Prefetch:
        """Return what the search will read first, as far as it is known."""
        values = first_values(self._request, self._cache)
        page = self._first_page
        if self._unmet is not None:
            values.append(self._unmet)
        if page is None:
            return Prefetch(tuple(values))
        values.append(statements.any_nested())
        known = self._cache.pages.find(page)
        if known is None:
            return Prefetch(tuple(values), page)
        if known.is_flat:
            return Prefetch.of_changes(values, page, known.since)
        return Prefetch(tuple(values), page, known.since.newest)

    def _note(self, reader: Reader, unmet: Read | None) -> None:
        """Cache what a similar search should prefetch."""
        cache, page = self._cache, reader.first_page
        if unmet is not None and not unmet.is_large:
            cache.unmet.add(self._unmet_key, unmet)
        elif self._unmet is not None:
            cache.unmet.remove(self._unmet_key)
        if page is not None and not page.is_large:
            cache.first_pages.add(self._key, (page, not reader.has_read_more))

    @traced("candidates.solve")
    def _take(
        self, anchors: collections.abc.Iterator[Anchors], sharing: Sharing
    ) -> list[Run]:
        """Take as many candidates as are wanted.

        Before 1.29, candidates of several providers of one tree count as generated,
        and are then left out. If nothing limits the number of generated ones, such
        candidates are not made at all.
        """
        most, limit = _most(self._settings), self._request.limit
        runs = order.runs(
            anchors, sharing.providers, _strategy(self._settings, self._wanted)
        )
        runs = order.first(runs, most)
        if not self._request.nested_aware:
            runs = order.of_one_provider_per_tree(runs, sharing.providers)
        taken = list(self._budget.bounded(order.first(runs, limit)))
        if self._chance is not None:
            return order.shuffled(taken, self._chance)
        return taken


_PROVIDERS = operator.attrgetter("providers")


def _summarized_trees(
    runs: list[Run], sharing_trees: list[Tree], sharing: Sharing
) -> collections.abc.Iterable[ProviderSnapshot]:
    """Return all providers of the trees that give resources (since 1.29).

    Trees come in the order of the candidates, providers ascend by id.
    """
    if len(runs) == 1:
        only = runs[0].only_placement
        if only is not None and all(at == 0 for at, _ in only.allocations):
            return runs[0].only_providers or itertools.chain.from_iterable(
                map(_PROVIDERS, runs[0].trees)
            )
    of_sharing = {tree.root.id: tree for tree in sharing_trees}
    found: dict[int, Tree] = {}
    for run in runs:
        if all(at == 0 for each in set(run.placements) for at, _ in each.allocations):
            # Only providers of the trees themselves.
            found.update({tree.root.id: tree for tree in run.trees})
            continue
        for placement, tree in zip(*run, strict=True):
            count = len(tree.providers)
            for at, _ in placement.allocations:
                if at < count:
                    found.setdefault(tree.root.id, tree)
                else:
                    shared = of_sharing[sharing.providers[at - count].root_id]
                    found.setdefault(shared.root.id, shared)
    return itertools.chain.from_iterable(map(_PROVIDERS, found.values()))


def _summarized_providers(
    runs: list[Run], sharing: Sharing
) -> collections.abc.Iterable[ProviderSnapshot]:
    """Return the providers that give resources (before 1.29)."""
    found: dict[int, ProviderSnapshot] = {}
    for run in runs:
        for placement, tree in zip(*run, strict=True):
            providers = tree.providers + sharing.providers
            for at, _ in placement.allocations:
                found.setdefault(providers[at].id, providers[at])
    return found.values()


def _prefetch_key(request: SearchRequest) -> object:
    """Return what the first reads of requests like this one have in common."""
    groups = request.groups[:_GROUPS_KEPT_MAX]
    return request.limit, *(
        (group.suffix, tuple(group.resources), bool(group.required), group.member_of)
        for group in groups
    )


def _unmet_key(request: SearchRequest) -> int:
    """Return what requests have in common of which no provider meets the same need."""
    return hash(
        tuple(
            (tuple(group.resources.items()), group.required, group.member_of)
            for group in request.groups
        )
    )


def _strategy(settings: "PlacementSettings", wanted: int | None) -> Strategy:
    """Return the configured strategy; by default breadth-first where it matters."""
    configured = settings.allocation_candidates_generation_strategy
    if configured is not None:
        return Strategy(configured)
    return Strategy.DEPTH_FIRST if wanted is None else Strategy.BREADTH_FIRST


def _most(settings: "PlacementSettings") -> int | None:
    """Return how many candidates may be generated; None for any number."""
    most = settings.max_allocation_candidates
    return None if most < 0 else max(1, most)


def _fewest(*bounds: int | None) -> int | None:
    return min((bound for bound in bounds if bound is not None), default=None)
