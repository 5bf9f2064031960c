"""Picks on each database; on PostgreSQL, most of them are one statement."""

import pytest

from placement.candidates.pick import snapshot
from placement.candidates.pick.model import Preferences, Wanted
from placement.candidates.pick.picker import NothingFitsError
from placement.db import transaction
from tests.functional import statements
from tests.unit.candidates import worlds
from tests.unit.candidates.test_pick import *  # noqa: F403 - its tests
from tests.unit.candidates.test_pick import asking, hosts


def test_a_pick_reads_one_page_with_the_latest_changes(engine):
    if engine.dialect.name != "postgresql":
        pytest.skip("prefetches with details are for PostgreSQL only")
    worlds.store(engine, hosts(*[4] * 50))
    context = worlds.context_of(engine)
    request = worlds.request_of(asking(1))

    def pick(consumer):
        wanted = [Wanted(consumer, ("one",), request)]
        return transaction.read(
            context,
            lambda conn: snapshot.pick(conn, context, wanted, Preferences(), {}),
        )

    (first,) = pick("consumer")
    worlds.change(
        engine,
        f"UPDATE inventories SET used = 4 WHERE resource_provider_id = {first.root_id}",
        ids=[first.root_id],
        only_usage=True,
    )
    with statements.recorded() as sent:
        (second,) = pick("consumer")

    assert len(sent) == 1
    assert second.root_id != first.root_id


@pytest.fixture
def picking(engine):
    """Return what picks a host by ``pick`` on 50 hosts with 4 units.

    It returns the pick, or the cause why nothing fits, and the statements sent.
    """
    worlds.store(engine, hosts(*[4] * 50))
    context = worlds.context_of(engine)

    def sent_for(amount, pick=snapshot.pick):
        wanted = [Wanted("one", (str(amount),), worlds.request_of(asking(amount)))]
        with statements.recorded() as sent:
            try:
                (found,) = transaction.read(
                    context, lambda conn: pick(conn, context, wanted, Preferences(), {})
                )
            except NothingFitsError as nothing:
                found = nothing.explanation.cause
        return found, sent

    for _ in range(2):
        sent_for(4)
    # All hosts are read here.
    assert sent_for(5, snapshot.pick_or_explain)[0] == "too_large"
    return sent_for


def _change_unit_count(engine, root_id, column, value):
    worlds.change(
        engine,
        f"UPDATE inventories SET {column} = {value}"
        f" WHERE resource_provider_id = {root_id}",
        ids=[root_id],
        only_usage=column == "used",
    )


def test_what_is_refused_is_explained_by_what_the_pick_has_read(picking):
    found, sent = picking(6)

    # What has changed at all hosts, and the names of the nearest ones.
    assert (found, len(sent)) == ("too_large", 2)


def test_what_no_host_had_room_for_is_picked_where_it_fits_now(engine, picking):
    _change_unit_count(engine, 7, "total", 6)
    _change_unit_count(engine, 7, "max_unit", 6)

    found, sent = picking(6)

    assert found.root_id == 7
    if engine.dialect.name == "postgresql":
        assert len(sent) == 1


def test_what_a_host_had_room_for_is_refused_when_it_is_full(engine, picking):
    if engine.dialect.name != "postgresql":
        pytest.skip("other databases explain in a second transaction")
    for root_id in range(1, 51):
        _change_unit_count(engine, root_id, "used", 2)

    found, sent = picking(4)

    # A page of hosts, then all that has changed, and the names.
    assert (found, len(sent)) == ("full", 3)


def test_a_pick_with_room_on_the_first_page_does_not_compare_all_hosts(engine, picking):
    if engine.dialect.name != "postgresql":
        pytest.skip("picks are single statements on PostgreSQL only")
    found, sent = picking(4)

    assert found.root_id
    assert [sql for sql in sent if "sum(" in sql.lower()] == []
    assert len(sent) == 1
