"""Provider trees as a search sees them, read when they have changed and then kept."""

import bisect
import collections.abc
import dataclasses
import functools
import itertools
import operator

from placement.candidates import rows, select
from placement.candidates.conditions import Select
from placement.candidates.foresight import Reader
from placement.candidates.model import ProviderView
from placement.candidates.recent import Recent
from placement.candidates.views import Views

# (root id, id, revision) of every provider of one tree, ascending by id. Any change
# of what a search sees of the tree changes some of these numbers.
Members = tuple[rows.Row, ...]

root_of = operator.itemgetter(0)


@dataclasses.dataclass(frozen=True, eq=False)
class Tree:
    """One tree; ``providers`` ascend by id and include the root.

    ``names_revision`` is that of the views; None if none of them has one.
    """

    members: Members
    root: ProviderView
    providers: tuple[ProviderView, ...]
    names_revision: int | None

    @functools.cached_property
    def aggregates(self) -> frozenset[int]:
        """The aggregates of all providers: where one is, the tree is."""
        if len(self.providers) == 1:
            return self.root.aggregates
        return frozenset().union(*(one.aggregates for one in self.providers))

    @functools.cached_property
    def lines(self) -> dict[int, frozenset[int]]:
        """The ids of each provider and its ancestors, by the id of the provider."""
        parents = {one.id: one.parent_id for one in self.providers}
        lines = {}
        for id_ in parents:
            line = set()
            above: int | None = id_
            while above is not None:
                line.add(above)
                above = parents[above]
            lines[id_] = frozenset(line)
        return lines


def weight(tree: Tree) -> int:
    """How many views a tree keeps in memory."""
    return len(tree.providers)


class Forest:
    """The trees that one search has met, in its snapshot."""

    def __init__(self, reader: Reader, views: Views, kept: Recent[int, Tree]) -> None:
        self._reader = reader
        self._views = views
        self._kept = kept
        self._members: dict[int, Members] = {}
        self._trees: dict[int, Tree] = {}

    def rows_after(self, root_id: int, size: int) -> tuple[list[rows.Row], bool]:
        """Return the trees whose roots follow ``root_id``, and if these are the last.

        They have ``size`` providers at most, unless the first has more.
        """
        found = self._reader.page(*_page_after(root_id, size))
        if len(found) <= size:
            return found, True
        # They ascend, and (root,) comes before all that begin with the root.
        cut = found[-1][0]
        whole = found[: bisect.bisect_left(found, (cut,))]
        return whole or self.rows_of([cut]), False

    def rows_of(self, root_ids: collections.abc.Sequence[int]) -> list[rows.Row]:
        """Return the trees with these roots."""
        if not root_ids:
            return []
        if len(root_ids) == 1:
            return self._reader.page(select.members_of_one(), {"root_id": root_ids[0]})
        return rows.read(self._reader.others(), select.members_of(root_ids))

    def rows_among(
        self, members: Select, roots: Select, after: int, size: int
    ) -> list[rows.Row]:
        """Return the next trees of a selection, ``size`` at most.

        Their roots follow ``after``; ``members`` is by ``select.members_among``, and
        ``roots`` the same by ``select.roots_among``.
        """
        return self._reader.page(*self._page_among(members, roots, after, size))

    def has_any(self, first: Select) -> bool:
        """``first`` selects an id; it costs less than what selects the trees."""
        return self._reader.fact(first) is not None

    def expect_after(self, root_id: int, size: int) -> None:
        """The next search is going to ask for this first; see ``rows_after``."""
        self._reader.expect_page(*_page_after(root_id, size))

    def expect_among(
        self, members: Select, roots: Select, after: int, size: int
    ) -> None:
        """The next search is going to ask for this first; see ``rows_among``."""
        self._reader.expect_page(*self._page_among(members, roots, after, size))

    def _page_among(
        self, members: Select, roots: Select, after: int, size: int
    ) -> tuple[Select, dict[str, int]]:
        is_flat = self._reader.fact(select.any_nested()) is None
        return roots if is_flat else members, {"after": after, "size": size}

    def met(self, found: collections.abc.Iterable[rows.Row]) -> list[Members]:
        """Return trees from their rows, to be asked for from now on."""
        members = [tuple(of_tree) for _, of_tree in itertools.groupby(found, root_of)]
        self._members.update({of_tree[0][0]: of_tree for of_tree in members})
        return members

    def adopt(self, trees: dict[int, Tree], names_revision: int | None) -> bool:
        """Take trees, by root id, whose members are as in this snapshot.

        Returns False, and does not, if a name that they show is another one now.
        """
        if not self._views.shows_names_as_now(names_revision):
            return False
        self._trees.update(trees)
        return True

    def get_sharing(self, sharing_trait_id: int) -> list[Tree]:
        """Return the trees in which a provider with the trait may share."""
        has_trait = {"sharing_trait_id": sharing_trait_id}
        # Most clouds have none, which a much shorter statement tells.
        if self._reader.fact(select.any_sharing(), has_trait) is None:
            return []
        found = rows.read(self._reader.others(), select.sharing_trees(), has_trait)
        members = self.met(found)
        self.read(members)
        return [self.tree(of_tree) for of_tree in members]

    def find(self, members: Members) -> Tree | None:
        """Return the tree if it is known as it is in this snapshot."""
        root_id = members[0][0]
        tree = self._trees.get(root_id)
        if tree is None:
            tree = self._kept.find(root_id)
            if tree is None or not self._is_as_now(tree, members):
                return None
            self._trees[root_id] = tree
        return tree

    def _is_as_now(self, tree: Tree, members: Members) -> bool:
        return tree.members == members and self._views.shows_names_as_now(
            tree.names_revision
        )

    def read(self, members: collections.abc.Iterable[Members]) -> None:
        """Make sure that the trees are known; what changed is read, all at once."""
        missing = [of_tree for of_tree in members if self.find(of_tree) is None]
        if not missing:
            return
        known = {}
        for of_tree in missing:
            before = self._kept.find(of_tree[0][0])
            if before is not None:
                known.update({one.id: one for one in before.providers})
        revisions = {
            id_: revision for of_tree in missing for _, id_, revision in of_tree
        }
        views = self._views.get_all(revisions, known)
        for of_tree in missing:
            self._add(of_tree, views)

    def _add(self, members: Members, views: dict[int, ProviderView]) -> None:
        root_id = members[0][0]
        providers = tuple([views[id_] for _, id_, _ in members])
        shown = [one.names_revision for one in providers]
        names_revision = next((one for one in shown if one is not None), None)
        tree = Tree(members, views[root_id], providers, names_revision)
        self._trees[root_id] = tree
        self._kept.add(root_id, tree)

    def trees(self, root_ids: collections.abc.Iterable[int]) -> list[Tree]:
        """Return trees that the search has met, in the order of ``root_ids``."""
        wanted = list(root_ids)
        missing = [root_id for root_id in wanted if root_id not in self._trees]
        self.read([self._members[root_id] for root_id in missing])
        return [self._trees[root_id] for root_id in wanted]

    def tree(self, members: Members) -> Tree:
        """Return a tree that the search has found or read."""
        return self._trees[members[0][0]]

    def line_of(self, provider: ProviderView) -> frozenset[int]:
        """Return the ids of the provider and of its ancestors, in a tree met."""
        return self._trees[provider.root_id].lines[provider.id]


def _page_after(root_id: int, size: int) -> tuple[Select, dict[str, int]]:
    # One more tells whether the last tree is whole.
    return select.members_after(), {"after": root_id, "size": size + 1}
