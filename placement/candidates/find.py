"""The stages of a search, in order."""

import dataclasses
import functools
import itertools
import logging
import random
import typing

import sqlalchemy as sa

from placement.candidates import (
    anchors,
    choose,
    combine,
    explain,
    lookup,
    order,
    plan,
    summaries,
)
from placement.candidates import memory as memory_of
from placement.candidates.budget import Budget
from placement.candidates.choose import Sharers
from placement.candidates.combine import Combinations, Requests
from placement.candidates.foresight import Foresight, Reader
from placement.candidates.memory import Memory, Remembered, Stretch, Worked
from placement.candidates.model import AllocationRequest, ProviderView, SearchRequest
from placement.candidates.order import Heads, Strategy, Stream
from placement.candidates.plan import Plan
from placement.candidates.trees import Forest, Tree
from placement.candidates.views import Views
from placement.db import postgresql, transaction

if typing.TYPE_CHECKING:
    from placement.conf.settings import PlacementSettings
    from placement.context import RequestContext

LOG = logging.getLogger(__name__)

# What the memory of a process is kept under.
_KEPT = "placement.candidates"


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What a search has found.

    ``suffixes`` are those of the groups, in the order of the mappings of each
    request. ``resource_classes`` has the names of the classes asked for, by id.
    ``providers`` are those to tell about.
    """

    suffixes: tuple[str, ...] = ()
    resource_classes: dict[int, str] = dataclasses.field(default_factory=dict)
    requests: tuple[AllocationRequest, ...] = ()
    providers: tuple[ProviderView, ...] = ()


def find(
    context: "RequestContext",
    request: SearchRequest,
    chance: random.Random | None = None,
) -> Found:
    """Search for the candidates of ``request``, in one snapshot of the database.

    What is read and combined follows the candidates taken, not those there are.
    The same database gives the same answer in the same order, unless the
    configuration asks for a random one; ``chance`` is what that draws from.

    At level DEBUG a search that finds nothing logs why.

    Raises BadRequest for an unknown resource class or trait, and when the search
    takes too long, here or in the database, or the answer is too large.
    """
    seconds_max = context.settings.placement.candidates_search_seconds_max

    def search(conn: sa.Connection) -> Found:
        found = _find(context, conn, request, chance)
        if _is_explained(found):
            reason = explain.why_empty(
                conn, context.names, _memory(context).bits, request, seconds_max
            )
            LOG.debug("No allocation candidates: %s", reason)
        return found

    return transaction.read_within(context, seconds_max, search)


def _find(
    context: "RequestContext",
    conn: sa.Connection,
    request: SearchRequest,
    chance: random.Random | None,
) -> Found:
    memory = _memory(context)
    foresight = memory.foresight(request)
    reader = _foreseeing(conn, memory, foresight)
    if foresight is not None and reader.finds_as_before(foresight):
        if not foresight.has_held:
            foresight = dataclasses.replace(foresight, has_held=True)
            memory.keep_foresight(request, foresight)
        return typing.cast("Found", foresight.answer)
    found = _search(context, reader, memory, request, chance or random.Random())
    is_random = context.settings.placement.randomize_allocation_candidates
    foresight = reader.foresight(None if is_random else found, _weight(found))
    memory.keep_foresight(request, foresight)
    return found


def _is_explained(found: Found) -> bool:
    """Say whether the log gets the reason for what was found, which is nothing."""
    return not found.requests and LOG.isEnabledFor(logging.DEBUG)


def _foreseeing(
    conn: sa.Connection, memory: Memory, foresight: Foresight | None
) -> Reader:
    """Return the reader of a search.

    Where nothing had changed the last time, one statement is likely to be all. It is
    asked outside of the snapshot, and again there if it is not. The reason for an
    empty answer has to come from the same snapshot.
    """
    if (
        foresight is not None
        and foresight.has_held
        and not _is_explained(typing.cast("Found", foresight.answer))
    ):
        with postgresql.autocommit(conn) as is_alone:
            reader = Reader(conn, foresight, memory.texts)
        if not is_alone or reader.finds_as_before(foresight):
            return reader
    return Reader(conn, foresight, memory.texts)


def _weight(found: Found) -> int:
    """Count the providers that are told about or named."""
    return len(found.providers) + len(found.requests) * max(1, len(found.suffixes))


def _memory(context: "RequestContext") -> Memory:
    memory: Memory | None = context.service.kept.get(_KEPT)
    if memory is None:
        memory = context.service.kept.setdefault(_KEPT, Memory())
    return memory


def _search(
    context: "RequestContext",
    reader: Reader,
    memory: Memory,
    request: SearchRequest,
    chance: random.Random,
) -> Found:
    settings = context.settings.placement
    names = context.names
    root_traits = request.root_required | request.root_forbidden
    ids = lookup.look_up(reader, names, request.groups, root_traits)
    planned = plan.plan(request, ids, memory.bits)
    if planned is None:
        return Found()
    sharing_trait_id = lookup.find_sharing_trait(reader, names)
    views = Views(reader, names, memory.bits, sharing_trait_id)
    forest = Forest(reader, views, memory.trees)
    sharing = forest.get_sharing(sharing_trait_id) if sharing_trait_id else []
    sharers = choose.find_sharers(planned, sharing)
    most = _most(settings)
    one_per_tree = not request.nested_aware and most is None
    signature = memory_of.signature(
        planned,
        ids.resource_classes,
        one_per_tree,
        choose.facts_of(planned, sharers, forest.line_of),
    )
    search = _Search(
        plan=planned,
        forest=forest,
        sharers=sharers,
        remembered=Remembered(memory, memory.question(signature)),
        one_per_tree=one_per_tree,
        budget=Budget(settings.candidates_search_seconds_max),
        chance=chance if settings.randomize_allocation_candidates else None,
    )
    streams = search.streams(reader, _fewest(request.limit, most))
    found = _take(streams, search, request, settings)
    return Found(
        suffixes=tuple(group.suffix for group in planned.groups),
        resource_classes={id_: name for name, id_ in ids.resource_classes.items()},
        requests=tuple(found),
        providers=tuple(
            summaries.of_trees(found, forest)
            if request.nested_aware
            else summaries.of_providers(found, forest)
        ),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Search:
    """What the stages of one search have in common."""

    plan: Plan
    forest: Forest
    sharers: Sharers
    remembered: Remembered
    one_per_tree: bool
    budget: Budget
    chance: random.Random | None

    def streams(self, reader: Reader, wanted: int | None) -> typing.Iterator[Stream]:
        """Yield lazy streams of candidates, one after the other."""
        pages = anchors.find(
            reader,
            self.plan,
            self.forest,
            self.sharers,
            self.remembered,
            wanted=wanted,
            chance=self.chance,
        )
        for page in self.budget.outside(pages):
            for anchor in page:
                if isinstance(anchor, Stretch):
                    yield self._heads(anchor)
                elif self.chance is not None:
                    yield self._by_chance(anchor, self.chance)
                else:
                    yield self._stream(anchor)

    def _heads(self, stretch: Stretch) -> Heads:
        streams = functools.partial(map, self._stream, stretch.anchors)
        return Heads(
            stretch.firsts, None if stretch.are_all else streams, stretch.may_repeat
        )

    def _stream(self, anchor: Worked | Tree) -> Requests:
        if isinstance(anchor, Worked):
            return iter(anchor.requests)
        combine_now = functools.partial(self._combinations, anchor)
        return self.remembered.stream(anchor.members, combine_now)

    def _by_chance(self, anchor: Worked | Tree, chance: random.Random) -> Requests:
        if isinstance(anchor, Tree):
            return iter(self._combinations(anchor))
        return iter(chance.sample(anchor.requests, len(anchor.requests)))

    def _combinations(self, tree: Tree) -> Combinations:
        choices = choose.choices(self.plan, tree, self.sharers)
        if choices is None:
            return ()
        if self.chance is not None:
            for providers in choices:
                self.chance.shuffle(providers)
        return combine.combinations(
            self.plan,
            choices,
            self.forest.line_of,
            self.one_per_tree,
            self.budget.tick,
        )


def _take(
    streams: typing.Iterator[Stream],
    search: _Search,
    request: SearchRequest,
    settings: "PlacementSettings",
) -> list[AllocationRequest]:
    """Take from the streams until there are as many candidates as are wanted.

    Candidates that are not for those unaware of nesting count as generated; where
    nothing is counted they are not even built.
    """
    most = _most(settings)
    strategy = _strategy(settings, _fewest(request.limit, most))
    if search.sharers:
        streams = order.distinct(streams)
    requests: Requests = itertools.islice(order.one_stream(streams, strategy), most)
    if not request.nested_aware:
        requests = filter(order.takes_one_per_tree, requests)
    limit = request.limit and min(request.limit, 2**31)
    found = list(search.budget.bounded(itertools.islice(requests, limit)))
    if search.chance is not None:
        search.chance.shuffle(found)
    return found


def _strategy(settings: "PlacementSettings", wanted: int | None) -> Strategy:
    """Take what is configured; if nothing is, be fair whenever that matters."""
    configured = settings.allocation_candidates_generation_strategy
    if configured is not None:
        return Strategy(configured)
    return Strategy.DEPTH_FIRST if wanted is None else Strategy.BREADTH_FIRST


def _most(settings: "PlacementSettings") -> int | None:
    """How many candidates may be generated; None for any number."""
    most = settings.max_allocation_candidates
    return None if most < 0 else max(1, most)


def _fewest(*bounds: int | None) -> int | None:
    return min((bound for bound in bounds if bound is not None), default=None)
