"""A copy of the trees of one snapshot, from which picks take resources."""

import collections.abc

from placement.candidates.model import Placement, ProviderSnapshot, Tree


class Cloud:
    """The trees of a snapshot, less what was taken from them.

    ``version`` changes when something is taken from a sharing provider.
    """

    def __init__(self, sharing_trees: list[Tree]) -> None:
        self._sharing = {tree.root.id: tree for tree in sharing_trees}
        self._changed: dict[int, Tree] = {}
        self.version = 0

    @property
    def sharing_trees(self) -> list[Tree]:
        return [self.now(tree) for tree in self._sharing.values()]

    def now(self, tree: Tree) -> Tree:
        """Return what is left of a tree."""
        return self._changed.get(tree.root.id, tree)

    def take(
        self,
        tree: Tree,
        placement: Placement,
        sharing: collections.abc.Sequence[ProviderSnapshot],
    ) -> None:
        """Take the amounts of a placement in ``tree`` from the copy."""
        count = len(tree.providers)
        for at, amounts in placement.allocations:
            provider = tree.providers[at] if at < count else sharing[at - count]
            of_provider = self.now(self._sharing.get(provider.root_id, tree))
            self._replace(of_provider, provider.id, dict(amounts))

    def restore(self, tree: Tree) -> None:
        """Undo what was taken since ``now`` returned ``tree``, which has no sharing."""
        self._changed[tree.root.id] = tree

    def _replace(self, tree: Tree, provider_id: int, amounts: dict[int, int]) -> None:
        providers = tuple(
            [
                _less(one, amounts) if one.id == provider_id else one
                for one in tree.providers
            ]
        )
        self._changed[tree.root.id] = Tree(tree.members, providers)
        if tree.root.id in self._sharing:
            self.version += 1


def _less(provider: ProviderSnapshot, amounts: dict[int, int]) -> ProviderSnapshot:
    return provider.with_used(
        [
            units + amounts.get(class_id, 0)
            for (class_id, *_), units in zip(
                provider.inventories.rules, provider.used, strict=True
            )
        ]
    )
