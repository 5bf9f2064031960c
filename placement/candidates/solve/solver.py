"""Find the placements in the trees of a search, page by page."""

import collections.abc
import operator
import random

from placement.candidates.arrays import FlatArrays, Page
from placement.candidates.model import Tree
from placement.candidates.query.plan import Plan
from placement.candidates.solve.feasibility import Feasibility, Sharing
from placement.candidates.solve.flat import FlatConditions, SharedFlat
from placement.candidates.solve.order import Anchors
from placement.candidates.solve.patterns import Combiner, Placements

_uuids = operator.attrgetter("uuids")


class Solver:
    """Finds the placements in trees, for one search.

    ``tick`` is called once per provider that is tried, and may raise. With ``chance``
    the placements of each tree come in random order.
    """

    def __init__(
        self,
        plan: Plan,
        sharing: Sharing,
        sharing_trees: list[Tree],
        one_per_tree: bool,
        tick: collections.abc.Callable[[], None],
        chance: random.Random | None,
    ) -> None:
        self._feasibility = Feasibility(plan, sharing)
        self._combiner = Combiner(plan, sharing, sharing_trees, one_per_tree, tick)
        # None: sharing providers may serve the request.
        self.flat = None if sharing.by_slot else FlatConditions.of(plan)
        self._flat_placements = Placements(
            iter([self.flat.placement] if self.flat else []), is_single=True
        )
        self._shared_flat = SharedFlat(plan, sharing, self._placements)
        self._chance = chance

    def anchors(
        self,
        pages: collections.abc.Iterable[list[Tree]],
        note: collections.abc.Callable[[int], None],
    ) -> collections.abc.Iterator[Anchors]:
        """Yield the trees that can serve the request, with the placements in them.

        ``note`` is called with their number on each page, before the next one is read.
        """
        for page in pages:
            arrays = page.arrays if isinstance(page, Page) else None
            if self._chance is not None:
                anchors = self._shuffled(page, self._chance)
            elif arrays is not None or sum(map(len, map(_uuids, page))) == len(page):
                anchors = self._of_flat_trees(page, arrays)
            else:
                anchors = self._of_trees(page)
            yield anchors
            note(len(anchors.trees))

    def _of_flat_trees(self, trees: list[Tree], arrays: FlatArrays | None) -> Anchors:
        """Return what trees of one provider each can give, by conditions on all."""
        if self.flat is not None:
            able = self.flat.meeting(trees, arrays)
            return Anchors(able, [self._flat_placements] * len(able))
        if not self._shared_flat.is_possible:
            return self._of_trees(trees)
        if arrays is None:
            return _able(trees, self._shared_flat.placements(trees))
        return _able(trees, self._shared_flat.placements_by_arrays(trees, arrays))

    def _of_trees(self, trees: list[Tree]) -> Anchors:
        return _able(trees, map(self._placements, trees))

    def _placements(self, tree: Tree) -> Placements | None:
        choices = self._feasibility.choices(tree)
        return None if choices is None else self._combiner.placements(tree, choices)

    def _shuffled(self, trees: list[Tree], chance: random.Random) -> Anchors:
        return _able(trees, (self._shuffled_placements(tree, chance) for tree in trees))

    def _shuffled_placements(
        self, tree: Tree, chance: random.Random
    ) -> Placements | None:
        choices = self._feasibility.choices(tree)
        if choices is None:
            return None
        lists = [list(of_slot) for of_slot in choices]
        for of_slot in lists:
            chance.shuffle(of_slot)
        may_repeat = self._combiner.placements(tree, choices).may_repeat
        return Placements(self._combiner.shuffled(tree, lists), may_repeat)


def _able(
    trees: list[Tree], placements: collections.abc.Iterable[Placements | None]
) -> Anchors:
    """Return the trees that have placements."""
    of_trees = list(placements)
    if None in of_trees:
        pairs = zip(trees, of_trees, strict=True)
        trees = [tree for tree, of_tree in pairs if of_tree is not None]
    return Anchors(trees, [of_tree for of_tree in of_trees if of_tree is not None])
