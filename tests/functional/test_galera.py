"""Services on different nodes of a Galera cluster act like services on one database."""

import collections
import collections.abc
import contextlib
import itertools
import os
import pathlib
import re
import uuid

import pytest
import sqlalchemy as sa
import webob

from placement import client
from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import readiness
from tests.functional import invariants
from tests.servers import accounts, databases, galera, haproxy, mariadb, server
from tests.servers.plugin import skip_missing
from tests.stress import (
    contended_claims,
    contention,
    last_unit,
    placing,
    placing_races,
    sequential_claims,
    steady_claims,
    test_tree_races,
)

pytestmark = pytest.mark.cluster

ROUNDS = int(os.environ.get("PLACEMENT_TEST_CLUSTER_ROUNDS", "20"))
LAGGING_ROUNDS = 5
BACKLOG_ROWS = 50_000
SECONDS = 90

# The commands that disable and enable a node.
PAGE = pathlib.Path(__file__).parents[2] / "docs" / "databases.md"
DOCUMENTED = re.findall(
    r"^echo '(.+)' \| socat stdio /run/haproxy/placement.sock$",
    PAGE.read_text(),
    re.M,
)


@pytest.fixture(scope="module")
def cluster(
    database_kinds: list[str], pytestconfig: pytest.Config
) -> collections.abc.Iterator[galera.Cluster]:
    if databases.MARIADB not in database_kinds:
        pytest.skip("about MariaDB")
    with contextlib.ExitStack() as stack:
        try:
            made = stack.enter_context(galera.running())
        except accounts.MissingError as missing:
            skip_missing(pytestconfig, "Galera", str(missing))
        yield made


@pytest.fixture(scope="module")
def made(
    cluster: galera.Cluster, tmp_path_factory: pytest.TempPathFactory
) -> databases.MariadbDatabases:
    return databases.MariadbDatabases(tmp_path_factory.mktemp("made"), cluster.nodes[0])


@pytest.fixture
def urls(
    cluster: galera.Cluster, made: databases.MariadbDatabases
) -> collections.abc.Iterator[list[str]]:
    """The URL of a migrated database on each node."""
    with made.new() as url:
        name = sa.make_url(url).database
        assert name is not None
        yield cluster.urls(name)


@pytest.fixture
def proxy(
    cluster: galera.Cluster, pytestconfig: pytest.Config
) -> collections.abc.Iterator[haproxy.Proxy]:
    """HAProxy in front of the nodes; the last one, which tests kill, comes first."""
    cluster.nodes[0].execute(
        "CREATE USER IF NOT EXISTS haproxy_check@'127.0.0.%' "
        "IDENTIFIED VIA mysql_native_password USING ''"
    )
    targets = [node.port for node in reversed(cluster.nodes)]
    with contextlib.ExitStack() as stack:
        try:
            made = stack.enter_context(haproxy.running(haproxy.GALERA, targets))
        except accounts.MissingError as missing:
            skip_missing(pytestconfig, "HAProxy", str(missing))
        made.wait_until_up([True] * galera.NODES)
        yield made


@contextlib.contextmanager
def serving(urls: list[str]) -> collections.abc.Iterator[list[str]]:
    """Run a service on each node; yields their URLs."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(server.processes(url, workers=1, threads=4)).url
            for url in urls
        ]


def test_one_of_several_claims_on_different_nodes_succeeds(
    urls: list[str], cluster: galera.Cluster
) -> None:
    failures = sum(certification_failures(cluster))
    figures = last_unit.run(contention.in_process_services(urls), urls, ROUNDS, seed=1)

    assert not figures.violations, "\n".join(figures.violations)
    assert figures.winners == {1: ROUNDS}
    assert figures.blocked > 0
    # Claims on different nodes have collided.
    assert sum(certification_failures(cluster)) > failures
    for url in urls:
        assert not invariants.violations(url)


def test_contended_claims_on_different_nodes_never_exceed_the_capacity(
    urls: list[str],
) -> None:
    figures = contended_claims.run(
        contention.in_process_services(urls), urls, ROUNDS * 20, seed=1
    )

    assert not figures.violations, "\n".join(figures.violations)
    assert figures.claims["204"] > 0
    assert (
        figures.claims[contended_claims.NO_ROOM]
        > figures.claims[contended_claims.GAVE_UP]
    )


def test_placing_on_different_nodes_breaks_no_group_key_limit_hold_or_state(
    urls: list[str], cluster: galera.Cluster
) -> None:
    failures = sum(certification_failures(cluster))
    services = contention.in_process_services(urls)

    kinds = list(placing_races.KINDS)
    for figures in placing.run(services, urls[0], kinds, ROUNDS // 10, seed=1):
        assert not figures.violations, "\n".join([figures.kind, *figures.violations])

    assert sum(certification_failures(cluster)) > failures
    for url in urls:
        assert not invariants.violations(url)


def certification_failures(cluster: galera.Cluster) -> list[int]:
    """Count the transactions of each node that lost to one of another node."""
    names = ("wsrep_local_cert_failures", "wsrep_local_bf_aborts")
    return [
        sum(int(galera.status(node, name)) for name in names) for node in cluster.nodes
    ]


def test_an_acknowledged_write_is_read_from_the_other_nodes(
    urls: list[str], cluster: galera.Cluster
) -> None:
    database = str(sa.make_url(urls[0]).database)
    cluster.nodes[0].execute(f"CREATE TABLE {database}.work (id INT PRIMARY KEY)")
    with contextlib.ExitStack() as stack:
        writer, *others = (stack.enter_context(client_of(url)) for url in urls)
        for number in range(LAGGING_ROUNDS):
            name = str(uuid.uuid4())
            write_backlog(cluster.nodes[0], database, number)
            writer.create_provider(name, name)
            assert others[0].get_provider(name).generation == 0
            # Reads in a write transaction are just as recent.
            stored = client.Inventories(0, {"VCPU": client.Inventory(total=1)})
            others[1].replace_inventories(name, stored)


def write_backlog(node: mariadb.Server, database: str, number: int) -> None:
    """Commit a large transaction, which takes the other nodes a while to apply."""
    first = number * BACKLOG_ROWS + 1
    last = first + BACKLOG_ROWS - 1
    numbers = f"SELECT seq FROM {database}.seq_{first}_to_{last}"
    node.execute(f"INSERT INTO {database}.work {numbers}")


@contextlib.contextmanager
def client_of(url: str) -> collections.abc.Iterator[client.Client]:
    with server.in_process(url) as application:
        yield client.Client(client.WSGITransport(application))


class Services(test_tree_races.Service):
    """Several services that get requests in turn."""

    def __init__(self, applications: list[server.Application]) -> None:
        super().__init__(applications[0])
        self._services = [test_tree_races.Service(each) for each in applications]
        self._turns = itertools.cycle(self._services)

    def send(self, method: str, path: str, body: object = None) -> webob.Response:
        return next(self._turns).send(method, path, body)


@pytest.mark.parametrize(
    "tree_race",
    [
        test_tree_races.test_concurrent_moves_between_trees_never_make_a_loop,
        test_tree_races.test_concurrent_moves_within_a_tree_never_make_a_loop,
        test_tree_races.test_a_child_created_during_a_move_moves_with_its_parent,
        test_tree_races.test_a_parent_is_deleted_or_gets_a_child,
        test_tree_races.test_a_class_is_deleted_or_gets_an_inventory,
        test_tree_races.test_a_provider_is_deleted_or_claimed,
    ],
)
def test_conflicting_changes_on_different_nodes_are_sequential(
    tree_race: collections.abc.Callable[[Services, str], None], urls: list[str]
) -> None:
    with contextlib.ExitStack() as stack:
        applications = [stack.enter_context(server.in_process(url)) for url in urls]
        tree_race(Services(applications), urls[0])


def test_an_isolated_node_is_unavailable_until_it_is_synced(
    cluster: galera.Cluster, urls: list[str]
) -> None:
    with client_of(urls[2]) as api:
        api.ensure_trait("CUSTOM_A")
        with cluster.cut_off(2):
            for ask in (lambda: api.has_trait("CUSTOM_A"), _ensures(api, "CUSTOM_B")):
                with pytest.raises(client.Unavailable):
                    ask()
            checks = readiness_of(urls[2])
            assert checks["galera"] == "the node is not synced with its cluster"
            assert checks["database"] is None

        assert set(readiness_of(urls[2]).values()) == {None}
        assert api.has_trait("CUSTOM_A")
        assert not api.has_trait("CUSTOM_B")
        assert api.ensure_trait("CUSTOM_B")


def test_behind_a_proxy_claims_go_on_at_another_node_and_stay_there(
    cluster: galera.Cluster, urls: list[str], proxy: haproxy.Proxy
) -> None:
    url = sa.make_url(urls[0]).set(port=proxy.port).render_as_string(False)
    with (
        server.in_process(url) as application,
        steady_claims.Claims(application, threads=4) as claims,
    ):
        claims.wait_for_more()
        assert [number > 0 for number in proxy.sessions()] == [True, False, False]
        # The node runs, but takes no work.
        with cluster.cut_off(2):
            proxy.wait_until_up([False, True, True])
            claims.wait_for_more()
        proxy.wait_until_up([True, True, True])
        # A worker that starts now opens new connections.
        with (
            server.in_process(url) as started,
            steady_claims.Claims(started, threads=4) as later,
        ):
            later.wait_for_more()
            assert [number > 0 for number in proxy.sessions()] == [False, True, False]

        # Maintenance of the node that has the connections now.
        disable, enable = (each.replace("node-1", "node-2") for each in DOCUMENTED)
        assert proxy.admin(disable) == "\n"
        claims.wait_for_more()
        assert [number > 0 for number in proxy.sessions()] == [True, False, False]
        assert proxy.admin(enable) == "\n"
        proxy.wait_until_up([True, True, True])
        claims.wait_for_more()
        assert [number > 0 for number in proxy.sessions()] == [True, False, False]

    assert set(claims.statuses) <= {204, 503}
    assert set(later.statuses) == {204}
    for each in urls:
        assert not claims.violations(each) + later.violations(each)
        assert not invariants.violations(each)


def readiness_of(url: str) -> readiness.Findings:
    settings = DatabaseSettings(url)
    return readiness.Readiness(engines.create_engine(settings), settings).check()


def _ensures(api: client.Client, name: str) -> collections.abc.Callable[[], bool]:
    return lambda: api.ensure_trait(name)


def test_a_crashed_node_loses_nothing_and_rejoins(
    cluster: galera.Cluster, urls: list[str], proxy: haproxy.Proxy
) -> None:
    hosts = [str(uuid.uuid4()) for _ in urls]
    with client_of(urls[0]) as api:
        for host in hosts:
            api.create_provider(host, host)
            offer = client.Inventory(total=1_000_000)
            api.replace_inventories(host, client.Inventories(0, {"VCPU": offer}))

    proxied = sa.make_url(urls[2]).set(port=proxy.port).render_as_string(False)
    with (
        serving(urls) as services,
        server.in_process(proxied) as behind_proxy,
        steady_claims.Claims(behind_proxy, threads=2) as through_proxy,
        contextlib.ExitStack() as stack,
    ):
        loads = [
            stack.enter_context(sequential_claims.Claims(service, host))
            for service, host in zip(services, hosts, strict=True)
        ]
        for load in (*loads, through_proxy):
            load.wait_for_more()
        cluster.kill(2)
        for load in (*loads[:2], through_proxy):
            load.wait_for_more()
        cluster.rejoin(2)
        # Its service reconnects by itself.
        for load in loads:
            load.wait_for_more()

    for load in loads[:2]:
        assert set(load.statuses) == {204}
    assert set(loads[2].statuses) == {204, 503}
    assert not any(load.violations for load in loads)
    acknowledged = {consumer for load in loads for consumer in load.acknowledged}
    found = [consumers_in(url) for url in urls]
    assert found[0] >= acknowledged
    assert found == [found[0]] * galera.NODES
    for url in urls:
        assert not through_proxy.violations(url)
        assert not invariants.violations(url)


def consumers_in(url: str) -> set[str]:
    engine = sa.create_engine(url)
    with engine.connect() as conn:
        conn.execute(sa.text("SET SESSION wsrep_sync_wait = 1"))
        found = set(conn.scalars(sa.text("SELECT consumer_id FROM allocations")))
    engine.dispose()
    return found
