"""Which rule of combining leaves no candidate in a tree."""

import collections.abc
import dataclasses

from placement.candidates.model import ProviderSnapshot, Tree
from placement.candidates.query import plan as plans
from placement.candidates.query.plan import Group, Plan
from placement.candidates.solve import combine
from placement.candidates.solve.feasibility import Choices, Feasibility, Sharing
from placement.candidates.solve.patterns import Combiner, Placements, ancestors_of

# More than any request asks for.
_UNLIMITED = 2**62

_SUMS = ("sum", "shared_pool")

Tick = collections.abc.Callable[[], None]


def without_collective(group: Group) -> Group:
    """Return the group without the traits that its providers have together."""
    if not group.is_collective:
        return group
    return dataclasses.replace(group, required=(), required_bits=())


def applied_in(plan: Plan, one_per_tree: bool) -> tuple[str, ...]:
    """Return the rules of combining that a plan has, in the order of ``RULES``."""
    applies = {
        "sum": plan.repeats,
        "isolate": plan.isolates,
        "same_subtree": bool(plan.subtrees),
        "collective_traits": any(
            slot.group.is_collective and slot.group.required for slot in plan.slots
        ),
        "one_per_tree": one_per_tree,
        "shared_pool": plan.repeats,
    }
    return tuple(rule for rule in combine.RULES if applies[rule])


def without(plan: Plan, rules: collections.abc.Container[str]) -> Plan:
    """Return the plan without some rules; it has no part in the others."""
    if "isolate" in rules:
        plan = dataclasses.replace(plan, isolates=False)
    if "same_subtree" in rules:
        plan = dataclasses.replace(plan, subtrees=())
    if "collective_traits" in rules:
        changed = {group: without_collective(group) for group in plan.groups}
        parts = [(changed[slot.group], slot.amounts) for slot in plan.slots]
        plan = plans.with_parts(plan, parts)
    return plan


class RuleFinder:
    """Finds the rule for trees in which every slot can be filled.

    ``tick`` is called once per provider that is tried, and may raise.
    """

    def __init__(
        self,
        plan: Plan,
        sharing: Sharing,
        sharing_trees: list[Tree],
        one_per_tree: bool,
        tick: Tick,
    ) -> None:
        self._sharing = sharing
        self._sharing_trees = sharing_trees
        self._tick = tick
        self.rules = applied_in(plan, one_per_tree)
        self._feasibility = Feasibility(plan, sharing)
        self._combiner = Combiner(plan, sharing, sharing_trees, one_per_tree, tick)
        # For each rule: the plan with it and those before it, and which they are.
        self._stages = [
            (without(plan, self.rules[at + 1 :]), self.rules[: at + 1])
            for at in range(len(self.rules))
        ]
        self._sums = without(plan, [rule for rule in self.rules if rule not in _SUMS])
        self._found: dict[Placements, str | None] = {}
        self._fitting_sums: dict[Placements, bool] = {}

    def has_candidates(self, tree: Tree) -> bool:
        """The tree has a candidate."""
        choices = self._feasibility.choices(tree)
        if choices is None:
            return False
        return self._combiner.placements(tree, choices).get(0) is not None

    def first(self, tree: Tree) -> str | None:
        """Return the first rule that leaves no candidate; None: there is one."""
        choices = self._feasibility.choices(tree)
        assert choices is not None
        pattern = self._combiner.placements(tree, choices)
        if pattern not in self._found:
            self._found[pattern] = next(
                (
                    rules[-1]
                    for plan, rules in self._stages
                    if not self._is_combined(plan, rules, tree, choices)
                ),
                None,
            )
        return self._found[pattern]

    def fits_sums(self, tree: Tree) -> bool:
        """The amounts of all slots fit together, whatever else is asked of them."""
        choices = self._feasibility.choices(tree)
        if choices is None:
            return False
        pattern = self._combiner.placements(tree, choices)
        if pattern not in self._fitting_sums:
            rules = [rule for rule in self.rules if rule in _SUMS]
            self._fitting_sums[pattern] = self._is_combined(
                self._sums, rules, tree, choices
            )
        return self._fitting_sums[pattern]

    def _is_combined(
        self,
        plan: Plan,
        rules: collections.abc.Container[str],
        tree: Tree,
        choices: Choices,
    ) -> bool:
        providers = self._with_room(tree, rules)
        lines = {}
        if plan.subtrees:
            for each in (*self._sharing_trees, tree):
                lines.update(ancestors_of(each))
        found = combine.combinations(
            plan,
            [[providers[at] for at in of_slot] for of_slot in choices],
            lambda provider: lines[provider.id],
            "one_per_tree" in rules,
            self._tick,
        )
        return next(found, None) is not None

    def _with_room(
        self, tree: Tree, rules: collections.abc.Container[str]
    ) -> list[ProviderSnapshot]:
        """Return the providers, with unlimited room where sums do not count."""
        own, shared = tree.providers, self._sharing.providers
        return [
            *(own if "sum" in rules else map(_unlimited, own)),
            *(shared if "shared_pool" in rules else map(_unlimited, shared)),
        ]


def _unlimited(provider: ProviderSnapshot) -> ProviderSnapshot:
    room = dict.fromkeys(provider.room, _UNLIMITED)
    return dataclasses.replace(provider, room=room)


def emptied(tree: Tree) -> Tree:
    """Return the tree as if nothing of it were used, and all of it were in service."""
    return Tree(tree.members, tuple(map(_emptied, tree.providers)))


def _emptied(provider: ProviderSnapshot) -> ProviderSnapshot:
    return dataclasses.replace(provider, is_in_service=True).unused()


def is_in_service(tree: Tree) -> bool:
    """All providers of the tree are in service."""
    return all(one.is_in_service for one in tree.providers)


def in_service(tree: Tree) -> Tree:
    """Return the tree as it would be if all of it were in service."""
    return Tree(tree.members, tuple(map(_in_service, tree.providers)))


def _in_service(provider: ProviderSnapshot) -> ProviderSnapshot:
    return dataclasses.replace(_with_room(provider), is_in_service=True)


def with_room(tree: Tree) -> Tree:
    """Return the tree with room also where it is not in service.

    For a plan whose groups have ``any_state`` set.
    """
    if is_in_service(tree):
        return tree
    return Tree(tree.members, tuple(map(_with_room, tree.providers)))


def _with_room(provider: ProviderSnapshot) -> ProviderSnapshot:
    return dataclasses.replace(provider, room=provider.inventories.room(provider.used))
