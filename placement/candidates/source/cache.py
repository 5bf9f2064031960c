"""The cache of a worker.

Trees are kept by root, and are used only as long as their members have the same ids
and revisions, see ``source.trees``: dropping one costs time and changes no result.
The rest are small hints for the order of reads.
"""

import sys

from placement.candidates.lru import LRUCache
from placement.candidates.model import ProviderSnapshot, Tree
from placement.candidates.source.pages import KnownPage
from placement.candidates.source.rarity import NeedStats
from placement.candidates.sql.reader import Batches, Read
from placement.candidates.trait_bits import TraitBits

# Measured: the objects of a snapshot, and of each class that it offers. Small
# integers and the JSON of traits are shared with other snapshots.
_SNAPSHOT_BYTES = 1100
_OFFER_BYTES = 260
_TREE_BYTES = 400

_HINTS_MAX = 1000

# One part in this many is for arrays, and one for pages.
_ARRAYS_PART = _PAGES_PART = 8


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
        # Pages refer to trees, so they are dropped with the trees that are not used.
        self.trees: LRUCache[int, Tree] = LRUCache(
            size_max - self.arrays_size_max - pages_size_max,
            size_of,
            self.pages.clear,
        )
        self.bits = TraitBits()
        self.batches = Batches()
        self.needs = NeedStats()
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


def size_of(tree: Tree) -> int:
    """Return about how many bytes a cached tree takes."""
    return _TREE_BYTES + sum(map(_snapshot_size, tree.providers))


def _snapshot_size(snapshot: ProviderSnapshot) -> int:
    return (
        _SNAPSHOT_BYTES
        + _OFFER_BYTES * len(snapshot.offers)
        + len(snapshot.resources_json)
        + len(snapshot.place_json)
        + sys.getsizeof(snapshot.aggregates)
    )
