"""Find the smallest changes of a request after which some root can serve it."""

import collections.abc
import dataclasses
import functools
import heapq
import itertools
import typing

from placement.candidates.explain import rules
from placement.candidates.explain.changes import (
    CHANGES_MAX,
    Amount,
    Change,
    Changer,
    Changes,
    Kind,
    To,
    of_rule,
)
from placement.candidates.explain.survey import Survey
from placement.candidates.model import Members, ProviderSnapshot, Tree
from placement.candidates.solve.feasibility import Sharing
from placement.candidates.solve.solver import Solver
from placement.objects.inventory import Offer

# The most relaxations that are listed.
RELAXATIONS_MAX = 20

# Other amounts that are tried for one set of changes, and sums of slots beside one.
_AMOUNTS_MAX = 256
_SUMS_MAX = 64

# Conditions that an amount on either side may meet.
_UNIT_RULES = ("min_unit", "step_size")

_Vector = tuple[tuple[Change, To], ...]

# Reads the trees with these members, page by page.
ReadTrees = collections.abc.Callable[
    [collections.abc.Sequence[Members]], collections.abc.Iterator[list[Tree]]
]


@dataclasses.dataclass(frozen=True, slots=True)
class Relaxation:
    """Changes, the amounts they lead to, and the number of roots that serve then."""

    changes: tuple[Change, ...]
    amounts: Amount
    roots: int


class TimeIsUpError(Exception):
    """The search for relaxations has taken as long as it may."""


class Relaxer:
    """Finds relaxations for a survey in which no root fits.

    Each root is noted under the sets of changes that let every slot be filled. The real
    search decides whether they make candidates. If not, because of what combines the
    slots, further changes are added.
    """

    def __init__(
        self,
        survey: Survey,
        changer: Changer,
        sharing_trees: list[Tree],
        read_trees: ReadTrees,
        tick: collections.abc.Callable[[], None],
    ) -> None:
        self._survey = survey
        self._changer = changer
        self._sharing_trees = sharing_trees
        self._read_trees = read_trees
        self._tick = tick
        self._asked = {
            (slot.index, class_id): amount
            for slot in survey.plan.slots
            for class_id, amount in slot.amounts
        }
        self._noted: dict[Changes, dict[_Vector, dict[Members, None]]] = {}
        self._waiting: list[tuple[int, int, tuple[Change, ...]]] = []
        self._tried: set[tuple[Changes, _Vector]] = set()
        self.found: list[Relaxation] = []
        self._verified: list[Changes] = []
        # No set of changes was left out.
        self.is_complete = True

    def run(self) -> None:
        """Fill ``found``. Raises TimeIsUpError, with what was found until then."""
        for members in self._survey.by_rule.values():
            self._note(frozenset(), (), members)
        for roots in self._survey.by_state.values():
            self._tick()
            for changes, amounts in self._changer.sets_of(roots.state):
                self._note(changes, _vector(amounts), roots.members)
        for changes in list(self._noted):
            self._push(changes)
        while self._waiting:
            if len(self._verified) >= RELAXATIONS_MAX:
                self.is_complete = False
                return
            changes = frozenset(heapq.heappop(self._waiting)[2])
            if not any(smaller <= changes for smaller in self._verified):
                self._try(changes)

    def listed(self) -> list[Relaxation]:
        """Return what was found, by size, then by roots."""
        ordered = sorted(
            self.found, key=lambda one: (len(one.changes), -one.roots, one.changes)
        )
        return [
            one
            for one in ordered
            if not any(self._is_farther(one, other) for other in ordered)
        ]

    def _note(
        self,
        changes: Changes,
        vector: _Vector,
        members: collections.abc.Iterable[Members],
    ) -> None:
        noted = self._noted.setdefault(changes, {})
        noted.setdefault(vector, {}).update(dict.fromkeys(members))

    def _push(self, changes: Changes) -> None:
        vectors = self._noted[changes]
        best = max(vectors, key=self._score)
        roots = sum(
            self._survey.number_of(members)
            for vector, members in vectors.items()
            if _is_within(best, vector)
        )
        heapq.heappush(self._waiting, (len(changes), -roots, tuple(sorted(changes))))

    def _score(self, vector: _Vector) -> tuple[float, _Vector]:
        """Amounts that are nearer to those of the request have a greater score."""
        parts = [
            (to.amount, self._asked[change.slot, change.at]) for change, to in vector
        ]
        return sum(min(part) / max(part) for part in parts), vector

    def _try(self, changes: Changes) -> None:
        """Verify a set of changes, with its best amounts, or note larger sets."""
        noted = self._noted[changes]
        if self._is_verified(changes, max(noted, key=self._score)):
            return
        others = self._other_amounts(changes)
        for vector in self._best_first(others)[:_AMOUNTS_MAX]:
            self._note(changes, vector, others[vector])
        self.is_complete &= len(others) <= _AMOUNTS_MAX
        for vector in self._best_first(noted):
            if self._is_verified(changes, vector):
                return
        if len(changes) < CHANGES_MAX:
            self._extend(changes)

    def _best_first(self, vectors: collections.abc.Iterable[_Vector]) -> list[_Vector]:
        return sorted(vectors, key=self._score, reverse=True)

    def _is_verified(self, changes: Changes, vector: _Vector) -> bool:
        if (changes, vector) in self._tried:
            return False
        self._tried.add((changes, vector))
        if not changes:
            return False
        amounts = dict(vector)
        count = self._counter(changes, amounts)
        if not count(self._noted[changes][vector]):
            return False
        for smaller in _proper_subsets(changes):
            of_smaller = {each: to for each, to in amounts.items() if each in smaller}
            members = self._noted_below(smaller)
            if members and self._counter(smaller, of_smaller)(members):
                # It serves trees that were not known to need only these changes.
                part = _vector(of_smaller)
                self._note(smaller, part, members)
                self._tried.discard((smaller, part))
                return self._is_verified(smaller, part)
        roots = count(self._noted_below(changes))
        self.found.append(Relaxation(tuple(sorted(changes)), amounts, roots))
        self._verified.append(changes)
        return True

    def _noted_below(self, changes: Changes) -> dict[Members, None]:
        """Return the trees that no other changes are needed for."""
        found: dict[Members, None] = {}
        for smaller, vectors in self._noted.items():
            if smaller <= changes:
                for members in vectors.values():
                    found |= members
        return found

    def _counter(
        self, changes: Changes, amounts: Amount
    ) -> collections.abc.Callable[[collections.abc.Iterable[Members]], int]:
        """Return what counts the trees that have a candidate after the changes."""
        plan, one_per_tree = self._changer.changed(changes, amounts)
        ignores_state = self._changer.ignores_state(changes)
        sharing_trees = self._sharing_trees
        if ignores_state:
            sharing_trees = list(map(rules.with_room, sharing_trees))
        sharing = Sharing(plan, sharing_trees)
        solver = Solver(plan, sharing, sharing_trees, one_per_tree, self._tick, None)

        def count(members: collections.abc.Iterable[Members]) -> int:
            pages = self._read_trees(list(members))
            if ignores_state:
                pages = (list(map(rules.with_room, page)) for page in pages)
            number = 0
            for anchors in solver.anchors(pages, lambda able: self._tick()):
                number += self._survey.number_of(
                    [
                        tree.members
                        for tree, source in zip(*anchors, strict=True)
                        if source.get(0) is not None
                    ]
                )
            return number

        return count

    def _extend(self, changes: Changes) -> None:
        """Note the set with more changes, for the trees that it is not enough for."""
        larger: set[Changes] = set()

        def note(
            more: Changes, amounts: Amount, vector: _Vector, members: Members
        ) -> None:
            self._tick()
            both = changes | more
            if both == changes or len(both) > CHANGES_MAX:
                return
            if any(smaller <= both for smaller in self._verified):
                return
            if self._changer.is_allowed(both):
                self._note(both, _vector(amounts | dict(vector)), [members])
                larger.add(both)

        for vector, noted in list(self._noted[changes].items()):
            for trees in self._read_trees(list(noted)):
                for tree in trees:
                    self._tick()
                    for rule in self._survey.rules:
                        if rule not in ("sum", "shared_pool"):
                            note(frozenset([of_rule(rule)]), {}, vector, tree.members)
                    for change, to in self._lower_amounts(tree, vector):
                        note(frozenset([change]), {change: to}, vector, tree.members)
                    for more, amounts in self._changer.of_slots(
                        self._survey.states.all_ways(tree)
                    ):
                        note(more, amounts, vector, tree.members)
        for both in sorted(larger, key=sorted):
            self._push(both)

    def _other_amounts(self, changes: Changes) -> dict[_Vector, dict[Members, None]]:
        """Return further amounts, of other providers and beside other slots."""
        found: dict[_Vector, dict[Members, None]] = {}
        if not any(change.has_amount for change in changes):
            return found
        for vector, noted in list(self._noted[changes].items()):
            for trees in self._read_trees(list(noted)):
                for tree in trees:
                    self._tick()
                    options = self._amounts_in(tree, vector)
                    combined = itertools.product(
                        *(
                            [(change, to) for to in options[change]]
                            for change, _ in vector
                        )
                    )
                    for other in itertools.islice(combined, _AMOUNTS_MAX):
                        found.setdefault(tuple(other), {})[tree.members] = None
        return found

    def _amounts_in(self, tree: Tree, vector: _Vector) -> dict[Change, list[To]]:
        """Return the amounts that providers of a tree can give, for each change."""
        found = {change: [to] for change, to in vector}
        ways = self._survey.states.all_ways(tree)
        for change, tos in found.items():
            for fix in (each for way in ways[change.slot] for each in way.fixes):
                amount = fix.less if change.kind is Kind.LESS else fix.more
                if fix.class_id == change.at and amount is not None:
                    tos.append(To(amount, fix.name))
        if self._survey.plan.repeats:
            for change, to in self._lower_amounts(tree, vector):
                if change in found:
                    found[change].append(to)
        return {change: list(dict.fromkeys(tos)) for change, tos in found.items()}

    def _lower_amounts(
        self, tree: Tree, vector: _Vector
    ) -> collections.abc.Iterator[tuple[Change, To]]:
        """Yield lower amounts of slots whose class other slots ask for, too."""
        to = {(change.slot, change.at): each.amount for change, each in vector}
        asked = self._asked | to
        shared = self._survey.states.sharing_of(tree)
        for (index, class_id), amount in asked.items():
            self._tick()
            others = sorted(
                other
                for (at, of), other in asked.items()
                if of == class_id and at != index
            )
            if not others:
                continue
            sums = _sums(tuple(others))
            change = Change(Kind.LESS, index, class_id)
            names: dict[int, str] = {}
            for name, providers in (("sum", tree.providers), ("shared_pool", shared)):
                for lower in _amounts_beside(providers, class_id, sums):
                    if lower < amount:
                        names.setdefault(lower, name)
            for lower in sorted(names, reverse=True)[:_AMOUNTS_MAX]:
                yield change, To(lower, names[lower])

    def _is_farther(self, one: Relaxation, other: Relaxation) -> bool:
        """Both change the same, one of them to an amount that is not the nearest."""
        if one is other or len(one.changes) != len(other.changes):
            return False
        differing = set(one.changes) ^ set(other.changes)
        if len(differing) != 2:
            return False
        (mine,) = differing & set(one.changes)
        (its,) = differing & set(other.changes)
        if (mine.slot, mine.at) != (its.slot, its.at) or not (
            mine.has_amount and its.has_amount
        ):
            return False
        to, its_to = one.amounts[mine], other.amounts[its]
        if to.name not in _UNIT_RULES or its_to.name not in _UNIT_RULES:
            return False
        asked = self._asked[mine.slot, mine.at]
        return (abs(to.amount - asked), to.amount) > (
            abs(its_to.amount - asked),
            its_to.amount,
        )


def _vector(amounts: collections.abc.Mapping[Change, To]) -> _Vector:
    return tuple(sorted(amounts.items()))


def _is_within(best: _Vector, vector: _Vector) -> bool:
    """A tree with these amounts can give those of ``best``, about."""
    return all(
        to.amount >= wanted.amount
        if change.kind is Kind.LESS
        else to.amount <= wanted.amount
        for (change, wanted), (_, to) in zip(best, vector, strict=True)
    )


_Each = typing.TypeVar("_Each")


def _proper_subsets(
    values: frozenset[_Each],
) -> collections.abc.Iterator[frozenset[_Each]]:
    for size in range(1, len(values)):
        yield from map(frozenset, itertools.combinations(values, size))


@functools.lru_cache(_SUMS_MAX)
def _sums(amounts: tuple[int, ...]) -> list[int]:
    """Return the sums of some of ``amounts``, ascending, not all if there are many."""
    sums = {0}
    for amount in amounts:
        sums |= {each + amount for each in sums}
        sums = set(sorted(sums)[:_SUMS_MAX])
    return sorted(sums)


def _amounts_beside(
    providers: collections.abc.Iterable[ProviderSnapshot],
    class_id: int,
    sums: list[int],
) -> collections.abc.Iterator[int]:
    """Yield the most that each provider can give beside each of ``sums``."""
    for provider in providers:
        offer: Offer | None = provider.offers.get(class_id)
        if offer is None:
            continue
        for beside in sums:
            lower = (offer.room - beside) // offer.step_size * offer.step_size
            if lower >= max(1, offer.min_unit):
                yield lower
