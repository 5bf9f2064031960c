"""Picks on each database; on PostgreSQL, most of them are one statement."""

import pytest

from placement.candidates.pick import picker
from placement.candidates.pick.model import Preferences, Wanted
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
            lambda conn: picker.pick(conn, context, wanted, Preferences(), {}),
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
