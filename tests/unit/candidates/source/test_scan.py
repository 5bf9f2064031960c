"""Every way to read trees yields those that may serve, in order, and no more."""

import random

import pytest

from placement.candidates.solve.feasibility import Sharing
from placement.candidates.source import scan
from placement.candidates.source.cache import TreeCache
from placement.candidates.source.snapshots import SnapshotReader
from placement.candidates.source.trees import Trees
from placement.candidates.sql.reader import Reader
from placement.db.names import Names
from tests.functional.statements import recorded
from tests.unit.candidates import worlds
from tests.unit.candidates.model import Provider
from tests.unit.candidates.solve.trees import Search
from tests.unit.candidates.worlds import flat_cloud, nested_cloud


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(scan, "RARE_MAX", 3)
    monkeypatch.setattr(scan, "PAGE_MIN", 2)
    monkeypatch.setattr(scan, "PAGE_MAX", 8)


def pages_of_trees(
    engine, cloud, query, wanted=None, chance=None, able=None, cache=None
):
    """Yield the trees of each page; ``able`` says how many of them can serve."""
    planned = Search(cloud, query).plan
    cache = cache or TreeCache(10_000_000)
    with engine.connect() as conn:
        reader = Reader(conn)
        snapshots = SnapshotReader(reader, Names(), cache, None)
        trees = Trees(reader, snapshots, cache)
        source = scan.Scan(
            reader, planned, Sharing(planned, []).aggregates(), trees, cache, wanted
        )
        for page in source.pages(chance):
            yield page
            source.note(len(page) if able is None else able(page))


def pages_of(*arguments, **options):
    """Yield the root ids of each page of ``pages_of_trees``."""
    for page in pages_of_trees(*arguments, **options):
        yield [tree.root.id for tree in page]


@pytest.mark.parametrize(
    ("wanted", "tree_size", "expected"),
    [
        (None, 1, (2000, 2000)),
        (None, 9, (2000, 18_000)),
        (None, 90, (2000, 20_000)),
        (1, 1, (16, 16)),
        (100, 3, (100, 300)),
        (9000, 1, (2000, 2000)),
    ],
)
def test_the_first_page_has_about_as_many_trees_as_are_wanted(
    wanted, tree_size, expected
):
    assert scan.first_page(wanted, tree_size) == expected


@pytest.mark.parametrize("make", [flat_cloud, nested_cloud])
def test_trees_come_once_in_the_order_of_their_roots(engine, small_pages, make):
    cloud = make(30)
    worlds.store(engine, cloud)
    roots = [number for number, one in enumerate(cloud, 1) if one.parent is None]

    found = list(pages_of(engine, cloud, "resources=VCPU:1"))

    assert [root_id for page in found for root_id in page] == roots
    assert len(found) > 1


def test_a_tree_larger_than_a_page_is_whole(engine, small_pages):
    cloud = [*nested_cloud(1, devices=70), *flat_cloud(3)[1:]]
    worlds.store(engine, cloud)

    pages = pages_of_trees(engine, cloud, "resources=VCPU:1", wanted=1)

    found = [(tree.root.id, len(tree.providers)) for page in pages for tree in page]
    assert found == [(1, 71), (72, 1), (73, 1)]


def test_in_tree_reads_one_tree(engine):
    cloud = nested_cloud(30)
    worlds.store(engine, cloud)
    query = f"resources=VCPU:1&in_tree={worlds.uuid_of('h3d1')}"

    assert list(pages_of(engine, cloud, query)) == [[10]]
    both = (
        f"resources_A=VCPU:1&in_tree_A={worlds.uuid_of('h3')}"
        f"&resources_B=VCPU:1&in_tree_B={worlds.uuid_of('h4')}&group_policy=none"
    )
    assert list(pages_of(engine, cloud, both)) == []


def with_trait(cloud, numbers):
    for number in numbers:
        cloud[number].traits = frozenset(["CUSTOM_T1"])
    return cloud


RARE = "resources=VCPU:1&required=CUSTOM_T1"


def test_only_trees_that_meet_a_rare_need_are_read(engine, small_pages):
    cloud = with_trait(flat_cloud(60), [5, 50])
    worlds.store(engine, cloud)
    cache = TreeCache(10_000_000)

    assert list(pages_of(engine, cloud, RARE, cache=cache)) == [[6, 51]]
    assert len(cache.trees.values()) == 2


def test_a_need_that_no_provider_meets_reads_no_tree(engine):
    cloud = flat_cloud(60)
    worlds.store(engine, cloud)

    for _ in range(2):
        assert [page for page in pages_of(engine, cloud, RARE) if page] == []


def test_the_database_narrows_if_few_of_many_read_trees_can_serve(engine, small_pages):
    cloud = flat_cloud(120)
    for number, one in enumerate(cloud):
        if number % 24 > 2:
            one.used = {"VCPU": 8}
    worlds.store(engine, cloud)
    query = "resources=VCPU:1"
    # The need is known as common, as after a search for less.
    cache = TreeCache(10_000_000)
    (need,) = scan.statements.needs(Search(cloud, query).plan, {})
    cache.needs.note(need, False)

    def able(page):
        return sum(tree.root.room[0] > 0 for tree in page)

    pages = pages_of(engine, cloud, query, wanted=2, able=able, cache=cache)
    with recorded() as sent:
        found = [root_id for page in pages for root_id in page]

    first = [root_id for root_id in found if (root_id - 1) % 24 > 2]
    assert found == sorted(found)
    able_ids = [n for n in range(1, 121) if (n - 1) % 24 <= 2]
    assert [root_id for root_id in found if root_id not in first] == able_ids
    # All of the first page, and then only those that can serve.
    assert max(first) < 20
    assert any("coalesce" in one for one in sent)


def test_cached_trees_are_not_narrowed(engine, small_pages):
    cloud = flat_cloud(60)
    worlds.store(engine, cloud)
    cache = TreeCache(10_000_000)
    list(pages_of(engine, cloud, "resources=VCPU:1", cache=cache))

    with recorded() as sent:
        pages = pages_of(
            engine, cloud, "resources=VCPU:1", able=lambda _: 0, cache=cache
        )
        assert sum(map(len, pages)) == 60

    assert not any("coalesce" in one for one in sent)


@pytest.mark.parametrize("hosts", [1, 7, 60])
@pytest.mark.parametrize("query", ["resources=VCPU:1", RARE])
def test_random_pages_have_every_tree_once(engine, small_pages, hosts, query):
    cloud = with_trait(flat_cloud(hosts), range(0, hosts, 30))
    worlds.store(engine, cloud)
    orders = set()
    for seed in range(5):
        pages = pages_of(engine, cloud, query, wanted=2, chance=random.Random(seed))
        found = [root_id for page in pages for root_id in page]
        expected = range(1, hosts + 1, 30 if query == RARE else 1)
        assert sorted(found) == list(expected)
        orders.add(tuple(found))
    assert len(expected) == 1 or len(orders) > 1


def test_a_child_that_meets_a_need_brings_its_tree(engine, small_pages):
    cloud = flat_cloud(40)
    cloud.insert(9, Provider("child", "h30", traits=frozenset(["CUSTOM_T1"])))
    worlds.store(engine, cloud)

    root_id = next(n for n, one in enumerate(cloud, 1) if one.name == "h30")
    assert list(pages_of(engine, cloud, RARE)) == [[root_id]]
