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


def test_what_is_refused_is_explained_by_what_the_pick_has_read(engine):
    worlds.store(engine, hosts(*[4] * 50))
    context = worlds.context_of(engine)

    def sent_for(amount, by):
        """Return what is sent for a consumer, and the cause if nothing fits."""
        wanted = [Wanted("one", (str(amount),), worlds.request_of(asking(amount)))]
        with statements.recorded() as sent:
            try:
                transaction.read(
                    context, lambda conn: by(conn, context, wanted, Preferences(), {})
                )
            except NothingFitsError as nothing:
                return sent, nothing.explanation.cause
        return sent, None

    for _ in range(2):
        assert sent_for(4, snapshot.pick)[1] is None
    assert sent_for(5, snapshot.pick_or_explain)[1] == "too_large"

    # What has changed at all hosts, and the names of the nearest ones.
    sent, cause = sent_for(6, snapshot.pick_or_explain)
    assert (len(sent), cause) == (2, "too_large")
    if engine.dialect.name == "postgresql":
        # Before them, a page of hosts.
        sent, cause = sent_for(7, snapshot.pick)
        assert (len(sent), cause) == (3, "too_large")
