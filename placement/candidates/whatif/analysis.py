"""Decide whether the consumers of lost trees fit into the others."""

import collections
import collections.abc
import dataclasses
import heapq
import typing

from placement.candidates.capacity.limits import Deadline, TimeIsUpError
from placement.candidates.model import Tree
from placement.candidates.pick.cloud import Cloud
from placement.candidates.whatif.causes import Causes
from placement.candidates.whatif.model import (
    Answer,
    Cause,
    Loss,
    Mover,
    Placed,
    Shape,
    Shortage,
    total_of,
)
from placement.candidates.whatif.planner import Plan, Planner
from placement.candidates.whatif.sums import Proof, Sums, severity
from placement.candidates.whatif.targets import Targets

# The number of consumers by shape, for every host.
ByHost = collections.abc.Mapping[int, "collections.Counter[Shape]"]


@dataclasses.dataclass(slots=True)
class Decision:
    """The answer for the loss of some trees; ``left`` are movers without a place.

    ``shortage`` is the proof of NO if that is a sum.
    """

    answer: Answer
    placed: list[Placed] = dataclasses.field(default_factory=list)
    left: list[tuple[Mover, Cause]] = dataclasses.field(default_factory=list)
    shortage: Shortage | None = None


class AnyLoss(typing.NamedTuple):
    """The answer for the loss of any hosts, and that of each, worst first."""

    answer: Answer
    losses: list[Loss]


class Analysis:
    """Decides in one snapshot; ``is_complete`` is false once the time is used up.

    ``trees`` are all trees, ``targets`` those that consumers may go to.
    """

    def __init__(
        self,
        trees: collections.abc.Sequence[Tree],
        targets: collections.abc.Sequence[Tree],
        deadline: Deadline,
    ) -> None:
        self._trees = trees
        self._target_ids = frozenset(tree.root.id for tree in targets)
        self._deadline = deadline
        self._planner = Planner(Targets(targets, deadline), deadline)
        self._sums = Sums(targets, deadline)
        self.is_complete = True

    def of_loss(
        self, movers: list[Mover], lost: frozenset[int], has_causes: bool = True
    ) -> Decision:
        """Decide for the loss of the roots ``lost``, which ``movers`` have to leave."""
        plan, proof = Plan([], movers), Proof(frozenset(), None)
        try:
            plan = self._planner.fill(movers, lost)
            if plan.left:
                proof = self._sums.prove(_count(movers), lost)
                if not proof.holds:
                    plan = self._planner.search(movers, lost) or plan
        except TimeIsUpError:
            self.is_complete = False
        is_proved = proof.holds or plan.is_proof
        if not plan.left:
            return Decision(Answer.YES, plan.placed)
        answer = Answer.NO if is_proved else Answer.UNKNOWN
        if not has_causes:
            left = [(mover, Cause.NO_PLAN) for mover in plan.left]
            return Decision(answer, plan.placed, left, proof.shortage)
        alone = Cause.TOGETHER if is_proved and not proof.nowhere else Cause.NO_PLAN
        return Decision(
            answer, plan.placed, self._causes(plan.left, lost, alone), proof.shortage
        )

    def _causes(
        self, left: list[Mover], lost: frozenset[int], alone: Cause
    ) -> list[tuple[Mover, Cause]]:
        """Return the movers with causes; ``alone`` is that of those that fit alone."""
        causes = Causes(
            [tree for tree in self._trees if tree.root.id not in lost],
            self._target_ids,
            self._deadline,
        )
        found = []
        for mover in left:
            cause = Cause.NO_PLAN
            try:
                cause = causes.find(mover.shape) or alone
            except TimeIsUpError:
                self.is_complete = False
            found.append((mover, cause))
        return found

    def of_any(self, by_host: ByHost) -> AnyLoss:
        """Decide for the loss of each host alone."""
        ranked, answers = self._losses(by_host), {Answer.YES}
        losses: list[Loss] = []
        is_safe = self._is_safe(by_host, 1)
        for loss in ranked:
            # The moves of the first host are shown, so that it needs a plan of its own.
            if is_safe and losses:
                losses.append(loss._replace(answer=Answer.YES, unplaced=0))
                continue
            shapes = by_host[loss.root_id]
            movers = [
                Mover("", loss.root_id, shape)
                for shape, count in shapes.items()
                for _ in range(count)
            ]
            found = self.of_loss(movers, frozenset([loss.root_id]), has_causes=False)
            is_safe = is_safe and found.answer is Answer.YES
            answers.add(found.answer)
            losses.append(loss._replace(answer=found.answer, unplaced=len(found.left)))
        order = (Answer.NO, Answer.UNKNOWN, Answer.YES)
        losses.sort(key=lambda loss: (order.index(_sure(loss)), -(loss.unplaced or 0)))
        return AnyLoss(next(each for each in order if each in answers), losses)

    def of_any_of(self, by_host: ByHost, count: int) -> AnyLoss:
        """Decide for the loss of any ``count`` hosts at a time, if it is simple."""
        losses = self._losses(by_host)
        answer = Answer.UNKNOWN
        if self._is_short(by_host, losses, count):
            answer = Answer.NO
        elif self._is_safe(by_host, count):
            answer = Answer.YES
        return AnyLoss(answer, losses)

    def _losses(self, by_host: ByHost) -> list[Loss]:
        """Return what the hosts need elsewhere, the largest share first."""
        losses = []
        for root_id, shapes in by_host.items():
            if not shapes:
                continue
            shortage = self._sums.scarcest(_needed(shapes), [root_id])
            losses.append(Loss(root_id, shapes.total(), None, None, shortage))
        return sorted(losses, key=_rank)

    def _is_short(self, by_host: ByHost, losses: list[Loss], count: int) -> bool:
        """The loss of some ``count`` hosts is proved to be too much."""
        worst = [loss.root_id for loss in losses[:count]]
        if self._is_proved(by_host, worst):
            return True
        needed = {root_id: _needed(shapes) for root_id, shapes in by_host.items()}
        for class_id in sorted({each for of in needed.values() for each in of}):
            # Their loss leaves the least of the class.
            costs = {
                root_id: of.get(class_id, 0) + self._sums.free_in(root_id, class_id)
                for root_id, of in needed.items()
            }
            largest = heapq.nlargest(count, costs, key=costs.__getitem__)
            if self._is_proved(by_host, largest):
                return True
        return False

    def _is_proved(self, by_host: ByHost, lost: list[int]) -> bool:
        shapes: collections.Counter[Shape] = collections.Counter()
        for root_id in lost:
            shapes.update(by_host[root_id])
        try:
            return self._sums.prove(shapes, lost).holds
        except TimeIsUpError:
            self.is_complete = False
            return False

    def _is_safe(self, by_host: ByHost, count: int) -> bool:
        """Places can be reserved that are enough whichever ``count`` hosts are lost.

        For each shape there are as many as the ``count`` hosts with most of it have, in
        any trees that are left.
        """
        counts: dict[Shape, list[int]] = {}
        for shapes in by_host.values():
            for shape, number in shapes.items():
                counts.setdefault(shape, []).append(number)
        if any(not shape.held.isdisjoint(by_host) for shape in counts):
            # What such a consumer holds elsewhere may be lost, too.
            return False
        cloud = Cloud([])
        try:
            return all(
                self._planner.reserve(
                    shape, sum(sorted(counts[shape])[-count:]), count, cloud
                )
                for shape in self._planner.largest_first(counts)
            )
        except TimeIsUpError:
            self.is_complete = False
            return False


def _sure(loss: Loss) -> Answer:
    assert loss.answer is not None
    return loss.answer


def _rank(loss: Loss) -> tuple[float, int, int]:
    return -severity(loss.shortage), -loss.consumers, loss.root_id


def _count(movers: list[Mover]) -> "collections.Counter[Shape]":
    return collections.Counter([mover.shape for mover in movers])


def _needed(shapes: "collections.Counter[Shape]") -> dict[int, int]:
    needed: dict[int, int] = {}
    for shape, count in shapes.items():
        for class_id, amount in total_of(shape):
            needed[class_id] = needed.get(class_id, 0) + count * amount
    return needed
