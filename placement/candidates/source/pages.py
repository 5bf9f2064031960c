"""Pages of trees that are kept between searches.

A page is what one read selects, whatever the search asks for. Searches that begin with
the same page select its changed rows only, and the sums over all of its rows, which
say whether anything else has changed.
"""

import bisect
import collections.abc
import dataclasses

from placement.candidates.arrays import FlatArrays, Page
from placement.candidates.model import Tree
from placement.candidates.sql.reader import Changes, Since, Sums
from placement.candidates.sql.rows import Row

_PAGE_BYTES = 1000
# A reference, a root id, and the arrays of three classes.
_TREE_BYTES = 80


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class KnownPage:
    """What a read has selected. Never changed, so that it can be cached.

    ``page`` is empty if some tree of it has several providers. ``rest`` are rows after
    those of its trees.
    """

    since: Since
    page: Page
    root_ids: list[int]
    rest: list[Row]
    sums: Sums
    # Revisions of names that trees were read at.
    names_revisions: frozenset[int]

    @property
    def is_flat(self) -> bool:
        return bool(self.root_ids)

    @property
    def size(self) -> int:
        return _PAGE_BYTES + _TREE_BYTES * len(self.root_ids)

    def after(
        self,
        changes: Changes,
        time: float,
        read: collections.abc.Callable[[list[Row]], list[Tree]],
    ) -> "KnownPage | None":
        """Return the page with changes applied that were read at ``time``.

        ``time`` is monotonic, in seconds. ``read`` reads the changed trees. None: the
        result would not have the same rows as the database.
        """
        changed: dict[int, Row] = {}
        rest = {row[1]: row for row in self.rest}
        newest, revisions = self.since.newest, self.sums.revisions
        for row in changes.changed:
            root_id, id_, revision = row
            position = bisect.bisect_left(self.root_ids, id_)
            if id_ in rest:
                before = rest[id_][2]
                rest[id_] = row
            elif position < len(self.root_ids) and self.root_ids[position] == id_:
                before = self.page[position].root.revision
                if revision != before:
                    changed[position] = row
            else:
                return None
            if root_id != id_:
                return None
            revisions += revision - before
            newest = max(newest, revision)
        if changes.sums != self.sums._replace(revisions=revisions):
            return None
        since = self.since.after(newest, time)
        if changes.sums == self.sums and self.page.arrays is not None:
            return dataclasses.replace(self, since=since)
        trees = dict(zip(changed, read(list(changed.values())), strict=True))
        page = Page(self.page)
        redefined = {}
        for position, tree in trees.items():
            if not _has_equal_definition(tree, page[position]):
                redefined[position] = tree
            page[position] = tree
        if self.page.arrays is None or self.page.arrays.has_many_unused:
            page.arrays = FlatArrays.of(page)
        else:
            page.arrays = self.page.arrays.changed(trees, redefined)
        return dataclasses.replace(
            self,
            since=since,
            page=page,
            rest=list(rest.values()),
            sums=changes.sums,
            names_revisions=self.names_revisions | _names_revisions(trees.values()),
        )


def _has_equal_definition(tree: Tree, before: Tree) -> bool:
    """Only the usage of a host has changed, at most."""
    host, then = tree.root, before.root
    return (
        host.definition_revision == then.definition_revision
        # Other services add inventories without a new revision.
        and host.inventories is then.inventories
    )


def _names_revisions(trees: collections.abc.Iterable[Tree]) -> frozenset[int]:
    return frozenset(
        [tree.names_revision for tree in trees if tree.names_revision is not None]
    )


def known(rows: list[Row], page: Page, since: Since) -> KnownPage:
    """Return what is known after reading ``rows``, the first of which are ``page``."""
    if any(row[0] != row[1] for row in rows):
        return KnownPage(since, Page(), [], [], Sums(0, 0, 0), frozenset())
    return KnownPage(
        since,
        page,
        [tree.root.id for tree in page],
        rows[len(page) :],
        Sums.of(rows),
        _names_revisions(page),
    )
