"""Combine once for all trees of the same pattern.

The trees of a cloud have few shapes, and most hosts have room for the same slots. All
that ``combine`` depends on in a tree is its pattern: the shape, the choices of each
slot, and where slots share what they take or have together, how much there is of it.
The candidates of one tree are then those of every other tree of the pattern, with
other providers at the same positions.
"""

import bisect
import collections.abc

from placement.candidates.model import Placement, ProviderSnapshot, Tree
from placement.candidates.query.plan import Plan
from placement.candidates.solve import combine
from placement.candidates.solve.feasibility import Choices, Sharing


class Placements:
    """The placements of one pattern, made as they are asked for and kept.

    ``may_repeat``: a candidate may also be one of another tree, because all of its
    providers may be sharing ones. ``is_single``: there is one placement, and it is
    known.
    """

    def __init__(
        self,
        more: collections.abc.Iterator[Placement],
        may_repeat: bool = False,
        is_single: bool = False,
    ) -> None:
        self._known: list[Placement] = []
        self._more = more
        self.may_repeat = may_repeat
        self.is_single = is_single

    def get(self, index: int) -> Placement | None:
        """Return the placement with an index from 0; None: there are not that many."""
        while index >= len(self._known):
            following = next(self._more, None)
            if following is None:
                return None
            self._known.append(following)
        return self._known[index]


class Combiner:
    """Finds the placements of trees, for one search.

    ``tick`` is called once per provider that is tried, and may raise.
    """

    def __init__(
        self,
        plan: Plan,
        sharing: Sharing,
        sharing_trees: collections.abc.Iterable[Tree],
        one_per_tree: bool,
        tick: collections.abc.Callable[[], None],
    ) -> None:
        self._plan = plan
        self._sharing = sharing
        self._one_per_tree = one_per_tree
        self._tick = tick
        self._patterns: dict[object, Placements] = {}
        self._sharing_lines = {
            id_: line
            for tree in sharing_trees
            for id_, line in ancestors_of(tree).items()
        }
        self._repeated = _repeated_classes(plan)
        self._holds_together = any(
            group.is_collective and group.required_bits for group in plan.groups
        )

    def placements(self, tree: Tree, choices: Choices) -> Placements:
        """Return the placements in ``tree``."""
        key = self._pattern(tree, choices)
        placements = self._patterns.get(key)
        if placements is None:
            count = len(tree.providers)
            placements = self._patterns[key] = Placements(
                self._combined(tree, choices),
                tree.has_sharing
                or all(any(at >= count for at in of_slot) for of_slot in choices),
            )
        return placements

    def shuffled(
        self, tree: Tree, choices: collections.abc.Sequence[list[int]]
    ) -> collections.abc.Iterator[Placement]:
        """Yield the placements in ``tree``, for choices in any order."""
        return self._combined(tree, choices)

    def _pattern(self, tree: Tree, choices: Choices) -> object:
        """Return a value that is equal for trees with the same placements."""
        count = len(tree.providers)
        # A tree with sharing providers is a pattern of its own: its candidates may be
        # those of other trees, too.
        key: list[object] = [tree.root.id if tree.has_sharing else None]
        key += [tree.parents, choices]
        if self._sharing.providers:
            ids = [one.id for one in tree.providers]
            key.append(
                tuple(
                    (at, bisect.bisect(ids, self._sharing.providers[at - count].id))
                    for at in sorted({at for of_slot in choices for at in of_slot})
                    if at >= count
                )
            )
        if self._repeated:
            key.append(
                tuple(
                    min(self._provider(tree, at).room[class_id], most)
                    for slot, of_slot in zip(self._plan.slots, choices, strict=True)
                    for class_id, _ in slot.amounts
                    if (most := self._repeated.get(class_id)) is not None
                    for at in of_slot
                )
            )
        if self._holds_together:
            key.append(
                tuple(
                    combine.held_traits(slot, self._provider(tree, at))
                    for slot, of_slot in zip(self._plan.slots, choices, strict=True)
                    if slot.group.is_collective
                    for at in of_slot
                )
            )
        return tuple(key)

    def _provider(self, tree: Tree, at: int) -> ProviderSnapshot:
        count = len(tree.providers)
        return tree.providers[at] if at < count else self._sharing.providers[at - count]

    def _combined(
        self,
        tree: Tree,
        choices: collections.abc.Sequence[collections.abc.Sequence[int]],
    ) -> collections.abc.Iterator[Placement]:
        providers = tree.providers + self._sharing.providers
        positions = {id(providers[at]): at for of_slot in choices for at in of_slot}
        lines = self._sharing_lines | ancestors_of(tree) if self._plan.subtrees else {}
        for combination in combine.combinations(
            self._plan,
            [[providers[at] for at in of_slot] for of_slot in choices],
            lambda provider: lines[provider.id],
            self._one_per_tree,
            self._tick,
        ):
            yield self._placement(combination, positions)

    def _placement(
        self, combination: combine.Combination, positions: dict[int, int]
    ) -> Placement:
        amounts: dict[int, dict[int, int]] = {}
        by_id: dict[int, ProviderSnapshot] = {}
        mappings: dict[str, dict[int, None]] = {}
        for slot, provider in zip(self._plan.slots, combination, strict=True):
            by_id[provider.id] = provider
            at = positions[id(provider)]
            mappings.setdefault(slot.group.suffix, {})[at] = None
            for resource_class_id, amount in slot.amounts:
                given = amounts.setdefault(provider.id, {})
                given[resource_class_id] = given.get(resource_class_id, 0) + amount
        return Placement(
            allocations=tuple(
                (positions[id(by_id[id_])], tuple(sorted(given.items())))
                for id_, given in sorted(amounts.items())
            ),
            mappings=tuple(tuple(of_group) for of_group in mappings.values()),
        )


def ancestors_of(tree: Tree) -> dict[int, frozenset[int]]:
    """Return the ids of each provider and its ancestors, by the id of the provider."""
    lines = {}
    for at, provider in enumerate(tree.providers):
        line = set()
        above: int | None = at
        while above is not None:
            line.add(tree.providers[above].id)
            above = tree.parents[above]
        lines[provider.id] = frozenset(line)
    return lines


def _repeated_classes(plan: Plan) -> dict[int, int]:
    """Return the total amount of each class that several slots ask for."""
    seen: dict[int, int] = {}
    for slot in plan.slots:
        for class_id, _ in slot.amounts:
            seen[class_id] = seen.get(class_id, 0) + 1
    totals: dict[int, int] = dict(plan.total)
    return {class_id: totals[class_id] for class_id, count in seen.items() if count > 1}
