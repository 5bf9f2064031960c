"""A batch returns what its reads return on their own, and saves statements."""

import itertools
import json

import hypothesis
import pytest
import sqlalchemy as sa
from hypothesis import strategies as st

from placement.candidates import search
from placement.candidates.source.cache import TreeCache
from placement.candidates.source.snapshots import SnapshotReader
from placement.candidates.sql import reader, statements
from placement.candidates.sql.reader import (
    NAMES_REVISION,
    Batches,
    Prefetch,
    Read,
    Reader,
    Since,
    SnapshotRequiredError,
)
from placement.candidates.sql.statements import Need, NeedKind
from placement.db import tables
from placement.db.names import Names
from tests.functional.statements import recorded
from tests.unit.candidates import worlds
from tests.unit.candidates.model import SHARING, Inventory, Provider
from tests.unit.candidates.test_search import SEED, SEEDS, drawn_worlds
from tests.unit.candidates.worlds import flat_cloud

CLOUD = [
    Provider("a", None, {"VCPU": Inventory(8)}),
    Provider("b", "a", {"CUSTOM_A": Inventory(2)}),
    Provider("c", None, {"VCPU": Inventory(4)}),
]
_ID = sa.select(tables.resource_providers.c.id).where(
    tables.resource_providers.c.name == sa.bindparam("name")
)
PAGE = statements.members_after(0, 10)


def named(name):
    return Read.of(_ID, name=name)


# The last has no row.
VALUES = (
    NAMES_REVISION,
    statements.any_nested(),
    *(named(name) for name in ("a", "b", "c", "d")),
    statements.any_sharing(5),
    statements.greatest_id(),
    statements.any_sharing(6),
)


ROOM = Need(NeedKind.ROOM, (0, 4))
LARGE = Need(NeedKind.TRAIT, (*range(100, 120), worlds.TRAITS["CUSTOM_T1"]))
PAGES = {
    "none": None,
    "after": PAGE,
    "after, cut": statements.members_after(0, 2),
    "after, empty": statements.members_after(9_999, 4),
    "of one": statements.members_of_one(1),
    "with a need": statements.members_with(ROOM, 0, 2, is_flat=False),
    "with a need, flat": statements.members_with(ROOM, 0, 2, is_flat=True),
}


def rows_of(conn, read):
    """Run a read without a reader."""
    found = conn.execute(read.select, dict(read.parameters))
    return sorted(tuple(row) for row in found)


@pytest.mark.parametrize("newest", [None, 0, 1])
@pytest.mark.parametrize("page", PAGES)
def test_a_batch_returns_what_separate_reads_return(engine, page, newest):
    worlds.store(engine, CLOUD)
    batches = Batches()
    for count in range(len(VALUES) + 1):
        prefetch = Prefetch(VALUES[:count], PAGES[page], newest)
        with engine.connect() as conn:
            batch = Reader(conn, prefetch, batches)
            for read in VALUES:
                rows = rows_of(conn, read)
                expected = rows[0][0] if rows else None
                assert batch.value(read) == expected
            if page != "none":
                assert batch.page(PAGES[page]) == rows_of(conn, PAGES[page])


def test_some_of_these_reads_find_rows_and_some_do_not(engine):
    worlds.store(engine, CLOUD)
    with engine.connect() as conn:
        found = [rows_of(conn, read) != [] for read in VALUES]
        assert found == [True] * 5 + [False, False, True, False]
        sizes = {name: len(rows_of(conn, page)) for name, page in PAGES.items() if page}
    assert sizes == {
        "after": 3,
        "after, cut": 2,
        "after, empty": 0,
        "of one": 2,
        "with a need": 3,
        "with a need, flat": 2,
    }


def test_a_need_with_many_ids_is_read_on_its_own(engine):
    worlds.store(engine, [Provider("a"), Provider("b", "a")])
    worlds.change(
        engine,
        "INSERT INTO resource_provider_traits"
        " (resource_provider_id, trait_id) VALUES (2, 12)",
    )
    page = statements.members_with(LARGE, 0, 9, is_flat=False)
    with engine.connect() as conn:
        assert Reader(conn).value(statements.count(LARGE, 9)) == 1
        assert Reader(conn).page(page) == [(1, 1, 2), (1, 2, 2)]


def test_a_prefetched_read_runs_no_statement(engine):
    worlds.store(engine, CLOUD)
    with engine.connect() as conn:
        batches = Batches()
        with recorded() as sent:
            prefetched = Reader(conn, Prefetch(VALUES[:4], PAGE), batches)
            for read in VALUES[:4]:
                prefetched.value(read)
            prefetched.page(PAGE)
        assert len(sent) == 1
        with recorded() as sent:
            prefetched.value(VALUES[5])
            prefetched.value(VALUES[5])
        assert len(sent) == 1


def test_a_batch_is_compiled_once_for_all_values(engine, monkeypatch):
    worlds.store(engine, CLOUD)
    compiled = []
    monkeypatch.setattr(
        reader, "batch_of", lambda *given: compiled.append(1) or _batch_of(*given)
    )
    batches = Batches()
    with engine.connect() as conn:
        for one, other in itertools.permutations("abcd", 2):
            found = Reader(conn, Prefetch((named(one), named(other))), batches)
            assert found.value(named(one)) == Reader(conn).value(named(one))
            assert found.value(named(other)) == Reader(conn).value(named(other))

    assert len(compiled) == 1


_batch_of = reader.batch_of


def test_batches_of_other_reads_are_other_statements(engine):
    worlds.store(engine, CLOUD)
    batches = Batches()
    with engine.connect() as conn:
        for values in itertools.permutations(VALUES[:4], 2):
            found = Reader(conn, Prefetch(values), batches)
            for read in values:
                assert found.value(read) == Reader(conn).value(read)


def test_another_page_than_the_prefetched_one_is_read(engine):
    worlds.store(engine, CLOUD)
    other = statements.members_after(1, 10)
    with engine.connect() as conn:
        prefetched = Reader(conn, Prefetch(VALUES[:1], PAGE), Batches())

        assert prefetched.page(other) == Reader(conn).page(other)
        assert prefetched.first_page == other
        assert not prefetched.has_read_more

        prefetched.page(PAGE)
        assert prefetched.has_read_more


def test_without_a_snapshot_only_the_batch_can_be_used(engine):
    worlds.store(engine, CLOUD)
    with engine.connect() as conn:
        batch = Reader(conn, Prefetch(VALUES[:2], PAGE), Batches(), only_batch=True)

        assert batch.value(VALUES[1]) is not None
        assert batch.page(PAGE)
        with pytest.raises(SnapshotRequiredError):
            batch.value(VALUES[2])
        with pytest.raises(SnapshotRequiredError):
            batch.page(statements.members_after(1, 10))
        with pytest.raises(SnapshotRequiredError):
            batch.conn.execute(sa.select(1))


def test_details_come_for_newer_revisions_only(engine):
    worlds.store(engine, CLOUD)
    with engine.begin() as conn:
        conn.execute(sa.text("UPDATE resource_providers SET revision = 5 WHERE id = 2"))
    with engine.connect() as conn:
        if not reader.has_fast_batches(conn):
            pytest.skip("details are for PostgreSQL only")
        found = Reader(conn, Prefetch(VALUES[:1], PAGE, newest=4), Batches())

        assert found.details.keys() == {2}
        assert found.page(PAGE) == Reader(conn).page(PAGE)


@drawn_worlds
@hypothesis.seed(SEED)
@hypothesis.given(seed=SEEDS, newest=st.sampled_from([0, 1, 5]))
def test_prefetched_details_give_the_same_snapshots(engine, seed, newest):
    providers = worlds.Drawn(seed).providers()
    revisions = {one.name: number % 3 for number, one in enumerate(providers)}
    worlds.store(engine, providers, revisions=revisions)
    cache = TreeCache(2**20)

    def snapshots(conn, prefetch):
        found = Reader(conn, prefetch, Batches())
        sharing_trait_id = worlds.TRAITS[SHARING]
        read = SnapshotReader(found, Names(), cache, sharing_trait_id)
        return found, {
            id_: [getattr(one, name) for name in one.__slots__]
            for id_, one in read.read(found.page(PAGE), {}).items()
        }

    with engine.connect() as conn:
        found, with_details = snapshots(conn, Prefetch(VALUES[:1], PAGE, newest))
        _, one_by_one = snapshots(conn, Prefetch(()))
        is_fast = reader.has_fast_batches(conn)

    assert with_details == one_by_one
    assert len(with_details) == len(providers)
    newer = {id_ for _, id_, revision in found.page(PAGE) if revision > newest}
    assert found.details.keys() == (newer if is_fast else set())


QUERIES = {
    "a page": "resources=VCPU:1&limit=2",
    "all": "resources=VCPU:1,MEMORY_MB:1",
    "none has room": "resources=VCPU:9&limit=5",
    "in_tree": f"resources=VCPU:1&in_tree={worlds.uuid_of('h1')}",
    "an aggregate": f"resources=VCPU:1&member_of={worlds.uuid_of('A')}",
    "a trait": "resources=VCPU:1&required=CUSTOM_T1",
    "a forbidden trait": "resources=VCPU:1&required=!CUSTOM_T2",
    "root_required": "resources=VCPU:1&root_required=CUSTOM_T1",
    "groups": "resources=VCPU:1&resources1=VCPU:2&resources2=MEMORY_MB:1"
    "&group_policy=none",
}


@pytest.mark.parametrize("query", QUERIES)
def test_a_repeated_search_without_changes_is_one_statement(engine, query):
    cloud = flat_cloud(30)
    for index, provider in enumerate(cloud):
        provider.aggregates = frozenset("A" if index < 3 else "B")
        provider.traits = frozenset(["CUSTOM_T1"] if index % 2 else [])
    worlds.store(engine, cloud)
    context = worlds.context_of(engine)
    query = QUERIES[query]
    before = worlds.ask(context, query)
    for _ in range(2):
        assert worlds.ask(context, query) == before

    with recorded() as sent:
        assert worlds.ask(context, query) == before
    assert len(sent) == 1

    worlds.change(engine, ids=range(1, 31))
    for _ in range(2):
        assert worlds.ask(context, query) == before


def test_searches_for_other_amounts_use_the_same_batch(engine):
    worlds.store(engine, flat_cloud(30))
    context = worlds.context_of(engine)
    for amount in (5, 5, 4):
        worlds.ask(context, f"resources=VCPU:{amount}&limit=5")

    with recorded() as sent:
        worlds.ask(context, "resources=VCPU:3&limit=5")

    assert len(sent) == 1


@drawn_worlds
@hypothesis.seed(SEED)
@hypothesis.given(seed=SEEDS, limit=st.sampled_from(["", "&limit=1", "&limit=3"]))
def test_answers_are_the_same_without_prefetching(engine, seed, limit):
    providers, question = worlds.draw(seed)
    worlds.store(engine, providers)
    query = f"{worlds.query_of(question)}{limit}"
    context = worlds.context_of(engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search._Search, "_prefetch", lambda _self: Prefetch(()))
        expected = worlds.ask(context, query)
        assert worlds.ask(context, query) == expected

    context = worlds.context_of(engine)
    assert [worlds.ask(context, query) for _ in range(4)] == [expected] * 4


@pytest.mark.parametrize("changed", [[1], [2, 3], [1, 2, 3, 4]])
def test_changes_between_two_searches_are_in_the_second(engine, changed):
    worlds.store(engine, flat_cloud(4))
    context = worlds.context_of(engine)
    listed = ",".join(map(str, changed))
    use = "UPDATE inventories SET used = {} WHERE resource_provider_id IN ({})"

    for used in (0, 1, 0, 0, 0, 1, 1, 0):
        worlds.change(engine, use.format(used, listed), ids=changed)
        for _ in range(3):
            found = json.loads(worlds.ask(context, "resources=VCPU:8"))
            expected = 4 - len(changed) if used else 4
            assert len(found["allocation_requests"]) == expected


def test_room_is_found_where_there_was_none(engine):
    worlds.store(engine, flat_cloud(3))
    context = worlds.context_of(engine)
    total = "UPDATE inventories SET total = {0}, max_unit = {0}"

    for units in (8, 9, 8, 9):
        worlds.change(engine, total.format(units), ids=[1, 2, 3])
        for _ in range(3):
            found = json.loads(worlds.ask(context, "resources=VCPU:9"))
            assert len(found["allocation_requests"]) == (0 if units == 8 else 3)


def test_children_are_found_in_a_cloud_that_had_none(engine):
    cloud = flat_cloud(3)
    for provider in cloud:
        provider.aggregates = frozenset("A")
    worlds.store(engine, cloud)
    context = worlds.context_of(engine)
    query = f"resources=VCPU:1&member_of={worlds.uuid_of('A')}&limit=2"
    for _ in range(3):
        found = json.loads(worlds.ask(context, query))
        assert len(found["provider_summaries"]) == 2

    device = Provider("device", "h0", {"CUSTOM_A": Inventory(1)})
    worlds.store(engine, [*cloud, device])

    for _ in range(3):
        found = json.loads(worlds.ask(context, query))
        assert len(found["provider_summaries"]) == 3


def test_revisions_that_are_late_by_now_are_looked_for_once():
    # In microseconds; the times are in seconds.
    first = Since(newest=1_000_000, time=10)
    assert first.revision == 980_000

    soon = first.after(1_000_000, 10.01)
    later = soon.after(1_000_000, 10.03)
    assert soon.revision == 980_000
    assert later.revision == later.after(1_000_000, 10.04).revision == 1_000_000

    changed = later.after(1_000_001, 10.05)
    assert changed.revision == 980_001
    assert changed.after(1_000_001, 10.06) == changed
