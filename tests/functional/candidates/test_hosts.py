"""Ranked picks on each database; on PostgreSQL, most of them are one statement."""

import pytest

from placement.candidates.pick.model import Order
from tests.functional import statements
from tests.unit.candidates import worlds
from tests.unit.candidates.test_hosts import *  # noqa: F403 - its tests
from tests.unit.candidates.test_hosts import LONG, ONE, names_of, pick


def test_a_ranked_pick_reads_only_the_latest_changes(engine, hosts):
    if engine.dialect.name != "postgresql":
        pytest.skip("prefetches with details are for PostgreSQL only")
    worlds.store(engine, hosts, revisions=dict.fromkeys(names_of(hosts), LONG))
    context = worlds.context_of(engine)
    assert pick(context, ONE, order=Order.PACK) == [1]
    # Names are known from now on.
    assert pick(context, ONE, order=Order.PACK) == [1]

    worlds.change(engine, "UPDATE inventories SET used = 1", ids=[1], only_usage=True)
    with statements.recorded() as sent:
        assert pick(context, ONE, order=Order.PACK) == [2]

    assert len(sent) == 1
