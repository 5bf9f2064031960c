"""Requests that picks have read for are kept, up to a part of the cache."""

import pytest

from placement.candidates.pick import known, snapshot
from placement.candidates.pick.model import Preferences, Wanted
from placement.candidates.pick.picker import NothingFitsError
from placement.db import transaction
from tests.unit.candidates import worlds
from tests.unit.candidates.model import Group, Question


def test_requests_keep_to_their_part_of_the_cache(engine):
    worlds.store(engine, worlds.flat_cloud(2))
    context = worlds.context_of(engine, search_cache_megabytes=1)
    request = worlds.request_of(Question([Group("", {"VCPU": 1})]))
    part = 2**20 // 16
    for number in range(200):
        # As if each were another flavor.
        wanted = Wanted("consumer", (f"resources=VCPU:1&number={number}",), request)
        transaction.read(
            context,
            lambda conn, wanted=wanted: snapshot.pick(
                conn, context, [wanted], Preferences(), {}
            ),
        )
        kept = known.requests_of(context)
        assert kept.find(wanted.query) is not None
        assert sum(map(known._size_of, kept.values())) <= part + 8000

    assert 5 < len(kept.values()) < 50


def test_requests_that_nothing_fits_are_not_kept(engine):
    worlds.store(engine, worlds.flat_cloud(2))
    context = worlds.context_of(engine)
    request = worlds.request_of(Question([Group("", {"VCPU": 10_000})]))
    wanted = [Wanted("consumer", ("resources=VCPU:10000",), request)]

    with pytest.raises(NothingFitsError):
        transaction.read(
            context,
            lambda conn: snapshot.pick(conn, context, wanted, Preferences(), {}),
        )

    assert known.requests_of(context).values() == []
