"""What consumers hold in the trees that are lost, as shapes."""

import collections.abc
import typing

from placement.candidates.model import Amounts, ProviderSnapshot, Tree
from placement.candidates.whatif.model import Part, Shape

# Units by resource class id, by provider id: all that one consumer holds.
Held = dict[int, dict[int, int]]


class _At(typing.NamedTuple):
    tree: Tree
    position: int

    @property
    def provider(self) -> ProviderSnapshot:
        return self.tree.providers[self.position]


# What one consumer holds, by the root of the tree.
_ByRoot = dict[int, list[tuple[_At, Amounts]]]


class Shapes:
    """Makes the shapes of consumers; equal ones are the same object.

    ``kept`` are the traits that a consumer keeps, as bits.
    """

    def __init__(self, trees: collections.abc.Iterable[Tree], kept: int) -> None:
        self._kept = kept
        self._places = {
            provider.id: _At(tree, position)
            for tree in trees
            for position, provider in enumerate(tree.providers)
        }
        self._shapes: dict[Shape, Shape] = {}
        self._of_part: dict[tuple[int, Amounts], Shape] = {}

    def __len__(self) -> int:
        return len(self._shapes)

    def of(
        self, held: Held, lost: collections.abc.Container[int]
    ) -> collections.abc.Iterator[tuple[int, Shape]]:
        """Yield the root of each lost tree in which a consumer holds something.

        And the shape of that. ``lost`` are roots that are lost together.
        """
        by_root = self._by_root(held)
        leaving = [root_id for root_id in by_root if root_id in lost]
        for root_id in leaving:
            yield root_id, self._of(root_id, by_root, len(leaving) > 1)

    def of_each(
        self, held: Held, hosts: collections.abc.Container[int]
    ) -> collections.abc.Iterator[tuple[int, Shape]]:
        """Yield what ``of`` does for each of ``hosts`` that is lost alone."""
        by_root = self._by_root(held)
        for root_id in by_root:
            if root_id in hosts:
                yield root_id, self._of(root_id, by_root, False)

    def _by_root(self, held: Held) -> _ByRoot:
        by_root: _ByRoot = {}
        for provider_id, units in held.items():
            at = self._places.get(provider_id)
            # Another program may have deleted the provider.
            if at is not None:
                amounts = tuple(sorted(units.items()))
                by_root.setdefault(at.tree.root.id, []).append((at, amounts))
        return by_root

    def _of(self, root_id: int, by_root: _ByRoot, is_linked: bool) -> Shape:
        own = by_root[root_id]
        if len(own) == 1 and len(by_root) == 1:
            ((at, amounts),) = own
            traits = at.provider.traits & self._kept
            shape = self._of_part.get((traits, amounts))
            if shape is None:
                shape = self._same(Shape((Part(amounts, traits),)))
                self._of_part[traits, amounts] = shape
            return shape
        others = [at for root, of in by_root.items() if root != root_id for at, _ in of]
        own.sort(key=lambda one: (_depth(one[0]), one[1], one[0].position))
        tree = own[0][0].tree
        reach = {at.provider.aggregates for at in others if _serves(at.provider, tree)}
        return self._same(
            Shape(
                tuple(self._part(at, amounts, others) for at, amounts in own),
                tuple(
                    tuple(
                        index
                        for index, (above, _) in enumerate(own)
                        if _is_above(above, at)
                    )
                    for at, _ in own
                ),
                _sorted(reach),
                frozenset(at.tree.root.id for at in others),
                is_linked,
            )
        )

    def _part(self, at: _At, amounts: Amounts, others: list[_At]) -> Part:
        served = {
            other.tree.aggregates
            for other in others
            if _serves(at.provider, other.tree)
        }
        return Part(amounts, at.provider.traits & self._kept, _sorted(served))

    def _same(self, shape: Shape) -> Shape:
        return self._shapes.setdefault(shape, shape)


def _serves(provider: ProviderSnapshot, tree: Tree) -> bool:
    """A provider of another tree shares with the providers of ``tree``."""
    return provider.is_sharing and not provider.aggregates.isdisjoint(tree.aggregates)


def _sorted(sets: set[frozenset[int]]) -> tuple[frozenset[int], ...]:
    return tuple(sorted(sets, key=sorted))


def _depth(at: _At) -> int:
    depth, parent = 0, at.tree.parents[at.position]
    while parent is not None:
        depth, parent = depth + 1, at.tree.parents[parent]
    return depth


def _is_above(above: _At, at: _At) -> bool:
    parent = at.tree.parents[at.position]
    while parent is not None:
        if parent == above.position:
            return True
        parent = at.tree.parents[parent]
    return False
