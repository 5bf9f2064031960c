"""Plans and trees as a search would have them, made from worlds without a database."""

from placement.api.microversion import Version
from placement.api.querystring import Query
from placement.candidates.model import Inventories, ProviderSnapshot, Tree
from placement.candidates.query import plan, request
from placement.candidates.query.resolve import Ids
from placement.candidates.solve.feasibility import Feasibility, Sharing
from placement.candidates.solve.patterns import Combiner
from placement.candidates.trait_bits import TraitBits
from placement.objects import inventory
from tests.unit.candidates import worlds


class Search:
    """What the stages of one search start from.

    ``providers`` get the ids from 1, in their order.
    """

    def __init__(self, providers, query, one_per_tree=False):
        self.bits = TraitBits()
        self.ids = {one.name: index for index, one in enumerate(providers, start=1)}
        self._parents = {one.name: one.parent for one in providers}
        self.trees = self._trees(providers)
        self.plan = self._plan(query)
        self.one_per_tree = one_per_tree
        self.sharing_trees = [tree for tree in self.trees if tree.has_sharing]
        self.sharing = (
            None if self.plan is None else Sharing(self.plan, self.sharing_trees)
        )

    def feasibility(self):
        return Feasibility(self.plan, self.sharing)

    def placements_of(self):
        """Return what finds the placements in any tree."""
        feasibility, combiner = self.feasibility(), self.combiner()

        def find(tree):
            choices = feasibility.choices(tree)
            return None if choices is None else combiner.placements(tree, choices)

        return find

    def combiner(self, tick=lambda: None):
        return Combiner(
            self.plan, self.sharing, self.sharing_trees, self.one_per_tree, tick
        )

    def combined_alone(self, tree):
        """Return the placements of one tree, by a combiner that knows no other."""
        choices = self.feasibility().choices(tree)
        if choices is None:
            return []
        return all_of(self.combiner().placements(tree, choices))

    def named(self, tree, placement):
        """Return a placement with the ids of its providers."""
        providers = tree.providers + self.sharing.providers
        return (
            tuple((providers[at].id, amounts) for at, amounts in placement.allocations),
            tuple(
                tuple(providers[at].id for at in of_group)
                for of_group in placement.mappings
            ),
        )

    def _root(self, name):
        while self._parents[name] is not None:
            name = self._parents[name]
        return name

    def _trees(self, providers):
        members = {}
        for one in providers:
            members.setdefault(self.ids[self._root(one.name)], []).append(one)
        return [
            Tree(
                tuple((root_id, self.ids[one.name], 1) for one in of_tree),
                tuple(self._snapshot(one) for one in of_tree),
            )
            for root_id, of_tree in sorted(members.items())
        ]

    def _snapshot(self, one):
        offers = {
            worlds.CLASSES[name]: inventory.Inventory(
                worlds.CLASSES[name], **vars(offered), used=one.used.get(name, 0)
            ).offer()
            for name, offered in one.inventory.items()
        }
        return snapshot(
            self.ids[one.name],
            offers,
            root_id=self.ids[self._root(one.name)],
            parent_id=self.ids.get(one.parent),
            traits=self.bits.of(worlds.TRAITS[name] for name in one.traits),
            aggregates=[worlds.AGGREGATES[name] for name in one.aggregates],
            is_sharing=worlds.SHARING in one.traits,
            is_in_service=one.state == 0,
        )

    def _plan(self, query):
        asked = request.parse(Query.parse(query.encode()), Version(1, 39))
        roots = {
            worlds.uuid_of(name): self.ids[self._root(name)] for name in self._parents
        }
        aggregates = {worlds.uuid_of(name): n for name, n in worlds.AGGREGATES.items()}
        ids = Ids(worlds.CLASSES, worlds.TRAITS, aggregates, roots)
        return plan.plan(asked, ids, self.bits)


def drawn(draw, providers, one_per_tree=False):
    """Return a search for a random question that most often has an answer."""
    for _ in range(20):
        search = Search(providers, worlds.query_of(draw.question()), one_per_tree)
        if search.plan is None:
            continue
        feasibility = search.feasibility()
        if any(feasibility.choices(tree) is not None for tree in search.trees):
            return search
    return None


def snapshot(id_, offers, root_id=None, parent_id=None, **values):
    """Return a provider with ``offers`` by class id; without a root it is its own."""
    given = {
        "traits": 0,
        "aggregates": (),
        "is_sharing": False,
        "is_in_service": True,
    } | values
    given["aggregates"] = frozenset(given["aggregates"])
    inventories = Inventories(
        tuple([(class_id, *offer[:4]) for class_id, offer in offers.items()]),
        dict.fromkeys(offers, "CUSTOM_ANY"),
    )
    used = [offer.used for offer in offers.values()]
    return ProviderSnapshot(
        id=id_,
        uuid=str(id_),
        root_id=root_id or id_,
        parent_id=parent_id,
        revision=1,
        definition_revision=1,
        inventories=inventories,
        used=used,
        room=inventories.room(used) if given["is_in_service"] else {},
        traits_json=b"",
        place_json=b"",
        **given,
    )


def all_of(placements):
    """Return all placements of a tree, in order."""
    found = []
    while (placement := placements.get(len(found))) is not None:
        found.append(placement)
    return found
