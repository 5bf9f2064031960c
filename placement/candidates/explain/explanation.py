"""Explain a request: the stages, in one snapshot of the database."""

import collections.abc
import contextlib
import dataclasses
import itertools
import time
import typing

import sqlalchemy as sa

from placement import extension_exception, uuids
from placement.candidates.explain import alike, nearest
from placement.candidates.explain.alike import Alike
from placement.candidates.explain.changes import Changer
from placement.candidates.explain.nearest import NearRoot
from placement.candidates.explain.relax import Relaxation, Relaxer, TimeIsUpError
from placement.candidates.explain.survey import Counts, Survey
from placement.candidates.model import Members, SearchRequest, Tree
from placement.candidates.query import plan as plans
from placement.candidates.query import resolve
from placement.candidates.query.resolve import Ids
from placement.candidates.search import cache_of, first_values, hosts_of
from placement.candidates.source.snapshots import SnapshotReader
from placement.candidates.source.trees import Trees
from placement.candidates.sql import rows
from placement.candidates.sql.reader import Reader
from placement.db import tables, transaction

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

# Roots that lack the least, by default.
HOSTS = 5

# Providers of one page.
_PAGE = 10_000
# Trees that are read again at once.
_TREES = 2000
# Steps between two checks of the time.
_STEPS_PER_LOOK = 256

# The shortest limit of a statement; 0 would be none for some databases.
_STATEMENT_SECONDS_MIN = 1.0

_providers = tables.resource_providers


@dataclasses.dataclass(frozen=True, slots=True)
class Explanation:
    """Why a request has the candidates that it has.

    ``names`` are those of the root providers in ``near``, by id.
    """

    request: SearchRequest
    ids: Ids
    survey: Survey
    counts: Counts
    cause: str
    near: list[NearRoot]
    names: dict[int, str]
    relaxations: list[Relaxation]
    # All roots were checked; and all that may be a relaxation.
    is_survey_complete: bool
    is_complete: bool


def explain(
    context: "RequestContext",
    request: SearchRequest,
    hosts: int = HOSTS,
    provider: str | None = None,
    seconds_max: float | None = None,
) -> Explanation:
    """Explain ``request``, with the ``hosts`` roots that lack the least.

    With ``provider``, a uuid or a name, the only root is that of its tree, with all
    conditions that any provider fails there.

    All trees are read, page by page. After ``seconds_max``, by default the limit of a
    search, what was found until then is returned, and is not complete.

    Raises BadRequest for an unknown resource class or trait and if the database takes
    too long, and ProviderNotFound.
    """
    limit = context.settings.placement.candidates_search_seconds_max
    seconds = limit if seconds_max is None else min(seconds_max, limit)

    def read(conn: sa.Connection) -> Explanation:
        cache, arrays = cache_of(context), hosts_of(context)
        with contextlib.ExitStack() as locked:
            locked.enter_context(arrays.lock)
            prefetch = arrays.prefetch(first_values(request, cache))
            reader = Reader(conn, prefetch, cache.batches)
            explaining = _Explaining(context, reader, request, seconds)
            return explaining.run(locked.close, hosts, provider)

    of_statements = max(seconds, _STATEMENT_SECONDS_MIN)
    return transaction.read_within(context, of_statements, read)


def explain_snapshot(
    context: "RequestContext",
    reader: Reader,
    request: SearchRequest,
    unlock: collections.abc.Callable[[], None],
) -> Explanation:
    """Do what ``explain`` does, in the snapshot of ``reader``.

    The caller holds the lock of ``hosts_of``; ``unlock`` releases it.
    """
    seconds = context.settings.placement.candidates_search_seconds_max
    return _Explaining(context, reader, request, seconds).run(unlock)


class _Explaining:
    """One explanation, in the snapshot of ``reader``."""

    def __init__(
        self,
        context: "RequestContext",
        reader: Reader,
        request: SearchRequest,
        seconds: float,
    ) -> None:
        self._reader = reader
        self._arrays = hosts_of(context)
        self._request = request
        self._end = time.monotonic() + seconds
        self._ticks = 0
        self._is_survey_complete = self._is_complete = True
        cache = cache_of(context)
        traits = request.root_required | request.root_forbidden
        self._ids = resolve.look_up(reader, context.names, request.groups, traits)
        sharing_trait_id = resolve.find_sharing_trait(reader, context.names)
        snapshots = SnapshotReader(reader, context.names, cache, sharing_trait_id)
        self._trees = Trees(reader, snapshots, cache)
        self._sharing_trees = (
            self._trees.sharing(sharing_trait_id) if sharing_trait_id else []
        )
        self._survey = Survey(
            plans.plan_all(request, self._ids, cache.bits),
            self._sharing_trees,
            not request.nested_aware,
            self._tick,
        )

    def run(
        self,
        unlock: collections.abc.Callable[[], None],
        hosts: int = HOSTS,
        provider: str | None = None,
    ) -> Explanation:
        """Explain. ``unlock`` is called as soon as the arrays are no longer used."""
        root_id = None if provider is None else self._find_root(provider)
        survey = self._survey
        try:
            groups = self._group()
            unlock()
            self._add(groups)
        except TimeIsUpError:
            unlock()
            self._is_survey_complete = self._is_complete = False
        if root_id is None:
            near = self._nearest(hosts)
        else:
            near = [self._one(root_id)]
        relaxations = [] if survey.fits else self._relax()
        return Explanation(
            request=self._request,
            ids=self._ids,
            survey=survey,
            counts=survey.counts(),
            cause=_cause(survey),
            near=near,
            names=rows.look_up(
                self._reader.conn, _providers.c.name, [each.root.id for each in near]
            ),
            relaxations=relaxations,
            is_survey_complete=self._is_survey_complete,
            is_complete=self._is_complete,
        )

    def _tick(self) -> None:
        self._ticks += 1
        if self._ticks % _STEPS_PER_LOOK == 0:
            self._look_at_clock()

    def _look_at_clock(self) -> None:
        if time.monotonic() > self._end:
            raise TimeIsUpError

    def _group(self) -> list[Alike] | None:
        """Return the hosts in groups; None: there are no arrays, or not enough."""
        if self._sharing_trees or not alike.is_possible(self._survey.plan):
            return None
        arrays = self._arrays
        try:
            if not arrays.update(self._reader, self._trees, self._look_at_clock):
                return None
        except TimeIsUpError:
            # Some trees can still be counted.
            return None
        return alike.groups(arrays, self._survey.plan)

    def _add(self, groups: list[Alike] | None) -> None:
        """Add all trees to the survey, or one of each group."""
        if groups is None:
            for trees in self._pages():
                self._survey.add(trees)
                self._look_at_clock()
            return
        for start in range(0, len(groups), _TREES):
            part = groups[start : start + _TREES]
            (trees,) = self._read([each.first for each in part])
            self._survey.add_alike(trees, part)
            self._look_at_clock()

    def _pages(self) -> collections.abc.Iterator[list[Tree]]:
        """Yield all trees, in the order of their roots."""
        root_id, is_last = 0, False
        while not is_last:
            found, is_last = self._trees.after(root_id, _PAGE)
            if found:
                yield self._trees.of(found)
                root_id = found[-1][0]

    def _read(
        self, members: collections.abc.Sequence[Members]
    ) -> collections.abc.Iterator[list[Tree]]:
        """Yield trees that were read before; those not cached are read again."""
        for start in range(0, len(members), _TREES):
            page = members[start : start + _TREES]
            yield self._trees.of(list(itertools.chain.from_iterable(page)))

    def _nearest(self, hosts: int) -> list[NearRoot]:
        chosen = nearest.members_of_nearest(self._survey, hosts)
        states = self._survey.states
        trees = itertools.chain.from_iterable(
            self._read([members for members, _ in chosen])
        )
        return [
            NearRoot(tree.root, nearest.failures_of_nearest(states, tree), rule)
            for tree, (_, rule) in zip(trees, chosen, strict=True)
        ]

    def _one(self, root_id: int) -> NearRoot:
        (tree,) = self._trees.of(self._trees.members_of([root_id]))
        failures = nearest.all_failures(self._survey.states, tree)
        rules = [
            rule
            for rule, of_rule in self._survey.by_rule.items()
            if self._survey.stands_for(of_rule, tree.members)
        ]
        return NearRoot(tree.root, failures, next(iter(rules), None))

    def _relax(self) -> list[Relaxation]:
        survey = self._survey
        changer = Changer(
            survey.plan,
            survey.states,
            not self._request.nested_aware,
            survey.no_offer,
        )
        relaxer = Relaxer(survey, changer, self._sharing_trees, self._read, self._tick)
        try:
            relaxer.run()
        except TimeIsUpError:
            self._is_complete = False
        self._is_complete &= relaxer.is_complete
        return relaxer.listed()

    def _find_root(self, wanted: str) -> int:
        columns = _providers.c.uuid, _providers.c.name
        for column, value in zip(
            columns, (uuids.canonical(wanted), wanted), strict=True
        ):
            root_id: int | None = self._reader.conn.scalar(
                sa.select(_providers.c.root_provider_id).where(column == value)
            )
            if root_id is not None:
                return root_id
        raise extension_exception.ProviderNotFound(wanted=wanted)


def _cause(survey: Survey) -> str:
    """Return the first cause that holds."""
    if survey.fits:
        return "fits"
    if survey.has_unseen:
        return "not_offered"
    if not survey.is_static_met:
        return "excluded"
    if not (survey.is_large_enough and survey.fits_sums_empty):
        return "too_large"
    if not survey.fits_empty:
        return "does_not_combine"
    return "cordoned" if survey.fits_in_service else "full"
