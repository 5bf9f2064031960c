"""The cache of trees keeps to its bound in bytes, and counts bytes about right."""

import gc
import json
import random
import tracemalloc

import pytest
import sqlalchemy as sa

from placement.candidates import search
from placement.candidates.arrays import Page
from placement.candidates.model import Tree
from placement.candidates.source import pages
from placement.candidates.source.cache import TreeCache
from placement.candidates.sql.reader import Read, Since
from placement.objects.claim_request import Amount
from placement.objects.inventory import Inventory as StoredInventory
from tests.unit.candidates import worlds
from tests.unit.candidates.model import Inventory, Provider
from tests.unit.candidates.solve.trees import snapshot
from tests.unit.candidates.worlds import flat_cloud


def size_of_all(kept):
    """Return the size of all trees that a cache holds."""
    return sum(each.size for each in kept.trees.values())


def tree_of(root_id, children=0, classes=3):
    offers = {id_: StoredInventory(id_, 8).offer() for id_ in range(classes)}
    ids = range(root_id, root_id + 1 + children)
    return Tree(
        tuple((root_id, id_, 1) for id_ in ids),
        tuple(
            snapshot(id_, offers, root_id, None if id_ == root_id else root_id)
            for id_ in ids
        ),
    )


@pytest.mark.parametrize("size_max", [20_000, 1_000_000])
def test_the_cache_keeps_to_its_bound(size_max):
    kept = TreeCache(size_max)
    draw = random.Random(1)
    largest = 0
    for number in range(5000):
        tree = tree_of(100 * number, draw.randrange(4), draw.randrange(5))
        kept.trees.add(tree.root.id, tree)
        for _ in range(2):
            kept.trees.find(100 * draw.randrange(number + 1))
        largest = max(largest, tree.size)
        # The last tree always stays.
        assert size_of_all(kept) <= max(size_max, largest)

    assert size_of_all(kept) > size_max / 4


def test_hosts_are_known_as_long_as_their_trees_are_cached():
    kept = TreeCache(100_000)
    for root_id in range(1, 1000):
        tree = tree_of(root_id)
        kept.trees.add(root_id, tree)
        kept.known.note_page(root_id - 1, 1000, [tree])
        kept.known.note_taken(tree.members, [Amount("uuid", "VCPU", 1)])

        known = [id_ for id_ in range(1, root_id + 1) if kept.known.has(id_ - 1)]
        assert known == sorted(each.root.id for each in kept.trees.values())

    assert 10 < len(known) < 100
    assert kept.known._taken.keys() == kept.known._free_from.keys() == set(known)


def test_a_replaced_tree_counts_once():
    kept = TreeCache(100_000)
    for revision in range(1000):
        tree = tree_of(1, children=revision % 3)
        kept.trees.add(1, tree)
    kept.trees.add(2, tree_of(2))

    assert kept.trees.find(1) is tree
    assert size_of_all(kept) <= 2 * tree_of(1, children=2).size


def test_searches_in_a_cloud_that_does_not_fit_keep_to_the_bound(engine):
    worlds.store(engine, flat_cloud(1500))
    context = worlds.context_of(engine, search_cache_megabytes=1)
    expected = worlds.ask(worlds.context_of(engine), "resources=VCPU:1")
    for _ in range(3):
        assert worlds.ask(context, "resources=VCPU:1") == expected
        assert 2**18 < size_of_all(search.cache_of(context)) <= 2**20 + 10_000


@pytest.mark.parametrize("classes", [1, 3, 8])
@pytest.mark.parametrize("children", [0, 3])
@pytest.mark.parametrize("are_equal", [True, False])
def test_the_size_of_a_tree_is_about_what_it_takes(
    engine, are_equal, children, classes
):
    names = [*worlds.CLASSES][:classes]
    cloud = []
    for number in range(300):
        cloud.append(Provider(f"h{number}"))
        cloud += [
            Provider(f"h{number}_{child}", f"h{number}") for child in range(children)
        ]
    for number, one in enumerate(cloud):
        total = 1000 if are_equal else 1000 + number
        one.inventory = {name: Inventory(total) for name in names}
        one.used = dict.fromkeys(names, 300 + number % 7)
        one.aggregates = frozenset("AB")
        one.traits = frozenset(["CUSTOM_T1"])
    worlds.store(engine, cloud)
    context = worlds.context_of(engine)
    # Compiled statements and the like are made before.
    query = "resources=VCPU:1&limit=1"
    worlds.ask(worlds.context_of(engine), query)
    gc.collect()
    tracemalloc.start()
    try:
        document = worlds.ask(context, "resources=VCPU:1")
        del document
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    counted = size_of_all(search.cache_of(context))
    # More would break the configured bound, less would waste it.
    assert 0.6 < taken / counted < 1.3


def test_hints_do_not_grow_with_queries(engine):
    worlds.store(engine, flat_cloud(3))
    context = worlds.context_of(engine)
    for number in range(1, 3000):
        document = worlds.ask(context, f"resources=VCPU:1&limit={number}")
        assert json.loads(document)["allocation_requests"]
    kept = search.cache_of(context)

    for hints in (kept.first_pages, kept.batches._batches):
        assert len(hints.values()) <= 1000
    size = sum(known.size for known in kept.pages.values())
    assert size < kept.trees._size_max


def test_processes_have_a_cache_of_the_configured_size(engine):
    context = worlds.context_of(engine, search_cache_megabytes=3)

    kept = search.cache_of(context)

    assert search.cache_of(context) is kept
    # A quarter of it is for arrays, an eighth for pages, a sixteenth for requests, and
    # half of one for shared inventories.
    assert kept.trees._size_max == 3 * 2**20 * 17 // 32


def known_page(kept, count):
    """Cache the page of the trees 1 to ``count``; return it."""
    page = Page(tree_of(root_id, classes=1) for root_id in range(1, count + 1))
    rows = [tree.members[0] for tree in page]
    kept.pages.add(Read.of(sa.select(1)), pages.known(rows, page, Since(1, 0)))
    for tree in page:
        kept.trees.add(tree.root.id, tree)
    return page


def use_others(kept, *used):
    """Use ``used`` and so many other trees that all unused ones are dropped."""
    for root_id in range(1000, 1200):
        kept.trees.add(root_id, tree_of(root_id))
        kept.trees.find_all(used)


def test_trees_that_pages_refer_to_are_not_dropped():
    kept = TreeCache(200_000)
    page = known_page(kept, 5)
    dropped = tree_of(6)
    kept.trees.add(6, dropped)
    changed = tree_of(5)
    kept.trees.add(5, changed)

    use_others(kept, 5)

    assert len(kept.pages.values()) == 1
    assert kept.trees.find(6) is None
    assert [kept.trees.find(tree.root.id) for tree in page[:-1]] == page[:-1]
    # The page has an older one.
    assert kept.trees.find(5) is changed
    assert size_of_all(kept) <= 200_000


def test_pages_are_dropped_if_they_alone_refer_to_many_trees():
    kept = TreeCache(200_000)
    known_page(kept, 40)

    use_others(kept)

    assert not kept.pages.values()
    assert kept.trees.find(1) is None
