"""The trees of a cloud, grouped by everything that a count depends on.

Most hosts of a cloud are alike: the same classes, traits and aggregates, often the same
usage. A count looks at each group of equal trees once.
"""

import collections.abc
import dataclasses
import typing

from placement.candidates.model import ProviderSnapshot, Tree
from placement.objects.inventory import Offer

# Units by resource class id, for each provider of a tree.
Units = tuple[dict[int, int], ...]


class Root(typing.NamedTuple):
    id: int
    uuid: str


class Shape:
    """Equal trees: of one profile, with the same free units and the same capacity.

    Units are not negative. Shapes with equal capacity have the same object for it.
    ``is_unused``: nothing is allocated in the tree.
    """

    __slots__ = ("capacity", "free", "is_unused", "profile", "roots")

    def __init__(
        self, profile: "Profile", free: Units, capacity: Units, is_unused: bool
    ) -> None:
        self.profile = profile
        self.free = free
        self.capacity = capacity
        self.is_unused = is_unused
        self.roots: list[Root] = []


class Profile:
    """What trees have in common apart from amounts.

    ``tree`` is a copy of one of them in which every provider has room for all amounts
    that its unit rules allow. ``aggregates`` are those of the root; ``traits``, as
    bits, those of all providers.
    """

    __slots__ = ("_columns", "aggregates", "shapes", "traits", "tree")

    def __init__(self, tree: Tree) -> None:
        self.tree = Tree(tree.members, tuple(map(_unlimited, tree.providers)))
        self.aggregates = tree.root.aggregates
        self.traits = 0
        for provider in tree.providers:
            self.traits |= provider.traits
        self.shapes: list[Shape] = []
        self._columns: dict[object, list[int]] = {}

    def free(self, at: int, class_id: int) -> list[int]:
        """Return the free units of one class of one provider in each shape."""
        return self._column(
            (at, class_id), lambda shape: shape.free[at].get(class_id, 0)
        )

    def weights(self) -> list[int]:
        """Return the number of roots of each shape."""
        return self._column("weights", lambda shape: len(shape.roots))

    def unused(self) -> list[int]:
        """Return the number of roots of each shape that have nothing allocated."""
        return self._column(
            "unused", lambda shape: len(shape.roots) if shape.is_unused else 0
        )

    def _column(
        self, key: object, value: collections.abc.Callable[[Shape], int]
    ) -> list[int]:
        """Make a column once, when all trees have been added."""
        column = self._columns.get(key)
        if column is None:
            column = self._columns[key] = list(map(value, self.shapes))
        return column


class Cloud:
    """All trees of a cloud by profile and shape.

    Trees whose root is one of ``named``, and those with sharing providers, are not
    grouped with others. ``sharing`` are the profiles of the latter, ``flat`` those of
    trees of one provider, by their ``tree``.
    """

    def __init__(self, named: collections.abc.Container[int] = ()) -> None:
        self.profiles: list[Profile] = []
        self.sharing: list[Profile] = []
        self.flat: dict[Tree, Profile] = {}
        self._named = named
        self._by_key: dict[object, Profile] = {}
        self._shapes: dict[object, Shape] = {}
        self._capacities: dict[object, Units] = {}

    def add(self, trees: collections.abc.Iterable[Tree]) -> None:
        """Add whole trees, each one once, in the order of their roots."""
        for tree in trees:
            root = tree.root
            if tree.has_sharing or root.id in self._named:
                key: object = root.id
            elif len(tree.providers) == 1:
                key = _amounts(root)
            else:
                key = (tree.parents, tuple(map(_amounts, tree.providers)))
            shape = self._shapes.get(key)
            if shape is None:
                shape = self._shapes[key] = self._new_shape(tree, key)
            shape.roots.append(Root(root.id, root.uuid))

    def _new_shape(self, tree: Tree, key: object) -> Shape:
        if not isinstance(key, int):
            key = (tree.parents, tuple(map(_rules, tree.providers)))
        profile = self._by_key.get(key)
        if profile is None:
            profile = self._by_key[key] = Profile(tree)
            self.profiles.append(profile)
            if tree.has_sharing:
                self.sharing.append(profile)
            if len(tree.providers) == 1:
                self.flat[profile.tree] = profile
        offers = [one.offers if one.is_in_service else {} for one in tree.providers]
        capacity = tuple(
            [
                {id_: max(0, offer.capacity) for id_, offer in each.items()}
                for each in offers
            ]
        )
        same = tuple([tuple(each.items()) for each in capacity])
        shape = Shape(
            profile,
            free=tuple(
                [
                    {id_: max(0, offer.free) for id_, offer in each.items()}
                    for each in offers
                ]
            ),
            capacity=self._capacities.setdefault(same, capacity),
            is_unused=not any(
                offer.used for one in tree.providers for offer in one.offers.values()
            ),
        )
        profile.shapes.append(shape)
        return shape

    def shapes(self) -> collections.abc.Iterator[Shape]:
        """Yield every shape."""
        for profile in self.profiles:
            yield from profile.shapes


def _amounts(provider: ProviderSnapshot) -> object:
    offers = tuple(provider.offers.items())
    return provider.traits, provider.aggregates, provider.is_in_service, offers


def _rules(provider: ProviderSnapshot) -> object:
    rules = [(id_, *offer[:3]) for id_, offer in provider.offers.items()]
    return provider.traits, provider.aggregates, provider.is_in_service, tuple(rules)


def _unlimited(provider: ProviderSnapshot) -> ProviderSnapshot:
    """Return a copy with room for every amount that the unit rules allow.

    A provider that is not in service offers nothing, now or if it were empty.
    """
    offers: dict[int, Offer] = {}
    if provider.is_in_service:
        offers = {
            id_: offer._replace(free=offer.max_unit, room=offer.max_unit)
            for id_, offer in provider.offers.items()
        }
    room = {id_: offer.room for id_, offer in offers.items()}
    copy = dataclasses.replace(provider, room=room)
    copy.offers = offers
    return copy
