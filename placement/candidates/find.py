"""The stages of a search, in order."""

import dataclasses
import itertools
import random
import typing

import sqlalchemy as sa

from placement.candidates import (
    anchors,
    choose,
    combine,
    lookup,
    order,
    plan,
    summaries,
)
from placement.candidates.anchors import Anchors
from placement.candidates.budget import Budget
from placement.candidates.combine import Requests
from placement.candidates.model import AllocationRequest, ProviderView, SearchRequest
from placement.candidates.order import Strategy
from placement.candidates.plan import Plan
from placement.candidates.trees import Forest
from placement.candidates.views import KeptViews, Views
from placement.db import transaction

if typing.TYPE_CHECKING:
    from placement.conf.settings import PlacementSettings
    from placement.context import RequestContext

# What the views of a process are kept under.
_KEPT = "placement.candidates.views"


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

    Raises BadRequest for an unknown resource class or trait, and when the search
    takes too long or the answer is too large.
    """
    return transaction.read(
        context, lambda conn: _find(context, conn, request, chance or random.Random())
    )


def _find(
    context: "RequestContext",
    conn: sa.Connection,
    request: SearchRequest,
    chance: random.Random,
) -> Found:
    settings = context.settings.placement
    kept: KeptViews = context.service.kept.setdefault(_KEPT, KeptViews())
    names = context.names
    root_traits = request.root_required | request.root_forbidden
    ids = lookup.look_up(conn, names, request.groups, root_traits)
    planned = plan.plan(request, ids, kept.bits)
    if planned is None:
        return Found()
    sharing_trait_id = lookup.find_sharing_trait(conn, names)
    forest = Forest(conn, Views(conn, names, kept, sharing_trait_id))
    is_random = settings.randomize_allocation_candidates
    viable = anchors.find(
        conn,
        planned,
        forest,
        sharing_trait_id,
        wanted=_fewest(request.limit, _most(settings)),
        chance=chance if is_random else None,
    )
    found = _take(planned, viable, forest, request, settings, chance)
    return Found(
        suffixes=tuple(group.suffix for group in planned.groups),
        resource_classes={id_: name for name, id_ in ids.resource_classes.items()},
        requests=tuple(found),
        providers=tuple(
            summaries.of_trees(found, forest)
            if request.nested_aware
            else summaries.of_providers(found)
        ),
    )


def _take(
    planned: Plan,
    viable: Anchors,
    forest: Forest,
    request: SearchRequest,
    settings: "PlacementSettings",
    chance: random.Random,
) -> list[AllocationRequest]:
    """Combine at the anchors until there are as many candidates as are wanted.

    Candidates that are not for those unaware of nesting count as generated; where
    nothing is counted they are not even built.
    """
    budget = Budget(settings.candidates_search_seconds_max)
    most = _most(settings)
    is_random = settings.randomize_allocation_candidates
    streams = _streams(
        planned,
        viable,
        forest,
        one_per_tree=not request.nested_aware and most is None,
        budget=budget,
        chance=chance if is_random else None,
    )
    strategy = _strategy(settings, _fewest(request.limit, most))
    requests: Requests = itertools.islice(order.one_stream(streams, strategy), most)
    if not request.nested_aware:
        requests = filter(order.takes_one_per_tree, requests)
    limit = request.limit and min(request.limit, 2**31)
    found = list(budget.bounded(itertools.islice(requests, limit)))
    if is_random:
        chance.shuffle(found)
    return found


def _streams(
    planned: Plan,
    viable: Anchors,
    forest: Forest,
    one_per_tree: bool,
    budget: Budget,
    chance: random.Random | None,
) -> typing.Iterator[Requests]:
    """Yield one lazy stream of candidates per anchor that can fill every slot."""
    for page in budget.outside(viable.pages):
        for tree in page:
            choices = choose.choices(planned, tree, viable.sharers)
            if choices is None:
                continue
            if chance is not None:
                for providers in choices:
                    chance.shuffle(providers)
            yield combine.combinations(
                planned, choices, forest.line_of, one_per_tree, budget.tick
            )


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
