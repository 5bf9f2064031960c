"""The trees of one search: read when they have changed, and cached between searches."""

import bisect
import collections.abc
import itertools
import operator
import typing

from placement.candidates.arrays import Page
from placement.candidates.model import Members, ProviderSnapshot, Tree
from placement.candidates.source import pages
from placement.candidates.source.cache import TreeCache
from placement.candidates.source.pages import KnownPage
from placement.candidates.source.snapshots import SnapshotReader
from placement.candidates.sql import statements
from placement.candidates.sql.reader import Read, Reader, Since
from placement.candidates.sql.rows import Row
from placement.tracing.points import traced

_root_of = operator.itemgetter(0)

# Providers of one page of all trees.
_PAGE = 10_000


class Trees:
    """Finds trees in the snapshot of one search.

    A cached tree is used only if it has the members, at the revisions, that the
    snapshot has.
    """

    def __init__(
        self, reader: Reader, snapshots: SnapshotReader, cache: TreeCache
    ) -> None:
        self._reader = reader
        self._snapshots = snapshots
        self._cache = cache
        # Trees from the cache, and those that were read.
        self.hit_count = self.read_count = 0

    @traced("candidates.read")
    def of(self, found: collections.abc.Sequence[Row]) -> list[Tree]:
        """Return the trees whose members are ``found``, in their order.

        Trees that are not cached, or have changed, are read, all at once.
        """
        if not found:
            return []
        members: list[Members]
        if len(set(map(_root_of, found))) == len(found):
            # Every tree has one provider.
            members = list(zip(found))
            root_ids = list(map(_root_of, found))
        else:
            members = [
                tuple(of_tree) for _, of_tree in itertools.groupby(found, _root_of)
            ]
            root_ids = [of_tree[0][0] for of_tree in members]
        cached = self._cache.trees.find_all(root_ids)
        has_current_names = self._snapshots.has_current_names
        trees: list[Tree | None] = [
            tree
            if tree is not None
            and tree.members == now
            and (tree.names_revision is None or has_current_names(tree.names_revision))
            else None
            for tree, now in zip(cached, members, strict=True)
        ]
        self.hit_count += len(trees)
        if None in trees:
            missing = [at for at, tree in enumerate(trees) if tree is None]
            self.hit_count -= len(missing)
            self._read(missing, members, cached, trees)
        # No None is left.
        return typing.cast("list[Tree]", trees)

    def _read(
        self,
        missing: list[int],
        members: list[Members],
        cached: list[Tree | None],
        trees: list[Tree | None],
    ) -> None:
        self.read_count += len(missing)
        known: dict[int, ProviderSnapshot] = {}
        changed: list[tuple[int, int, int]] = []
        for at in missing:
            changed += members[at]
            before = cached[at]
            if before is not None:
                for one in before.providers:
                    known[one.id] = one
        snapshots = self._snapshots.read(changed, known)
        read: dict[int, Tree] = {}
        for at in missing:
            of_tree = members[at]
            tree = Tree(of_tree, tuple([snapshots[id_] for _, id_, _ in of_tree]))
            trees[at] = read[tree.root.id] = tree
        self._cache.trees.add_all(read)

    def next_page(self, root_id: int, provider_count: int) -> tuple[Page, bool]:
        """Return the trees of ``after``, and whether they are the last ones."""
        read = page_after(root_id, provider_count)
        known = self._known(read)
        if known is not None:
            return known.page, not known.rest
        rows = self._reader.page(read)
        found, is_last = self._whole(rows, provider_count)
        page = Page(self.of(found))
        self._keep(read, rows, page)
        return page, is_last

    def _known(self, read: Read) -> KnownPage | None:
        """Return a known page as it is in the snapshot; None: it has to be read."""
        changes = self._reader.changes(read)
        known = self._cache.pages.find(read)
        if changes is None or known is None:
            return None
        now = None
        if all(map(self._snapshots.has_current_names, known.names_revisions)):
            now = known.after(changes, self._reader.began, self.of)
        if now is None:
            self._cache.pages.remove(read)
            return None
        self.hit_count += len(now.page) - len(changes.changed)
        self._cache.pages.add(read, now)
        return now

    def _keep(self, read: Read, rows: list[Row], page: Page) -> None:
        """Keep the page that the search has read first: others are not prefetched."""
        if not self._reader.can_read_changes:
            return
        if read == self._reader.first_page and not read.is_large:
            since = Since(self._reader.newest, self._reader.began)
            self._cache.pages.add(read, pages.known(rows, page, since))

    def after(self, root_id: int, provider_count: int) -> tuple[list[Row], bool]:
        """Return the members of the trees that follow ``root_id``.

        They have ``provider_count`` providers at most, unless the first tree has more.
        The second value says whether they are the last trees.
        """
        rows = self._reader.page(page_after(root_id, provider_count))
        return self._whole(rows, provider_count)

    def pages(self) -> collections.abc.Iterator[list[Tree]]:
        """Yield all trees, in pages of some 10,000 providers."""
        root_id, is_last = 0, False
        while not is_last:
            found, is_last = self.after(root_id, _PAGE)
            if found:
                root_id = found[-1][0]
            yield self.of(found)

    def from_place(self, place: int, provider_count: int) -> tuple[list[Row], bool]:
        """Do what ``after`` does, for the root id ``place`` modulo the greatest id."""
        rows = self._reader.page(page_from(place, provider_count))
        return self._whole(rows, provider_count)

    def _whole(self, found: list[Row], provider_count: int) -> tuple[list[Row], bool]:
        """Return the rows of whole trees, and whether they are the last ones."""
        if len(found) <= provider_count:
            return found, True
        # Rows ascend, and (root id,) is less than every row of that root.
        cut = found[-1][0]
        whole = found[: bisect.bisect_left(found, (cut,))]
        return whole or self.members_of([cut]), False

    def with_need(self, need: statements.Need, after: int, tree_count: int) -> Page:
        """Return the next trees that meet a need."""
        read = statements.members_with(need, after, tree_count, self.is_flat())
        known = self._known(read)
        if known is not None:
            return known.page
        rows = self._reader.page(read)
        page = Page(self.of(rows))
        self._keep(read, rows, page)
        return page

    def is_flat(self) -> bool:
        """No provider of the cloud has a parent."""
        return self._reader.value(statements.any_nested()) is None

    def members_of(self, root_ids: collections.abc.Sequence[int]) -> list[Row]:
        """Return the members of the trees with these roots."""
        if not root_ids:
            return []
        if len(root_ids) == 1:
            return self._reader.page(statements.members_of_one(root_ids[0]))
        return self._reader.rows(statements.members_of(root_ids))

    @traced("candidates.read")
    def sharing(self, sharing_trait_id: int) -> list[Tree]:
        """Return the trees in which a provider with the trait may share."""
        # Most clouds have none, which a much shorter statement finds out.
        if self._reader.value(statements.any_sharing(sharing_trait_id)) is None:
            return []
        sharing = statements.sharing_members(sharing_trait_id)
        return self.of(self._reader.members(sharing))


def page_from(place: int, provider_count: int) -> Read:
    """Return the read of ``Trees.from_place``, so that callers can prefetch it."""
    return statements.members_from(place, provider_count + 1)


def page_after(root_id: int, provider_count: int) -> Read:
    """Return the read of ``Trees.after``, so that callers can prefetch it."""
    # One row more shows whether the last tree is complete.
    return statements.members_after(root_id, provider_count + 1)
