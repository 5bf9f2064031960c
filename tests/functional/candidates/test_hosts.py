"""Ranked picks on each database; on PostgreSQL, most of them are one statement."""

import functools
import threading
from concurrent import futures

import pytest

from placement.candidates.pick.model import Order
from placement.candidates.search import hosts_of
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


class CountedLock:
    """A lock, with the number of those who have come to it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.came = threading.Semaphore(0)

    def __enter__(self):
        self.came.release()
        self.lock.acquire()

    def __exit__(self, *_):
        self.lock.release()


def test_requests_that_wait_share_what_the_first_of_them_reads(engine, hosts):
    context = worlds.context_of(engine)
    worlds.store(engine, hosts, revisions=dict.fromkeys(names_of(hosts), LONG))
    picked = functools.partial(pick, context, ONE, order=Order.PACK)
    assert picked() == [1]
    with statements.recorded() as alone:
        picked()
    worlds.change(engine, "UPDATE inventories SET used = 1", ids=(1,), only_usage=True)
    with statements.recorded() as alone_after_change:
        assert picked() == [2]
    worlds.change(engine, "UPDATE inventories SET used = 2", ids=(2,), only_usage=True)

    lock = hosts_of(context).lock = CountedLock()
    with (
        futures.ThreadPoolExecutor(3) as threads,
        statements.recorded() as together,
    ):
        with lock.lock:
            waiting = [threads.submit(picked) for _ in range(3)]
            for _ in waiting:
                lock.came.acquire()
        assert [each.result() for each in waiting] == [[3]] * 3

    assert len(together) == len(alone_after_change)
    with statements.recorded() as later:
        assert picked() == [3]
    assert len(later) == len(alone)
