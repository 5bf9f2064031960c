"""Count how many trees pass each condition of a request."""

import collections
import collections.abc
import dataclasses
import functools
import heapq
import itertools

from placement.candidates.explain import rules
from placement.candidates.explain.alike import Alike
from placement.candidates.explain.rules import RuleFinder, Tick
from placement.candidates.explain.states import State, States, Step, Way, Ways
from placement.candidates.model import Members, ProviderSnapshot, Tree
from placement.candidates.query.plan import Plan
from placement.candidates.solve.feasibility import Sharing
from placement.candidates.solve.solver import Solver


@dataclasses.dataclass
class Roots:
    """The roots of one state.

    ``members`` are those of their trees, or of the trees that stand for them.
    """

    state: State
    members: list[Members] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class StepCount:
    """Numbers of roots, see ``left``, ``pass`` and ``only`` of the document."""

    left: int = 0
    passing: int = 0
    only: int = 0


@dataclasses.dataclass
class Counts:
    """What is counted over the roots. ``slots`` has a count per step of each slot."""

    anchor: list[StepCount]
    slots: list[list[StepCount]]


class Survey:
    """What a request meets in the trees that were added.

    ``roots`` and ``fits`` are numbers of roots. ``by_state`` has the roots without a
    candidate; those whose slots can all be filled are in ``by_rule``, by the first rule
    of combining that leaves none. Both have only one tree of those that are alike.
    """

    def __init__(
        self,
        plan: Plan,
        sharing_trees: list[Tree],
        one_per_tree: bool,
        tick: Tick,
    ) -> None:
        self.plan = plan
        self._tick = tick
        self.states = States(plan, sharers_of(sharing_trees))
        self.roots = self.fits = 0
        self.by_state: dict[State, Roots] = {}
        self.by_rule: dict[str, list[Members]] = {}
        # By the id of the root that stands for them.
        self._alike: dict[int, Alike] = {}
        # Could a root serve the request if nothing were used: all slots, all slots
        # together by their sums, all rules.
        self.is_static_met = self.is_large_enough = False
        self.fits_sums_empty = self.fits_empty = False
        # Some root could serve the request now if all of it were in service.
        self.fits_in_service = False
        self._served: collections.Counter[State] = collections.Counter()
        self._sharing_trees = sharing_trees
        self._one_per_tree = one_per_tree
        self.rules = rules.applied_in(plan, one_per_tree)
        self._is_sharing_in_service = all(map(rules.is_in_service, sharing_trees))
        self._unseen = _Unseen(plan)

    # Most requests fail at the conditions already, and need none of these.

    @functools.cached_property
    def _solver(self) -> Solver:
        trees = self._sharing_trees
        sharing = Sharing(self.plan, trees)
        return Solver(self.plan, sharing, trees, self._one_per_tree, self._tick, None)

    @functools.cached_property
    def _rules(self) -> RuleFinder:
        return self._finder(self._sharing_trees)

    @functools.cached_property
    def _empty_rules(self) -> RuleFinder:
        return self._finder([rules.emptied(tree) for tree in self._sharing_trees])

    @functools.cached_property
    def _in_service_rules(self) -> RuleFinder:
        return self._finder([rules.in_service(tree) for tree in self._sharing_trees])

    def _finder(self, sharing_trees: list[Tree]) -> RuleFinder:
        """Return the finder of rules for a cloud with these sharing providers."""
        sharing = Sharing(self.plan, sharing_trees)
        return RuleFinder(
            self.plan, sharing, sharing_trees, self._one_per_tree, self._tick
        )

    @property
    def has_unseen(self) -> bool:
        """A class, trait or aggregate of the request is at no provider."""
        return self._unseen.is_any

    @property
    def no_offer(self) -> frozenset[int]:
        """The classes that no provider offers."""
        return frozenset(self._unseen.classes)

    @property
    def no_traits(self) -> frozenset[int]:
        """The sets of traits, as bits, of which no provider has one."""
        return frozenset(self._unseen.traits)

    def number_of(self, members: collections.abc.Collection[Members]) -> int:
        """Return the number of trees that some trees stand for."""
        if not self._alike:
            return len(members)
        return sum(len(self._alike[of_tree[0][0]].ids) for of_tree in members)

    def first_of(
        self, members: collections.abc.Sequence[Members], count: int
    ) -> list[Members]:
        """Return the first ``count`` trees that some trees stand for, by id."""
        if not self._alike:
            return list(members[:count])
        # They ascend, so that those after ``count`` are not among the first.
        found = [self._alike[each[0][0]].members(count) for each in members[:count]]
        return heapq.nsmallest(count, itertools.chain.from_iterable(found))

    def stands_for(
        self, members: collections.abc.Iterable[Members], tree: Members
    ) -> bool:
        """One of some trees stands for ``tree``."""
        if not self._alike:
            return tree in members
        root_id = tree[0][0]
        return any(root_id in self._alike[each[0][0]].ids for each in members)

    def add_alike(
        self, trees: list[Tree], alike: collections.abc.Iterable[Alike]
    ) -> None:
        """Count some more trees, each of which stands for others.

        The groups ascend by their first ids. Not to be mixed with ``add``.
        """
        self._alike.update((int(each.ids[0]), each) for each in alike)
        self.add(trees)

    def add(self, trees: list[Tree]) -> None:
        """Count some more trees."""
        self._unseen.see(trees)
        served = []
        for tree in trees:
            self._tick()
            number = self.number_of([tree.members])
            self.roots += number
            state = self.states.of(tree)
            if state.is_served:
                self._served[state] += number
                served.append(tree)
                continue
            roots = self.by_state.get(state)
            if roots is None:
                roots = self.by_state[state] = Roots(state)
            roots.members.append(tree.members)
            self._note_in_service(tree)
            if not self.fits_empty:
                self._note_empty(tree, state)
        if served:
            self._combine(served)

    def _combine(self, trees: list[Tree]) -> None:
        fitting: dict[int, Members] = {}
        for anchors in self._solver.anchors([trees], lambda able: None):
            for tree, source in zip(*anchors, strict=True):
                if source.get(0) is not None:
                    fitting[tree.root.id] = tree.members
        self.fits += self.number_of(fitting.values())
        for tree in trees:
            if tree.root.id not in fitting:
                rule = self._rules.first(tree)
                assert rule is not None
                self.by_rule.setdefault(rule, []).append(tree.members)
                self._note_in_service(tree)
                if not self.fits_empty:
                    self._note_combined_when_empty(tree)

    def _note_in_service(self, tree: Tree) -> None:
        """Note whether the tree, which cannot, could serve if it were in service."""
        if self.fits or self.fits_in_service:
            return
        if self._is_sharing_in_service and rules.is_in_service(tree):
            return
        tree = rules.in_service(tree)
        self.fits_in_service = self._in_service_rules.has_candidates(tree)

    def _note_empty(self, tree: Tree, state: State) -> None:
        """Note whether the tree could serve the request if it were empty."""
        if state.anchor:
            return
        is_large_enough = True
        for slot, ways in zip(self.states.slots, state.slots, strict=True):
            if not any(way.failing & slot.static == 0 for way in ways):
                return
            is_large_enough &= any(way.failing & ~slot.passing == 0 for way in ways)
        self.is_static_met = True
        if is_large_enough:
            self._note_combined_when_empty(tree)

    def _note_combined_when_empty(self, tree: Tree) -> None:
        self.is_static_met = self.is_large_enough = True
        empty = rules.emptied(tree)
        if self._empty_rules.has_candidates(empty):
            self.fits_empty = self.fits_sums_empty = True
        elif not self.fits_sums_empty:
            self.fits_sums_empty = self._empty_rules.fits_sums(empty)

    def counts(self) -> Counts:
        """Count over all states that were seen."""
        found = Counts(
            [StepCount() for _ in self.states.anchor_steps],
            [[StepCount() for _ in slot.steps] for slot in self.states.slots],
        )
        of_slot: list[collections.Counter[Ways]] = [
            collections.Counter() for _ in self.states.slots
        ]
        # Few differ in what fails; more in the amounts that would pass.
        numbers: collections.Counter[State] = self._served.copy()
        for state, roots in self.by_state.items():
            numbers[_without_fixes(state)] += self.number_of(roots.members)
        for state, number in numbers.items():
            _count_anchor(found.anchor, state, number)
            _count_only(found, self.states, state, number)
            for counter, ways in zip(of_slot, state.slots, strict=True):
                counter[ways] += number
        for slot, steps, counter in zip(
            self.states.slots, found.slots, of_slot, strict=True
        ):
            for ways, number in counter.items():
                _count_steps(slot.steps, steps, ways, number)
        return found


def sharers_of(sharing_trees: list[Tree]) -> tuple[ProviderSnapshot, ...]:
    """Return the providers that may share, by id."""
    return tuple(
        sorted(
            (
                one
                for tree in sharing_trees
                for one in tree.providers
                if one.is_sharing and one.aggregates
            ),
            key=lambda one: one.id,
        )
    )


def _without_fixes(state: State) -> State:
    return State(
        state.anchor,
        tuple([tuple([Way(way.failing, ()) for way in ways]) for ways in state.slots]),
    )


def _count_anchor(steps: list[StepCount], state: State, number: int) -> None:
    for at, step in enumerate(steps):
        if not state.anchor & (1 << at):
            step.passing += number
        if not state.anchor & ((2 << at) - 1):
            step.left += number


def _count_steps(
    steps: collections.abc.Iterable[Step],
    counts: list[StepCount],
    ways: Ways,
    number: int,
) -> None:
    for step, count in zip(steps, counts, strict=True):
        if any(not way.failing & step.bit for way in ways):
            count.passing += number
        if any(not way.failing & (2 * step.bit - 1) for way in ways):
            count.left += number


def _count_only(found: Counts, states: States, state: State, number: int) -> None:
    """Count the roots that would serve every slot without one condition."""
    at = sole_slot(state)
    if at is not None:
        failing = {way.failing for way in state.slots[at]}
        for step, count in zip(states.slots[at].steps, found.slots[at], strict=True):
            if step.bit in failing:
                count.only += number
    elif state.anchor.bit_count() == 1 and not _failed_slots(state):
        found.anchor[state.anchor.bit_length() - 1].only += number


def sole_slot(state: State) -> int | None:
    """Return the only slot that cannot be filled; None: the state fails more, or none.

    A state that fails a condition on the anchor fails more.
    """
    failed = _failed_slots(state)
    return failed[0] if len(failed) == 1 and not state.anchor else None


def _failed_slots(state: State) -> list[int]:
    return [
        at
        for at, ways in enumerate(state.slots)
        if not any(way.failing == 0 for way in ways)
    ]


class _Unseen:
    """The classes, sets of traits and of aggregates that no provider has, so far."""

    def __init__(self, plan: Plan) -> None:
        groups = plan.groups
        self.classes = {class_id for class_id, _ in plan.total}
        self.traits = {bits for group in groups for bits in group.required_bits}
        self.traits |= {
            1 << at
            for at in range(plan.root_required_bits.bit_length())
            if plan.root_required_bits & (1 << at)
        }
        self._aggregates = {ids for group in groups for ids in group.member_of}

    @property
    def is_any(self) -> bool:
        return bool(self.classes or self.traits or self._aggregates)

    def see(self, trees: list[Tree]) -> None:
        """Remove what a provider of ``trees`` has."""
        if not self.is_any:
            return
        for tree in trees:
            for one in tree.providers:
                self.classes.difference_update(one.offers)
                self.traits = {bits for bits in self.traits if not bits & one.traits}
                self._aggregates = {
                    ids for ids in self._aggregates if ids.isdisjoint(one.aggregates)
                }
            if not self.is_any:
                return
