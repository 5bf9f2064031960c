"""The cache of a worker.

Trees are kept by root, and are used only as long as their members have the same ids
and revisions, see ``source.trees``: dropping one costs time and changes no result.
The rest are small hints for the order of reads.
"""

import itertools

from placement.candidates.lru import LRUCache
from placement.candidates.model import Inventories, Tree
from placement.candidates.source.known_hosts import KnownHosts
from placement.candidates.source.pages import KnownPage
from placement.candidates.source.rarity import NeedStats
from placement.candidates.sql.reader import Batches, Read
from placement.candidates.trait_bits import TraitBits

_HINTS_MAX = 1000

# Measured: what ``KnownHosts`` keeps of a tree of one provider.
_KNOWN_HOST_BYTES = 600

# One part in this many is for arrays, for pages, for requests of picks, and for shared
# inventories. With the default size, the arrays have room for 100,000 hosts of three
# classes.
_ARRAYS_PART = 4
_PAGES_PART = 8
_REQUESTS_PART = 16
_INVENTORIES_PART = 32

# Of the bytes for trees, one part in this many is for those that only pages refer to.
_ONLY_ON_PAGES_PART = 8


class TreeCache:
    """The cached trees, by the id of the root; ``size_max``, for all, is in bytes."""

    def __init__(self, size_max: int) -> None:
        # For ``source.hosts``.
        self.arrays_size_max = size_max // _ARRAYS_PART
        pages_size_max = size_max // _PAGES_PART
        # What is known of the pages that searches read first.
        self.pages: LRUCache[Read, KnownPage] = LRUCache(
            pages_size_max, lambda known: known.size
        )
        # For ``pick.known``.
        self.requests_size_max = size_max // _REQUESTS_PART
        inventories_size_max = size_max // _INVENTORIES_PART
        trees_size_max = (
            size_max
            - self.arrays_size_max
            - pages_size_max
            - self.requests_size_max
            - inventories_size_max
        )
        self._only_on_pages_size_max = trees_size_max // _ONLY_ON_PAGES_PART
        self.trees: LRUCache[int, Tree] = LRUCache(
            trees_size_max, _size_of, self._trees_dropped
        )
        self.bits = TraitBits()
        # Those that snapshots share, by their rules and the revision of their names.
        self.inventories: LRUCache[object, Inventories] = LRUCache(
            inventories_size_max, lambda inventories: 2 * inventories.size
        )
        self.batches = Batches()
        self.needs = NeedStats()
        self.known = KnownHosts()
        # The page that similar searches read first, and whether it was enough.
        self.first_pages: LRUCache[object, tuple[Read, bool]] = LRUCache(
            _HINTS_MAX, lambda hint: 1
        )
        # The count of a need that no provider met, by the request.
        self.unmet: LRUCache[object, Read] = LRUCache(_HINTS_MAX, lambda hint: 1)
        # The newest revision that any pick has seen.
        self.newest_picked = 0
        # The average number of providers in a tree, of the page that was read last.
        self.tree_size: int | None = None
        # The id of the trait of sharing providers, as it was read last.
        self.sharing_trait_id: int | None = None

    def _trees_dropped(self) -> None:
        self._keep_trees_of_pages()
        self.known.keep({tree.root.id for tree in self.trees.values()})

    def _keep_trees_of_pages(self) -> None:
        """Keep the dropped trees that pages refer to; drop the pages if these are many.

        A search that knows its page does not look up the trees that are on it.
        """
        cached = dict.fromkeys(self.trees.values())
        on_pages = dict.fromkeys(
            itertools.chain.from_iterable(known.page for known in self.pages.values())
        )
        only_on_pages = [tree for tree in on_pages if tree not in cached]
        if sum(map(_size_of, only_on_pages)) > self._only_on_pages_size_max:
            self.pages.clear()
            return
        # Some have changed since: of these, the cache has a newer tree.
        root_ids = {tree.root.id for tree in cached}
        for tree in only_on_pages:
            if tree.root.id not in root_ids:
                self.trees.add(tree.root.id, tree)


def _size_of(tree: Tree) -> int:
    """Return about how many bytes a tree takes, with what is known of its host."""
    return tree.size + (_KNOWN_HOST_BYTES if len(tree.providers) == 1 else 0)
