"""Searches that begin with a known page, of which PostgreSQL sends the changes only."""

import random
import time

import hypothesis
import pytest

from placement.candidates import search
from tests.functional import statements
from tests.unit.candidates import worlds
from tests.unit.candidates.test_hosts import LONG, Cloud, drawn_question
from tests.unit.candidates.test_search import SEED, SEEDS, WORLDS, drawn_worlds


@pytest.fixture(autouse=True)
def _only_postgresql(engine):
    if engine.dialect.name != "postgresql":
        pytest.skip("other databases send all rows of a page")


def known_pages(context):
    return search.cache_of(context).pages.values()


# Each example stores several worlds.
@hypothesis.settings(drawn_worlds, max_examples=max(1, WORLDS // 5))
@hypothesis.seed(SEED)
@hypothesis.given(seed=SEEDS)
def test_known_pages_follow_every_change(engine, seed):
    rng = random.Random(seed)
    cloud = Cloud(rng)
    context = worlds.context_of(engine)
    for _ in range(5):
        worlds.store(engine, cloud.hosts, revisions=cloud.revisions)
        for limit in ("", "&limit=2", "&limit=3"):
            query = worlds.query_of(drawn_question(rng)) + limit
            expected = worlds.ask(worlds.context_of(engine), query)
            for _ in range(2):
                assert worlds.ask(context, query) == expected
        cloud.step()
    used = [known for known in known_pages(context) if known.page.arrays is not None]
    hypothesis.event("some" if used else "none")


LATER = "UPDATE resource_providers SET revision = revision + 1"
QUERY = "resources=VCPU:1&limit=1000"


@pytest.fixture
def context(engine):
    """A process that knows the page of 30 hosts, whose revisions are far apart."""
    hosts = worlds.flat_cloud(30)
    revisions = {one.name: LONG * n for n, one in enumerate(hosts, start=1)}
    worlds.store(engine, hosts, revisions=revisions)
    made = worlds.context_of(engine)
    for _ in range(3):
        worlds.ask(made, QUERY)
    return made


def test_of_a_known_page_only_changed_rows_are_read(engine, context):
    used = "UPDATE inventories SET used = 1 WHERE resource_provider_id = 30"
    worlds.change(engine, used, ids=[30], only_usage=True)

    with statements.recorded() as sent:
        found = worlds.ask(context, QUERY)

    assert len(sent) == 1
    assert "WITH summary AS" in sent[0]
    assert found == worlds.ask(worlds.context_of(engine), QUERY)


def test_of_a_page_that_was_unchanged_for_long_nothing_is_read_again(
    context, monkeypatch
):
    (known,) = known_pages(context)
    later = time.monotonic() + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    found = worlds.ask(context, QUERY)

    (settled,) = known_pages(context)
    assert settled.since.revision == known.since.newest
    assert worlds.ask(context, QUERY) == found


@pytest.mark.parametrize(
    "sql",
    [
        # A commit that comes late: its revision is older than others on the page.
        f"{LATER} WHERE id IN (3, 5)",
        f"{LATER} WHERE id IN (1, 2, 3, 4, 5)",
        f"{LATER}, parent_provider_id = 1, root_provider_id = 1 WHERE id IN (3, 5)",
    ],
)
def test_what_the_changes_do_not_show_is_found_by_the_sums(engine, context, sql):
    used = "UPDATE inventories SET used = 7 WHERE resource_provider_id IN (3, 5)"
    worlds.change(engine, used, sql)

    assert worlds.ask(context, QUERY) == worlds.ask(worlds.context_of(engine), QUERY)


@pytest.mark.parametrize("child", [2, 30])
def test_a_host_that_becomes_a_child_is_found_in_its_tree(engine, context, child):
    newest = LONG * 100
    worlds.change(
        engine,
        f"UPDATE resource_providers SET revision = {newest}, parent_provider_id = 1, "
        f"root_provider_id = 1 WHERE id = {child}",
    )

    found = worlds.ask(context, QUERY)

    assert found == worlds.ask(worlds.context_of(engine), QUERY)
    assert b'"parent_provider_uuid":"' in found


@pytest.mark.parametrize("gone", [1, 15, 30])
def test_a_deleted_host_is_not_found(engine, context, gone):
    worlds.change(
        engine,
        f"DELETE FROM inventories WHERE resource_provider_id = {gone}",
        f"DELETE FROM resource_providers WHERE id = {gone}",
    )

    assert worlds.ask(context, QUERY) == worlds.ask(worlds.context_of(engine), QUERY)


def test_a_renamed_class_is_shown_by_its_new_name(engine):
    (host,) = worlds.flat_cloud(1)
    host.inventory["CUSTOM_A"] = host.inventory["VCPU"]
    worlds.store(engine, [host])
    context = worlds.context_of(engine)
    for _ in range(3):
        worlds.ask(context, QUERY)

    worlds.change(
        engine,
        "UPDATE resource_classes SET name = 'CUSTOM_NEW' WHERE name = 'CUSTOM_A'",
        "UPDATE placement_name_changes SET revision = revision + 1",
    )
    found = worlds.ask(context, QUERY)
    worlds.change(
        engine,
        "UPDATE resource_classes SET name = 'CUSTOM_A' WHERE name = 'CUSTOM_NEW'",
        "UPDATE placement_name_changes SET revision = revision + 1",
    )

    assert b"CUSTOM_NEW" in found
