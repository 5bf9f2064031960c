"""One request of a pick, and the candidates that are left for it."""

import collections
import collections.abc
import heapq
import itertools
import operator
import random
import typing

from placement.candidates.model import Placement, SearchRequest, Tree
from placement.candidates.pick.cloud import Cloud
from placement.candidates.pick.model import Order, Picked, Preferences
from placement.candidates.pick.ranking import Rank, Ranking
from placement.candidates.query.plan import Plan
from placement.candidates.query.resolve import Ids
from placement.candidates.solve.feasibility import Sharing
from placement.candidates.solve.flat import FlatConditions
from placement.candidates.solve.limits import Budget
from placement.candidates.solve.solver import Solver
from placement.candidates.source.cache import TreeCache
from placement.candidates.source.hosts import Hosts
from placement.candidates.source.scan import Scan
from placement.candidates.source.trees import Trees
from placement.candidates.sql.reader import Reader
from placement.objects.claim_request import Amount
from placement.objects.group import Membership

# The number of trees on the first page; the first one with room is taken.
PAGE_MIN = 4

# Candidates of one tree among which PACK, SPREAD and weights choose.
PER_TREE_MAX = 100


class Picking(typing.Protocol):
    """What the requests of one pick share."""

    preferences: Preferences
    cache: TreeCache
    reader: Reader
    budget: Budget
    trees: Trees
    cloud: Cloud
    members: Membership | None
    weights: list[tuple[int, float]]
    # None: the arrays are not needed; not every tree is one provider; too many hosts.
    hosts: Hosts | None
    # Trees of the first page, at least.
    page_min: int

    def tree_in(self, row: int) -> Tree:
        """Return the tree of a row of ``hosts``."""

    def allows(self, tree: Tree) -> bool:
        """The tree may be picked, whatever room it has."""


class Candidate(typing.NamedTuple):
    tree: Tree
    placement: Placement


class Asked:
    """One request, and the candidates that are left for it."""

    def __init__(
        self, picker: Picking, request: SearchRequest, plan: Plan, ids: Ids
    ) -> None:
        self._picker = picker
        self._request = request
        self._plan = plan
        # The names of the requested classes, by id.
        self.classes = {id_: name for name, id_ in ids.resource_classes.items()}
        self._solver, self._sharing, self._version = self._solve()
        # Unranked: the trees of the pages, in order; the first one may still serve.
        self._pages: collections.abc.Iterator[list[Tree]] = iter(())
        self._waiting: collections.deque[Tree] = collections.deque()
        # Ranked by arrays.
        self._ranking: Ranking | None = None
        # Ranked: all trees, and a heap of them; a tree may be there more than once,
        # also with the same rank. The number keeps trees from being compared.
        self._trees: list[Tree] | None = None
        self._heap: list[tuple[Rank, int, Tree]] = []
        self._numbers = itertools.count()

    def _solve(self) -> tuple[Solver, Sharing, int]:
        picker, cloud = self._picker, self._picker.cloud
        sharing_trees = cloud.sharing_trees
        sharing = Sharing(self._plan, sharing_trees)
        solver = Solver(
            self._plan,
            sharing,
            sharing_trees,
            not self._request.nested_aware,
            picker.budget.tick,
            None,
        )
        return solver, sharing, cloud.version

    @property
    def flat(self) -> FlatConditions | None:
        """The conditions on trees of one provider, if no other one may serve them."""
        return self._solver.flat

    def begin(self, place: int, count: int) -> None:
        """Rank all trees, or prepare to read them in the order of ids.

        Without an order among them they begin at a place. ``count`` is the number of
        candidates that will be taken.
        """
        is_ranked = self._picker.preferences.is_ranked
        self._ranking = self._rank_hosts(0 if is_ranked else place)
        if self._ranking is not None:
            return
        if is_ranked:
            self._rank_trees()
        else:
            self._pages = self._scan(place, count)

    def _rank_trees(self) -> None:
        if self._trees is None:
            self._trees = list(itertools.chain.from_iterable(self._scan(0, None)))
        self._heap = []
        for tree in self._trees:
            self._push(tree)

    def _rank_hosts(self, place: int) -> Ranking | None:
        """Return a ranking by arrays; None: it takes more than that.

        Equal hosts are ranked from ``place`` on.
        """
        picker = self._picker
        preferences, members = picker.preferences, picker.members
        conditions = self._solver.flat
        if (
            picker.hosts is None
            or conditions is None
            or conditions.root_ids
            or not conditions.plan.total
            or preferences.order is Order.SEED
            or (members is not None and members.domains is not None)
        ):
            return None
        return Ranking(
            picker.hosts, conditions, preferences.order, picker.weights, members, place
        )

    def _scan(
        self, place: int, count: int | None
    ) -> collections.abc.Iterator[list[Tree]]:
        """Yield the trees that can serve the request, by pages."""
        picker = self._picker
        source = Scan(
            picker.reader,
            self._plan,
            self._sharing.aggregates(),
            picker.trees,
            picker.cache,
            count,
            picker.page_min,
        )
        pages = picker.budget.outside(source.pages(place=place))
        for anchors in self._solver.anchors(pages, source.note):
            yield list(anchors.trees)

    def next(self) -> Candidate | None:
        """Return the first candidate that is left."""
        self._update()
        if self._ranking is not None:
            return self._next_by(self._ranking)
        if self._trees is not None:
            return self._next_ranked()
        while True:
            while not self._waiting:
                page = next(self._pages, None)
                if page is None:
                    return None
                self._waiting.extend(page)
            tree = self._picker.cloud.now(self._waiting[0])
            if self._picker.allows(tree):
                placement = next(self._placements(tree), None)
                if placement is not None:
                    return Candidate(tree, placement)
            self._waiting.popleft()

    def take(self, candidate: Candidate, consumer: str) -> Picked:
        """Take a candidate for a consumer from the copy of the trees."""
        tree, placement = candidate
        picker = self._picker
        providers = (*tree.providers, *self._sharing.providers)
        picker.cloud.take(tree, placement, self._sharing.providers)
        if picker.members is not None:
            picker.members.add(tree.root.id)
        return Picked(
            consumer,
            tuple(
                Amount(providers[at].uuid, self.classes[class_id], units)
                for at, amounts in placement.allocations
                for class_id, units in amounts
            ),
            {
                of_group.suffix: [providers[at].uuid for at in positions]
                for of_group, positions in zip(
                    self._plan.groups, placement.mappings, strict=True
                )
            },
            tree.members,
        )

    def note_taken(self, tree: Tree) -> None:
        """Rank a tree again from which something was taken."""
        members = self._picker.members
        if self._ranking is not None:
            row = self._ranking.row_of(tree)
            if row is not None:
                best = self._best(tree)
                self._ranking.replace(row, None if best is None else best[0])
        if self._trees is None:
            return
        if members is not None and members.domains is not None:
            # The other hosts of its domains have other ranks, too.
            self._rank_trees()
        else:
            self._push(tree)

    def _update(self) -> None:
        """Solve with what is left of the sharing providers."""
        if self._version != self._picker.cloud.version:
            self._solver, self._sharing, self._version = self._solve()
            if self._trees is not None:
                self._rank_trees()

    def _placements(self, tree: Tree) -> collections.abc.Iterator[Placement]:
        """Yield the placements in what is left of a tree."""
        for anchors in self._solver.anchors([[tree]], _ignore):
            for source in anchors.sources:
                for number in itertools.count():
                    placement = source.get(number)
                    if placement is None:
                        return
                    yield placement

    def _best(self, tree: Tree) -> tuple[Rank, Candidate] | None:
        """Return the best candidate in what is left of a tree, with its rank."""
        if not self._picker.allows(tree):
            return None
        now = self._picker.cloud.now(tree)
        placements = itertools.islice(self._placements(now), PER_TREE_MAX)
        ranked = ((self._rank(now, each), each) for each in placements)
        best = min(ranked, key=operator.itemgetter(0), default=None)
        if best is None:
            return None
        rank, placement = best
        return (*rank, tree.root.id), Candidate(now, placement)

    def _push(self, tree: Tree) -> None:
        best = self._best(tree)
        if best is not None:
            self._push_ranked(best[0], tree)

    def _push_ranked(self, rank: Rank, tree: Tree) -> None:
        heapq.heappush(self._heap, (rank, next(self._numbers), tree))

    def _next_by(self, ranking: Ranking) -> Candidate | None:
        """Return the candidate of the best host that may be picked."""
        while (row := ranking.best()) is not None:
            # It may be excluded, or have a ``min_unit``.
            best = self._best(self._picker.tree_in(row))
            if best is not None:
                return best[1]
            ranking.drop(row)
        return None

    def _next_ranked(self) -> Candidate | None:
        """Return the best candidate of all trees."""
        while self._heap:
            rank, _, tree = heapq.heappop(self._heap)
            best = self._best(tree)
            if best is None:
                continue
            if best[0] == rank:
                return best[1]
            # It has changed since it was ranked.
            self._push_ranked(best[0], tree)
        return None

    def _rank(self, tree: Tree, placement: Placement) -> Rank:
        picker = self._picker
        providers = [
            (
                tree.providers[at]
                if at < len(tree.providers)
                else self._sharing.providers[at - len(tree.providers)],
                amounts,
            )
            for at, amounts in placement.allocations
        ]
        traits = 0
        for provider, _ in providers:
            traits |= provider.traits
        weight = sum(weight for bit, weight in picker.weights if traits & bit)
        distance = 0
        if picker.members is not None:
            distance = picker.members.distance(tree.root.id)
        return distance, -weight, self._order(tree, providers)

    def _order(self, tree: Tree, providers: typing.Any) -> float:
        preferences = self._picker.preferences
        if preferences.order is Order.ANY:
            return 0
        if preferences.order is Order.SEED:
            # A string, so that the same seed shuffles every process in the same way.
            return random.Random(f"{preferences.seed} {tree.root.uuid}").random()
        share = max(
            (
                (provider.offers[class_id].used + units)
                / provider.offers[class_id].capacity
                for provider, amounts in providers
                for class_id, units in amounts
            ),
            default=0.0,
        )
        return -share if preferences.order is Order.PACK else share


def _ignore(_count: int) -> None:
    return None
