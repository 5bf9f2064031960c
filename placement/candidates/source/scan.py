"""Find the trees of a search, page by page, at a cost that follows what is taken.

There are five ways. Groups with ``in_tree`` name the tree. If few providers meet one
of the needs, only their trees are read. Otherwise trees are read in the order of
their roots; if most of them had to be read again and few could serve the request, the
database narrows the rest. A random order takes samples.
"""

import collections.abc
import math
import random
import typing

from placement.candidates.model import Tree
from placement.candidates.query.plan import Plan
from placement.candidates.source.cache import TreeCache
from placement.candidates.source.trees import Trees
from placement.candidates.sql import statements
from placement.candidates.sql.predicates import Select, Shared
from placement.candidates.sql.reader import Read, Reader
from placement.candidates.sql.statements import Need

# Trees of one page: the first has as many as are wanted, the next ones more.
PAGE_MIN = 16
PAGE_MAX = 2000

# The size of a tree where some have children, until a page was read.
_TREE_SIZE_GUESS = 8

# Providers of one page.
_PROVIDERS_MAX = 20_000

# A need is rare if at most this many providers meet it, or _RARE_FACTOR times the
# wanted number of trees, and less than one in _RARE_FACTOR of the cloud.
RARE_MAX = 500
_RARE_FACTOR = 4

# The database narrows if fewer than one tree in _RARE_FACTOR could serve the request,
# and more than one in _UNCACHED_FACTOR had to be read.
_UNCACHED_FACTOR = 8

# A random sample takes whole residues of ids; this is their greatest number.
_RESIDUES_MAX = 4096

Pages = collections.abc.Iterator[list[Tree]]


class Page(typing.NamedTuple):
    """The size of the first page of a search, in trees and in providers."""

    tree_count: int
    provider_count: int


def first_page(wanted: int | None, tree_size: int, page_min: int = PAGE_MIN) -> Page:
    """Return the size of the first page.

    The search will probably need ``wanted`` trees, of about ``tree_size`` providers.
    """
    trees = PAGE_MAX if wanted is None else max(page_min, min(wanted, PAGE_MAX))
    return Page(trees, min(trees * tree_size, _PROVIDERS_MAX))


class Scan:
    """Reads the trees of one search.

    Before each next page, the caller reports with ``note`` how many trees of the last
    page can serve the request. ``wanted`` is the number of trees that the search will
    probably need; None means all.
    """

    def __init__(
        self,
        reader: Reader,
        plan: Plan,
        shared: Shared,
        trees: Trees,
        cache: TreeCache,
        wanted: int | None,
        page_min: int = PAGE_MIN,
    ) -> None:
        self._reader = reader
        self._plan = plan
        self._shared = shared
        self._trees = trees
        self._cache = cache
        if cache.tree_size is None:
            cache.tree_size = 1 if trees.is_flat() else _TREE_SIZE_GUESS
        self._tree_size = cache.tree_size
        self._page = first_page(wanted, self._tree_size, page_min)
        self._able = 0
        # The count of a need that no provider meets.
        self.unmet: Read | None = None

    def note(self, able: int) -> None:
        """Say how many trees of the last page can serve the request."""
        self._able = able

    def pages(self, chance: random.Random | None = None, place: int = 0) -> Pages:
        """Yield trees that may serve the request, in the order of root ids.

        With ``chance`` they come in random order. With a ``place``, any number, they
        begin at another tree, and those before it follow. The number of statements per
        page does not grow with that of trees.
        """
        bound = self._bound_roots()
        if bound is not None:
            yield from self._of_roots(bound, chance)
            return
        rarest = self._find_rarest()
        if self.unmet is not None:
            return
        if chance is not None:
            yield from self._random(chance, rarest)
        elif rarest is not None:
            yield from self._with_need(rarest, place)
        elif place:
            yield from self._from(place)
        else:
            yield from self._in_order(0)

    def _from(self, place: int) -> Pages:
        """Yield trees from a place on, in their order, and then those before it."""
        found, is_last = self._trees.from_place(place, self._page.provider_count)
        trees = self._trees.of(found)
        greatest_id = self._reader.prefetched(statements.greatest_id())
        if greatest_id is not None:
            self._cache.known.note_page(place, greatest_id, trees)
        yield trees
        if not is_last:
            yield from self._in_order(found[-1][0])
        for page in self._in_order(0):
            before = [tree for tree in page if not found or tree.root.id < found[0][0]]
            yield before
            if len(before) < len(page):
                return

    def _bound_roots(self) -> list[int] | None:
        """Return the roots that `in_tree` names; None: it is not used."""
        bound = {
            slot.group.root_id
            for slot in self._plan.slots
            if slot.index not in self._shared and slot.group.root_id is not None
        }
        if not bound:
            return None
        return list(bound) if len(bound) == 1 else []

    def _find_rarest(self) -> Need | None:
        """Return a need that few providers meet; None: each is common.

        Needs that no earlier search has counted are counted, up to a bound. If no
        provider meets one of them, its count becomes ``unmet``.
        """
        needs = statements.needs(self._plan, self._shared)
        stats = self._cache.needs
        unknown = []
        for need in needs:
            is_rare = stats.is_rare(need)
            if is_rare:
                return need
            if is_rare is None:
                unknown.append(need)
        if not unknown:
            return None
        few = self._few()
        counts = {}
        for need in unknown:
            read = statements.count(need, few + 1)
            counts[need] = self._reader.value(read) or 0
            if not counts[need]:
                self.unmet = read
                return None
        greatest_id = self._reader.value(statements.greatest_id()) or 0
        most = math.ceil(greatest_id / self._tree_size / _RARE_FACTOR)
        rare = [need for need, count in counts.items() if count < min(few + 1, most)]
        for need in counts:
            stats.note(need, need in rare)
        return min(rare, key=counts.__getitem__, default=None)

    def _few(self) -> int:
        return max(RARE_MAX, _RARE_FACTOR * self._page.tree_count)

    def _with_need(self, need: Need, place: int) -> Pages:
        """Yield the trees that meet a need; a ``place`` turns the first page."""
        # All of a rare need is one page, as each page reads all that meet it.
        size = self._few() if self._trees.is_flat() else self._page.tree_count
        after = tree_count = 0
        while True:
            page = self._trees.with_need(need, after, size)
            trees: list[Tree] = page
            if place and trees and not tree_count:
                middle = place % len(trees)
                trees = trees[middle:] + trees[:middle]
            tree_count += len(trees)
            if tree_count > self._few():
                self._cache.needs.note(need, False)
            yield trees
            if len(trees) < size:
                return
            after, size = page[-1].root.id, min(2 * size, PAGE_MAX)

    def _in_order(self, root_id: int) -> Pages:
        """Yield trees after a root, in their order, narrowed where that pays."""
        size = self._page.provider_count
        while True:
            read_before = self._trees.read_count
            trees, is_last = self._trees.next_page(root_id, size)
            read_count = self._trees.read_count - read_before
            if trees:
                self._cache.tree_size = -(-trees.provider_count // len(trees))
            yield trees
            if is_last:
                return
            root_id, size = trees[-1].root.id, min(2 * size, _PROVIDERS_MAX)
            is_low = self._able * _RARE_FACTOR < len(trees)
            if is_low and read_count * _UNCACHED_FACTOR > len(trees):
                yield from self._narrowed_after(root_id)
                return

    def _narrowed_after(self, root_id: int) -> Pages:
        """Yield trees after a root; the database leaves out those that cannot serve."""
        size = self._page.tree_count
        while True:
            roots = self._roots(
                statements.anchors(self._plan, self._shared, root_id, size)
            )
            yield self._trees.of(self._trees.members_of(roots))
            if len(roots) < size:
                return
            root_id, size = roots[-1], min(2 * size, PAGE_MAX)

    def _random(self, chance: random.Random, rarest: Need | None) -> Pages:
        """Yield random samples until all trees have come.

        The first sample has about as many ids as two pages have trees, and each
        further one four times more. All trees that meet a rare need are one sample.
        """
        if rarest is not None:
            read = statements.roots(rarest)
            roots = list(self._reader.conn.scalars(read.select, dict(read.parameters)))
            yield from self._of_roots(roots, chance)
            return
        greatest = self._reader.value(statements.greatest_id()) or 0
        modulus = min(_RESIDUES_MAX, max(1, greatest // PAGE_MIN))
        residues = list(range(modulus))
        chance.shuffle(residues)
        wanted = 2 * self._page.tree_count
        size = max(1, -(-wanted * modulus // max(1, greatest)))
        while residues:
            sample, residues = sorted(residues[:size]), residues[size:]
            roots = self._roots(
                statements.anchors_of_residues(
                    self._plan, self._shared, modulus, sample
                )
            )
            yield from self._of_roots(roots, chance)
            size *= 4

    def _of_roots(self, roots: list[int], chance: random.Random | None) -> Pages:
        """Yield the trees of ``roots`` in pages, so that few more are read than taken.

        With ``chance`` they are shuffled.
        """
        if chance is not None:
            chance.shuffle(roots)
        size = self._page.tree_count
        for start in range(0, len(roots), size):
            trees = self._trees.of(self._trees.members_of(roots[start : start + size]))
            if chance is not None:
                chance.shuffle(trees)
            yield trees

    def _roots(self, select: Select) -> list[int]:
        return [row[0] for row in self._reader.rows(select)]
