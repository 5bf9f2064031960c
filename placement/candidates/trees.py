"""Provider trees as a search sees them."""

import collections.abc
import dataclasses
import functools
import typing

import sqlalchemy as sa

from placement.candidates import select
from placement.candidates.model import ProviderView
from placement.candidates.views import Views

_Rows = collections.abc.Sequence[typing.Any]


@dataclasses.dataclass(frozen=True)
class Tree:
    """One tree; ``providers`` ascend by id and include the root."""

    root: ProviderView
    providers: tuple[ProviderView, ...]

    @functools.cached_property
    def aggregates(self) -> frozenset[int]:
        """The aggregates of all providers: where one is, the tree is."""
        if len(self.providers) == 1:
            return self.root.aggregates
        return frozenset().union(*(one.aggregates for one in self.providers))


class Forest:
    """The trees that one search has met."""

    def __init__(self, conn: sa.Connection, views: Views) -> None:
        self._conn = conn
        self._views = views
        self._trees: dict[int, Tree] = {}
        self._lines: dict[int, frozenset[int]] = {}

    def get_all(self, roots: _Rows) -> list[Tree]:
        """Return the trees of ``roots``, in their order.

        A root is (id, revision, has_children). Trees that are all roots cost no
        statement but for what changed; others cost one for all of them.
        """
        members = {root_id: {root_id: revision} for root_id, revision, _ in roots}
        grown = [root_id for root_id, _, has_children in roots if has_children]
        if grown:
            for row in self._conn.execute(select.trees(grown)):
                members[row.root_provider_id][row.id] = row.revision
        return self._read(members)

    def get_sharing(self, sharing_trait_id: int) -> list[Tree]:
        """Return the trees in which a provider with the trait may share."""
        members: dict[int, dict[int, int]] = {}
        selected = self._conn.execute(
            select.sharing_trees(), {"sharing_trait_id": sharing_trait_id}
        )
        for row in selected:
            members.setdefault(row.root_provider_id, {})[row.id] = row.revision
        return self._read(members)

    def _read(self, members: dict[int, dict[int, int]]) -> list[Tree]:
        revisions: dict[int, int] = {}
        for of_tree in members.values():
            revisions.update(of_tree)
        views = self._views.get_all(revisions)
        found = []
        for root_id, of_tree in members.items():
            root = views[root_id]
            if len(of_tree) == 1:
                tree = Tree(root, (root,))
            else:
                tree = Tree(root, tuple(views[id_] for id_ in sorted(of_tree)))
            self._trees[root_id] = tree
            found.append(tree)
        return found

    def tree_of(self, provider: ProviderView) -> Tree:
        """Return the tree of a provider that the search has met."""
        return self._trees[provider.root_id]

    def line_of(self, provider: ProviderView) -> frozenset[int]:
        """Return the ids of the provider and of its ancestors."""
        line = self._lines.get(provider.id)
        if line is None:
            parents = {
                one.id: one.parent_id for one in self.tree_of(provider).providers
            }
            ids = set()
            id_: int | None = provider.id
            while id_ is not None:
                ids.add(id_)
                id_ = parents[id_]
            line = self._lines[provider.id] = frozenset(ids)
        return line
