"""Analyse the loss of hosts, in one snapshot of the database."""

import collections
import collections.abc
import typing

import sqlalchemy as sa

from placement import extension_exception
from placement.candidates.capacity.limits import Deadline
from placement.candidates.model import Tree
from placement.candidates.query import resolve
from placement.candidates.search import cache_of
from placement.candidates.solve.limits import Budget
from placement.candidates.source.snapshots import SnapshotReader
from placement.candidates.source.trees import Trees
from placement.candidates.sql import rows
from placement.candidates.sql.reader import Reader
from placement.candidates.whatif import patterns
from placement.candidates.whatif.analysis import Analysis, ByHost, Decision
from placement.candidates.whatif.model import (
    WORST_MAX,
    Loss,
    Move,
    Mover,
    Question,
    Result,
    Shape,
    Unplaced,
    total_of,
)
from placement.candidates.whatif.shapes import Shapes
from placement.db import tables, transaction
from placement.objects import holdings

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

# The number of consumers that one analysis can move.
CONSUMERS_MAX = 100_000

# The number of different shapes, which one analysis holds at once.
SHAPES_MAX = 50_000

_providers = tables.resource_providers
_aggregates = tables.placement_aggregates
_traits = tables.traits


def analyse(context: "RequestContext", question: Question) -> Result:
    """Find out whether the consumers of lost hosts fit on the other hosts.

    All trees are read once. Expiring claims count as others.

    Raises UnknownLostRoot, AnalysisTooLarge and DatabaseTooSlow.
    """
    seconds_max = context.settings.placement.candidates_search_seconds_max
    return transaction.read_within(
        context, seconds_max, lambda conn: _Reading(conn, context, question).result()
    )


class _Reading:
    """The snapshot of ``conn``, and what is read of it."""

    def __init__(
        self, conn: sa.Connection, context: "RequestContext", question: Question
    ) -> None:
        self._conn = conn
        self._question = question
        self._names = context.names
        self._reader = reader = Reader(conn)
        cache = cache_of(context)
        seconds_max = context.settings.placement.candidates_search_seconds_max
        self._budget = Budget(seconds_max)
        kept = cache.bits.of(self._kept_traits())
        sharing_trait_id = resolve.find_sharing_trait(reader, self._names)
        snapshots = SnapshotReader(reader, self._names, cache, sharing_trait_id)
        pages = self._budget.outside(Trees(reader, snapshots, cache).pages())
        self._trees = {tree.root.id: tree for page in pages for tree in page}
        self._shapes = Shapes(self._trees.values(), kept)
        self._seconds_max = seconds_max

    def _kept_traits(self) -> list[int]:
        if not self._question.keep_traits:
            return []
        ids = {
            name: id_
            for id_, name in rows.read(
                self._conn, sa.select(_traits.c.id, _traits.c.name)
            )
        }
        return [
            ids[name] for name in patterns.matching(self._question.keep_traits, ids)
        ]

    def _targets(self) -> list[Tree]:
        """Return the trees that consumers may go to."""
        trees = list(self._trees.values())
        if self._question.within is None:
            return trees
        aggregate_id = self._conn.scalar(
            sa.select(_aggregates.c.id).where(
                _aggregates.c.uuid == self._question.within
            )
        )
        return [tree for tree in trees if aggregate_id in tree.root.aggregates]

    def result(self) -> Result:
        if self._question.lose:
            lost = self._lost()
            movers = self._movers(lost)
            analysis = self._analysis()
            return self._shown(
                analysis.of_loss(movers, lost), len(movers), analysis.is_complete
            )
        return self._of_any(self._by_host(), self._question.any_count)

    def _analysis(self) -> Analysis:
        """Return a new analysis, whose time begins now."""
        trees = list(self._trees.values())
        return Analysis(trees, self._targets(), Deadline(self._seconds_max))

    def _lost(self) -> frozenset[int]:
        ids = {tree.root.uuid: root_id for root_id, tree in self._trees.items()}
        unknown = self._question.lose.difference(ids)
        if unknown:
            raise extension_exception.UnknownLostRoot(uuid=min(unknown))
        return frozenset(ids[uuid] for uuid in self._question.lose)

    def _of_any(self, by_host: ByHost, count: int) -> Result:
        """Return the result, with the moves of the worst host if one is lost alone."""
        analysis = self._analysis()
        if count == 1:
            answer, losses = analysis.of_any(by_host)
        else:
            answer, losses = analysis.of_any_of(by_host, count)
        decision, consumers = Decision(answer), 0
        if losses and count == 1:
            lost = frozenset([losses[0].root_id])
            movers = self._movers(lost)
            decision, consumers = analysis.of_loss(movers, lost), len(movers)
        decision.answer = answer
        worst = losses[:WORST_MAX]
        return self._shown(decision, consumers, analysis.is_complete, worst)

    def _movers(self, lost: frozenset[int]) -> list[Mover]:
        provider_ids = [
            provider.id
            for root_id in sorted(lost)
            for provider in self._trees[root_id].providers
        ]
        found = holdings.of_providers(self._conn, provider_ids, CONSUMERS_MAX)
        if found is None:
            raise extension_exception.AnalysisTooLarge(most=CONSUMERS_MAX)
        return [
            Mover(consumer, root_id, shape)
            for consumer, of_consumer in found.items()
            for root_id, shape in self._shapes.of(of_consumer, lost)
        ]

    def _by_host(self) -> "dict[int, collections.Counter[Shape]]":
        """Count the shapes of the consumers of each host."""
        found: dict[int, collections.Counter[Shape]] = {
            root_id: collections.Counter()
            for root_id in self._trees
            if self._is_host(root_id)
        }
        for page in self._budget.outside(holdings.of_all(self._conn)):
            for of_consumer in page:
                for root_id, shape in self._shapes.of_each(of_consumer, found):
                    found[root_id][shape] += 1
            if len(self._shapes) > SHAPES_MAX:
                raise extension_exception.AnalysisTooLarge(most=SHAPES_MAX)
        return found

    def _is_host(self, root_id: int) -> bool:
        """The root does not serve other trees."""
        return not self._trees[root_id].root.is_sharing

    def _shown(
        self,
        decision: Decision,
        consumers: int,
        is_complete: bool,
        worst: collections.abc.Sequence[Loss] = (),
    ) -> Result:
        result = Result(
            decision.answer,
            consumers,
            [
                Move(
                    mover.consumer,
                    mover.root_id,
                    tree.root.id,
                    tuple(
                        (tree.providers[at].uuid, amounts)
                        for at, amounts in place.allocations
                    ),
                )
                for mover, tree, place in decision.placed
            ],
            [
                Unplaced(mover.consumer, mover.root_id, total_of(mover.shape), cause)
                for mover, cause in decision.left
            ],
            worst=list(worst),
            shortage=decision.shortage,
            is_complete=is_complete,
        )
        self._add_names(result)
        return result

    def _add_names(self, result: Result) -> None:
        root_ids = {loss.root_id for loss in result.worst}
        class_ids = {loss.shortage.class_id for loss in result.worst}
        for move in result.moves:
            root_ids |= {move.from_root, move.to_root}
            class_ids.update(id_ for _, of in move.amounts for id_, _ in of)
        for unplaced in result.unplaced:
            root_ids.add(unplaced.from_root)
            class_ids.update(class_id for class_id, _ in unplaced.amounts)
        if result.shortage is not None:
            class_ids.add(result.shortage.class_id)
        names = rows.look_up(self._conn, _providers.c.name, root_ids)
        result.roots = {
            id_: (self._trees[id_].root.uuid, name) for id_, name in names.items()
        }
        result.classes = self._names.resource_classes(
            self._conn, class_ids, self._reader.names_revision
        )
