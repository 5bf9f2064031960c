"""What is asked at once is what would be asked one after the other."""

import contextlib
import json

import pytest
import sqlalchemy as sa

from placement.candidates import find, select
from placement.candidates.foresight import FACTS_MAX, Foresight, Reader, Texts
from placement.db import engine as engines
from placement.db import postgresql
from tests.functional import statements
from tests.unit.candidates import worlds
from tests.unit.candidates.model import Inventory, Provider
from tests.unit.candidates.test_find import flat_cloud, nested_cloud
from tests.unit.candidates.test_memory import REVISION

NOBODY_HAS = {"sharing_trait_id": 9_999}
PAGE = {"after": 0, "size": 4}


@pytest.fixture
def conn(engine):
    worlds.store(engine, nested_cloud(3))
    with engine.connect() as conn:
        yield conn


def ask(reader):
    """Ask what several searches begin with; the same fact for two values, too."""
    stored = select.any_sharing(), {"sharing_trait_id": 1}
    return (
        reader.names_revision(),
        reader.fact(*stored),
        reader.fact(select.any_sharing(), NOBODY_HAS),
        reader.fact(select.any_nested()),
        reader.page(select.members_after(), PAGE),
    )


def test_one_statement_brings_what_was_asked_before(conn):
    first = Reader(conn)
    answers = ask(first)
    foresight = first.foresight("found", 1)
    assert len(answers[-1]) == 4
    assert answers[-1] == sorted(answers[-1])

    with statements.recorded() as sent:
        again = Reader(conn, foresight, Texts())
        assert ask(again) == answers

    assert len(sent) == 1
    assert again.finds_as_before(foresight)
    assert again.foresight("found", 1) == foresight


def test_it_says_what_is_so_now(conn):
    first = Reader(conn)
    before = ask(first)
    foresight = first.foresight("found", 1)
    conn.execute(sa.text(REVISION.format(2)))
    conn.execute(sa.text("UPDATE placement_name_changes SET revision = 77"))

    now = Reader(conn, foresight, Texts())

    assert not now.finds_as_before(foresight)
    assert ask(now) == ask(Reader(conn)) != before
    assert now.names_revision() == 77


CHANGES = {
    "a row": [REVISION.format(2)],
    "a fact": ["UPDATE placement_name_changes SET revision = revision + 1"],
    "nothing": [],
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_answer_is_as_before_if_all_is(conn, change):
    first = Reader(conn)
    ask(first)
    foresight = first.foresight("found", 1)
    for statement in CHANGES[change]:
        conn.execute(sa.text(statement))

    now = Reader(conn, foresight, Texts())

    assert now.finds_as_before(foresight) == (change == "nothing")


def test_what_is_not_foreseen_is_asked(conn):
    first = Reader(conn)
    first.names_revision()
    foresight = first.foresight("found", 1)

    more = Reader(conn, foresight, Texts())

    assert ask(more) == ask(Reader(conn))


@pytest.mark.parametrize("more", ["a page", "a fact", "something else"])
def test_an_answer_for_which_more_was_asked_is_not_kept(conn, more):
    reader = Reader(conn)
    ask(reader)
    if more == "a page":
        reader.page(select.members_after(), {"after": 4, "size": 4})
    elif more == "a fact":
        for trait_id in range(FACTS_MAX):
            reader.fact(select.any_sharing(), {"sharing_trait_id": 10_000 + trait_id})
    else:
        reader.others()

    foresight = reader.foresight("found", 1)

    assert foresight.answer is None
    assert not Reader(conn, foresight, Texts()).finds_as_before(foresight)


def test_another_page_can_be_expected(conn):
    reader = Reader(conn)
    ask(reader)
    other = select.members_after(), {"after": 4, "size": 3}
    reader.expect_page(*other)

    foresight = reader.foresight("found", 1)

    assert foresight.answer is None
    with statements.recorded() as sent:
        foreseen = Reader(conn, foresight, Texts()).page(*other)
    assert len(sent) == 1
    assert foreseen == Reader(conn).page(*other)


def test_what_was_never_asked_is_nothing_as_before(conn):
    asked_nothing = Foresight({}, (select.members_after(), ()), [], "found")

    assert not Reader(conn, asked_nothing, Texts()).finds_as_before(asked_nothing)


QUESTIONS = {
    "nobody": "resources=VCPU:9&limit=5",
    "in_tree": f"resources=VCPU:1&in_tree={worlds.uuid_of('h1')}",
    "of an aggregate": f"resources=VCPU:1&member_of={worlds.uuid_of('A')}",
    "a page": "resources=VCPU:1&limit=2",
    "custom names": "resources=VCPU:1&required=!CUSTOM_T1",
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_search_without_news_is_one_statement(engine, question):
    cloud = flat_cloud(30)
    for index, provider in enumerate(cloud):
        provider.aggregates = frozenset("A" if index < 3 else "B")
    worlds.store(engine, cloud)
    context = worlds.context_of(engine)
    query = QUESTIONS[question]
    before = worlds.ask(context, query)
    for _ in range(3):
        assert worlds.ask(context, query) == before

    with statements.recorded() as sent:
        assert worlds.ask(context, query) == before
    assert len(sent) == 1
    asked = worlds.parse(query, worlds.LATEST)
    assert find.find(context, asked) is find.find(context, asked)

    # All have changed, and what they have is what they had.
    with engine.begin() as conn:
        conn.execute(sa.text("UPDATE resource_providers SET revision = revision + 1"))
    for _ in range(3):
        assert worlds.ask(context, query) == before


@pytest.mark.parametrize("able", [{1, 2}, {0, 3}, {0, 1, 5, 6}, {*range(4, 9)}])
def test_what_is_rare_is_soon_found_on_the_first_page(engine, able):
    """However those that have room are spread among those of an aggregate."""
    cloud = flat_cloud(700)
    for index, provider in enumerate(cloud):
        provider.aggregates = frozenset("AB" if index % 7 == 0 else "B")
        if index // 70 not in able:
            provider.inventory = {}
    worlds.store(engine, cloud)
    context = worlds.context_of(engine)
    query = f"resources=VCPU:1&member_of={worlds.uuid_of('A')}&limit=18"
    asked = worlds.parse(query, worlds.LATEST)
    for _ in range(5):
        assert len(find.find(context, asked).requests) == 18

    assert find.find(context, asked) is find.find(context, asked)


def test_news_between_two_searches_are_found_by_the_second(engine):
    """Also by one that has asked for all at once, outside of its snapshot."""
    worlds.store(engine, flat_cloud(4))
    context = worlds.context_of(engine)
    query = "resources=VCPU:8"
    use = "UPDATE inventories SET used = {} WHERE resource_provider_id = 2"

    for used in (0, 1, 0, 0, 0, 0, 1, 1, 0):
        with engine.begin() as conn:
            conn.execute(sa.text(use.format(used)))
            if used:
                conn.execute(sa.text(REVISION.format(2)))
            conn.execute(sa.text(REVISION.format(2)))
        for _ in range(4):
            found = json.loads(worlds.ask(context, query))["allocation_requests"]
            assert len(found) == 4 - used


def test_news_while_all_is_asked_at_once_are_found_in_one_snapshot(engine, monkeypatch):
    if engine.dialect.name != "postgresql":
        pytest.skip("all is asked in the snapshot")
    worlds.store(engine, flat_cloud(3))
    context = worlds.context_of(engine)
    query = "resources=VCPU:1"
    for _ in range(3):
        worlds.ask(context, query)

    def use(used, ids):
        of_some = f"UPDATE inventories SET used = {used} WHERE resource_provider_id IN "
        with engine.begin() as conn:
            conn.execute(sa.text(f"{of_some} ({ids})"))
            conn.execute(sa.text(REVISION.format(ids)))

    alone = postgresql.autocommit

    @contextlib.contextmanager
    def interrupted(conn):
        with alone(conn) as is_alone:
            yield is_alone
        use(2, "1, 2")

    monkeypatch.setattr(postgresql, "alone", interrupted)
    use(1, "1")

    told = json.loads(worlds.ask(context, query))["provider_summaries"]
    assert [one["resources"]["VCPU"]["used"] for one in told.values()] == [2, 2, 0]


def test_somebody_is_found_where_nobody_was(engine):
    worlds.store(engine, flat_cloud(3))
    context = worlds.context_of(engine)
    total = "UPDATE inventories SET total = {0}, max_unit = {0}"

    for able in (8, 9, 8, 9):
        with engine.begin() as conn:
            conn.execute(sa.text(total.format(able)))
            conn.execute(sa.text(REVISION.format("1, 2, 3")))
        for _ in range(4):
            found = json.loads(worlds.ask(context, "resources=VCPU:9"))
            assert len(found["allocation_requests"]) == (0 if able == 8 else 3)


def test_after_a_statement_alone_a_transaction_is_a_snapshot(engine):
    if engine.dialect.name != "postgresql":
        pytest.skip("is about PostgreSQL")
    show = sa.text("SELECT current_setting('transaction_isolation')")
    began = sa.text("SELECT now() = statement_timestamp()")
    for _ in range(2):
        with engine.connect() as fresh:
            conn = engines.for_reading(fresh)
            with postgresql.autocommit(conn) as is_alone:
                assert is_alone
                assert conn.scalar(show) == "read committed"
                assert conn.scalar(began)
            assert conn.scalar(show) == "repeatable read"
            assert not conn.scalar(began)
        with engine.begin() as conn:
            assert conn.scalar(show) == "read committed"
            conn.execute(sa.text(REVISION.format(1)))


def test_nested_providers_are_found_where_there_were_none(engine):
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
