"""The service behind HAProxy, in front of a primary and its standby."""

import collections.abc
import contextlib
import socket
import threading
from concurrent import futures

import pytest
import sqlalchemy as sa

from tests.functional import invariants
from tests.functional.standby.places import running_pair
from tests.servers import accounts, haproxy, ports, server, standby
from tests.servers.plugin import skip_missing
from tests.stress import steady_claims

pytestmark = pytest.mark.cluster

CLIENTS = 4

# Connections that are opened at the same time, and how often.
AT_ONCE = 8
BURSTS = 5


@pytest.fixture
def pair(
    database_kinds: list[str], pytestconfig: pytest.Config
) -> collections.abc.Iterator[standby.Pair]:
    with running_pair(pytestconfig, database_kinds) as made:
        made.primary.execute("CREATE ROLE haproxy_check LOGIN")
        made.wait_until_equal()
        yield made


@pytest.fixture
def proxy(
    pair: standby.Pair, pytestconfig: pytest.Config
) -> collections.abc.Iterator[haproxy.Proxy]:
    targets = [pair.primary.port, pair.standby.port]
    with contextlib.ExitStack() as stack:
        try:
            made = stack.enter_context(haproxy.running(haproxy.POSTGRESQL, targets))
        except accounts.MissingError as missing:
            skip_missing(pytestconfig, "HAProxy", str(missing))
        yield made


def test_connections_follow_the_promoted_standby_and_stay_there(
    pair: standby.Pair, proxy: haproxy.Proxy
) -> None:
    url = sa.make_url(pair.writing.url()).set(port=proxy.port).render_as_string()
    options = {"placement_database": {"sync_on_startup": "true"}}
    old = pair.primary
    with (
        server.in_process(url, options) as application,
        steady_claims.Claims(application, CLIENTS) as claims,
    ):
        assert proxy.up() == [True, False]
        pair.synchronise()
        claims.wait_for_more()
        old.kill()
        claims.wait_for_failure()
        pair.promote()
        claims.wait_for_more()
        promoted = pair.writing.url()
        # The failed primary is started by mistake, and accepts writes.
        old.start_again()
        old.execute("ALTER SYSTEM RESET synchronous_standby_names")
        old.execute("SELECT pg_reload_conf()")
        proxy.wait_until_up([True, True])
        # A worker that starts now opens new connections.
        with (
            server.in_process(url, options) as started,
            steady_claims.Claims(started, CLIENTS) as later,
        ):
            later.wait_for_more()
            sessions = [proxy.sessions(), *sessions_of_bursts(proxy)]

    assert {to_old for to_old, _ in sessions} == {0}
    assert all(to_promoted > 0 for _, to_promoted in sessions)
    assert set(claims.statuses) == {204, 503}
    assert set(later.statuses) == {204}
    assert not claims.violations(promoted) + later.violations(promoted)
    assert not invariants.violations(promoted)


def sessions_of_bursts(proxy: haproxy.Proxy) -> collections.abc.Iterator[list[int]]:
    """Open connections at the same time, repeatedly; yields the sessions of all."""
    barrier = threading.Barrier(AT_ONCE)

    def connect(_: int) -> socket.socket:
        barrier.wait()
        return socket.create_connection((ports.HOST, proxy.port))

    with (
        futures.ThreadPoolExecutor(AT_ONCE) as threads,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(BURSTS):
            for opened in threads.map(connect, range(AT_ONCE)):
                stack.enter_context(opened)
            yield proxy.sessions()
