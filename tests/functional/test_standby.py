"""Reads from a standby return what the primary would return, also during failures."""

import collections
import collections.abc
import contextlib
import dataclasses
import itertools
import os
import threading
import time
import types
import typing
import uuid

import pytest
import sqlalchemy as sa
import webob

from placement import client
from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import replica, transaction
from tests.functional import invariants
from tests.functional.connection import Connection
from tests.servers import accounts, databases, postgresql, server, standby
from tests.servers.plugin import skip_missing
from tests.stress import crashes

FAILOVERS = int(os.environ.get("PLACEMENT_TEST_FAILOVERS", "3"))

# Time of concurrent writes and reads.
LOAD_SECONDS = 4
WRITERS, READERS = 2, 3
SECONDS = 60

# Repetitions of what a defective service may do right by chance.
TIMES = 20

# The units of a host that is contended.
SCARCE = 10

AMOUNTS = {"VCPU": 2, "MEMORY_MB": 512}
OFFER = {"VCPU": client.Inventory(total=64), "MEMORY_MB": client.Inventory(total=65536)}
PROJECT = str(uuid.UUID(int=1))
USER = str(uuid.UUID(int=2))
AGGREGATE = str(uuid.UUID(int=3))


class Place(typing.NamedTuple):
    """A service in this process, and its servers."""

    pair: standby.Pair
    api: client.Client
    application: server.Application


@contextlib.contextmanager
def running_pair(
    config: pytest.Config, kinds: list[str], durable: bool = False
) -> collections.abc.Iterator[standby.Pair]:
    if databases.POSTGRESQL not in kinds:
        pytest.skip("about PostgreSQL")
    with contextlib.ExitStack() as stack:
        try:
            pair = stack.enter_context(standby.running(durable))
        except accounts.MissingError as missing:
            skip_missing(config, databases.POSTGRESQL, str(missing))
        yield pair


@pytest.fixture(scope="module")
def shared_pair(
    database_kinds: list[str], pytestconfig: pytest.Config
) -> collections.abc.Iterator[standby.Pair]:
    """Servers for all tests that do not stop or promote one."""
    with running_pair(pytestconfig, database_kinds) as pair:
        yield pair


@pytest.fixture
def place(shared_pair: standby.Pair) -> collections.abc.Iterator[Place]:
    with serving(shared_pair) as served:
        yield served


@pytest.fixture
def own_place(
    database_kinds: list[str], pytestconfig: pytest.Config
) -> collections.abc.Iterator[Place]:
    """A service on servers of its own, which the test may stop or promote."""
    with running_pair(pytestconfig, database_kinds) as pair, serving(pair) as served:
        yield served


def options(pair: standby.Pair) -> dict[str, dict[str, object]]:
    return {
        "placement_database": {
            "slave_connection": pair.reading.url(),
            "sync_on_startup": "true",
        }
    }


@contextlib.contextmanager
def serving(pair: standby.Pair) -> collections.abc.Iterator[Place]:
    with server.in_process(pair.writing.url(), options(pair)) as application:
        pair.wait_until_equal()
        api = client.Client(client.WSGITransport(application))
        yield Place(pair, api, application)


@contextlib.contextmanager
def counted(place: Place) -> collections.abc.Iterator[collections.Counter[str]]:
    """Count the statements that this thread sends to ``primary`` and ``standby``."""
    names = {
        place.pair.writing.port: "primary",
        place.pair.reading.port: "standby",
    }
    counts: collections.Counter[str] = collections.Counter()
    this_thread = threading.get_ident()

    def note(conn: sa.Connection, *_: object) -> None:
        port = conn.engine.url.port
        if port in names and threading.get_ident() == this_thread:
            counts[names[port]] += 1

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield counts
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


def get(application: server.Application, path: str) -> webob.Response:
    headers = {
        "x-auth-token": "admin",
        "accept": "application/json",
        "openstack-api-version": "placement latest",
    }
    return webob.Request.blank(path, headers=headers).get_response(application)


def add_host(api: client.Client) -> str:
    host = str(uuid.uuid4())
    api.create_provider(host, host)
    api.replace_inventories(host, client.Inventories(0, OFFER))
    return host


def add_consumer(api: client.Client, host: str, vcpus: int = 2) -> str:
    consumer = str(uuid.uuid4())
    wanted = client.AllocationRequest({host: {**AMOUNTS, "VCPU": vcpus}})
    assert api.claim(
        consumer,
        wanted,
        project_id=PROJECT,
        user_id=USER,
        consumer_type="INSTANCE",
    )
    return consumer


def reads(host: str, consumer: str) -> list[str]:
    """Return a path of each operation that only reads."""
    provider = f"/resource_providers/{host}"
    return [
        "/resource_providers",
        "/resource_providers?resources=VCPU:1",
        provider,
        f"{provider}/inventories",
        f"{provider}/inventories/VCPU",
        f"{provider}/usages",
        f"{provider}/aggregates",
        f"{provider}/traits",
        f"{provider}/allocations",
        f"/allocations/{consumer}",
        "/allocation_candidates?resources=VCPU:1,MEMORY_MB:64",
        f"/usages?project_id={PROJECT}",
        "/resource_classes",
        "/resource_classes/VCPU",
        "/traits",
        "/traits/HW_CPU_X86_AVX2",
    ]


def test_reads_use_the_standby(place: Place) -> None:
    host = add_host(place.api)
    consumer = add_consumer(place.api, host)
    place.pair.wait_until_equal()
    with server.in_process(place.pair.writing.url()) as plain:
        for path in reads(host, consumer):
            # Both use their caches in the second request.
            for application in (plain, place.application):
                get(application, path)
            with counted(place) as without:
                expected = get(plain, path)
            with counted(place) as counts:
                answer = get(place.application, path)

            assert (answer.status, answer.body) == (expected.status, expected.body)
            # One statement gets the position of the primary, one checks the standby.
            assert counts == {"primary": 1, "standby": without["primary"] + 1}, path


def test_writes_use_only_the_primary(place: Place) -> None:
    api, host = place.api, add_host(place.api)
    with counted(place) as counts:
        api.update_provider(host, f"{host}-b")
        api.replace_inventories(host, client.Inventories(1, OFFER))
        api.replace_aggregates(host, client.Aggregates(2, frozenset([AGGREGATE])))
        api.delete_allocations(add_consumer(api, host))
        api.delete_inventories(host)
        api.delete_provider(host)

    assert counts["primary"] > 0
    assert counts["standby"] == 0


@contextlib.contextmanager
def paused(cluster: postgresql.Cluster) -> collections.abc.Iterator[None]:
    """Pause the replay of WAL until the block ends."""
    cluster.execute("SELECT pg_wal_replay_pause()")
    cluster.wait_until("pg_get_wal_replay_pause_state() = 'paused'")
    try:
        yield
    finally:
        cluster.execute("SELECT pg_wal_replay_resume()")


@contextlib.contextmanager
def configured(
    cluster: postgresql.Cluster, name: str, value: str
) -> collections.abc.Iterator[None]:
    """Change a setting of a server until the block ends."""
    cluster.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    cluster.execute("SELECT pg_reload_conf()")
    cluster.wait_until(f"current_setting('{name}') = '{value}'")
    try:
        yield
    finally:
        cluster.execute(f"ALTER SYSTEM RESET {name}")
        cluster.execute("SELECT pg_reload_conf()")


def test_a_standby_that_is_behind_is_not_read(place: Place) -> None:
    api, host = place.api, add_host(place.api)
    place.pair.wait_until_equal()
    api.get_provider(host)
    checks = []
    with paused(place.pair.standby):
        for number in range(3):
            name = f"{host}-{number}"
            api.update_provider(host, name)
            with counted(place) as counts:
                assert api.get_provider(host).name == name
            assert counts["primary"] == 2
            checks.append(counts["standby"])

    # The first read waits for it, the next ones do not.
    assert checks == [1 + len(replica.WAITS_SECONDS), 1, 1]
    place.pair.wait_until_equal()
    with counted(place) as counts:
        assert api.get_provider(host).name == name
    assert counts == {"primary": 1, "standby": 2}


def test_a_read_waits_for_a_standby_that_is_milliseconds_behind(place: Place) -> None:
    api, host = place.api, add_host(place.api)
    waited = 0
    with configured(place.pair.standby, "recovery_min_apply_delay", "5ms"):
        for number in range(TIMES):
            name = f"{host}-{number}"
            api.update_provider(host, name)
            with counted(place) as counts:
                assert api.get_provider(host).name == name
            waited += counts["primary"] == 1 and counts["standby"] > 2

    assert waited > 0


def test_asynchronous_commits_are_read(
    shared_pair: standby.Pair,
) -> None:
    """WAL is sent to the standby only after it is flushed."""
    primary = shared_pair.primary
    alter = f"ALTER DATABASE {standby.DATABASE}"
    primary.execute(f"{alter} SET synchronous_commit = off")
    try:
        with (
            configured(primary, "wal_writer_delay", "10s"),
            serving(shared_pair) as place,
        ):
            host = add_host(place.api)
            for number in range(TIMES):
                name = f"{host}-{number}"
                place.api.update_provider(host, name)
                assert place.api.get_provider(host).name == name
    finally:
        primary.execute(f"{alter} RESET synchronous_commit")


@dataclasses.dataclass
class Load:
    """Clients that rename hosts, and others that read the names.

    ``acknowledged`` has the number in the last acknowledged name of each host.
    """

    urls: list[str]
    acknowledged: dict[str, int]
    reads: int = 0
    violations: list[str] = dataclasses.field(default_factory=list)
    stop: threading.Event = dataclasses.field(default_factory=threading.Event)

    def run(self, pair: standby.Pair) -> None:
        """Write and read for a while, with pauses of the standby."""
        hosts = list(self.acknowledged)
        works = [(self._write, hosts[place::WRITERS]) for place in range(WRITERS)]
        works += [(self._read, hosts)] * READERS
        threads = [
            threading.Thread(target=self._run_client, args=(work, mine, url))
            for (work, mine), url in zip(works, itertools.cycle(self.urls))
        ]
        for thread in threads:
            thread.start()
        started = time.monotonic()
        while not self._has_run_enough(time.monotonic() - started):
            with paused(pair.standby):
                time.sleep(0.1)
            time.sleep(0.1)
        self.stop.set()
        for thread in threads:
            thread.join(SECONDS)

    def _has_run_enough(self, seconds: float) -> bool:
        has_all = min(self.acknowledged.values()) > 0 and self.reads > 0
        return seconds > (LOAD_SECONDS if has_all else SECONDS)

    def _run_client(
        self,
        work: collections.abc.Callable[[Connection, str], None],
        hosts: list[str],
        url: str,
    ) -> None:
        try:
            with Connection(url, crashes.VERSION, SECONDS) as api:
                for host in itertools.cycle(hosts):
                    if self.stop.is_set():
                        return
                    work(api, host)
        except Exception as failure:
            self.violations.append(f"a client ended with {failure!r}")

    def _write(self, api: Connection, host: str) -> None:
        number = self.acknowledged[host] + 1
        body = {"name": f"{host}-{number}"}
        api.send("PUT", f"/resource_providers/{host}", body).document()
        self.acknowledged[host] = number

    def _read(self, api: Connection, host: str) -> None:
        known = self.acknowledged[host]
        found = api.send("GET", f"/resource_providers/{host}").document()["name"]
        if int(found.rpartition("-")[2]) < known:
            self.violations.append(f"{found}, but {known} was acknowledged")
        self.reads += 1


def test_every_reader_sees_all_acknowledged_writes(place: Place) -> None:
    pair, hosts = place.pair, [add_host(place.api) for _ in range(4)]
    for host in hosts:
        place.api.update_provider(host, f"{host}-0")
    before = providers_read(pair.standby)
    with contextlib.ExitStack() as stack:
        urls = [
            stack.enter_context(
                server.processes(pair.writing.url(), options=options(pair))
            ).url
            for _ in range(2)
        ]
        load = Load(urls, dict.fromkeys(hosts, 0))
        load.run(pair)

    assert not load.violations, load.violations[:5]
    assert min(load.acknowledged.values()) > 0
    assert load.reads > 0
    # The statistics include sessions that have ended.
    assert providers_read(pair.standby) > before


def providers_read(cluster: postgresql.Cluster) -> int:
    """Count the scans of the table of providers on a server."""
    found: int = cluster.value(
        "sum(seq_scan + idx_scan) FROM pg_stat_user_tables "
        "WHERE relname = 'resource_providers'",
        standby.DATABASE,
    )
    return found


class Clock:
    """The clock of the replica, which advances only on demand."""

    def __init__(self) -> None:
        self._now = 1000.0
        self.sleep = time.sleep

    def monotonic(self) -> float:
        return self._now

    def end_pause(self) -> None:
        """Advance to the end of a pause in which the standby is not used."""
        self._now += replica.PAUSE_SECONDS


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(replica, "time", made)
    return made


def wait_until_used(place: Place, host: str, clock: Clock) -> None:
    """Wait until the standby is read. Raises RuntimeError after a minute."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        clock.end_pause()
        with counted(place) as counts:
            place.api.get_provider(host)
        if counts["standby"] > 1:
            return
        time.sleep(0.05)
    raise RuntimeError("the standby is not used")


def test_the_service_works_while_its_standby_is_down(
    own_place: Place, clock: Clock
) -> None:
    pair, api, host = own_place.pair, own_place.api, add_host(own_place.api)
    wait_until_used(own_place, host, clock)

    pair.standby.kill()
    asked = []
    for number in range(3):
        api.update_provider(host, f"{host}-{number}")
        with counted(own_place) as counts:
            assert api.get_provider(host).name == f"{host}-{number}"
        asked.append(counts["primary"])
    # The connection is lost, a new one is refused, and then the standby is not used.
    assert asked == [2, 2, 1]

    pair.standby.start_again()
    wait_until_used(own_place, host, clock)

    # A read on a connection that a restart has closed succeeds, too.
    pair.standby.stop()
    pair.standby.start_again()
    assert api.get_provider(host).name == f"{host}-2"
    wait_until_used(own_place, host, clock)


def test_a_service_starts_without_its_standby(own_place: Place, clock: Clock) -> None:
    own_place.pair.standby.stop()
    with serving_alone(own_place.pair) as place:
        host = add_host(place.api)
        assert place.api.get_provider(host).name == host
        own_place.pair.standby.start_again()
        wait_until_used(place, host, clock)


@contextlib.contextmanager
def serving_alone(pair: standby.Pair) -> collections.abc.Iterator[Place]:
    with server.in_process(pair.writing.url(), options(pair)) as application:
        yield Place(pair, client.Client(client.WSGITransport(application)), application)


def test_one_reader_waits_for_a_standby_that_does_not_answer(
    place: Place, clock: Clock
) -> None:
    address, host = place.pair.reading, add_host(place.api)
    address.point_at(None)
    try:
        waiting = threading.Thread(target=place.api.get_provider, args=(host,))
        waiting.start()
        deadline = time.monotonic() + SECONDS
        while not address.has_connections:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with counted(place) as counts:
            for _ in range(TIMES):
                assert place.api.get_provider(host).name == host
        waiting.join(SECONDS)
        with counted(place) as counts_later:
            for _ in range(TIMES):
                place.api.get_provider(host)
    finally:
        address.point_at(place.pair.standby.port)

    # The other readers do not get the position that a check of the standby needs.
    assert counts == counts_later == {"primary": TIMES}


def test_a_promoted_standby_is_not_read(own_place: Place, clock: Clock) -> None:
    pair, api, host = own_place.pair, own_place.api, add_host(own_place.api)
    wait_until_used(own_place, host, clock)
    pair.standby.execute("SELECT pg_promote()")
    # Another client writes to it. It has all WAL of the primary.
    engine = sa.create_engine(pair.standby.url(standby.DATABASE))
    with engine.begin() as conn:
        conn.execute(sa.text("UPDATE resource_providers SET name = 'another'"))
    engine.dispose()

    for _ in range(3):
        assert api.get_provider(host).name == host
        clock.end_pause()


def test_a_standby_of_another_cluster_is_not_read(
    place: Place, own_place: Place
) -> None:
    other = own_place.pair
    # Its WAL position is beyond that of the primary.
    for _ in range(3):
        other.primary.execute(f"CREATE TABLE filler_{uuid.uuid4().hex} ()")
        other.primary.execute("SELECT pg_switch_wal()")
    other.wait_until_equal()
    ours = place.pair.primary.value("pg_current_wal_flush_lsn()")
    assert other.standby.value(f"pg_last_wal_replay_lsn() > '{ours}'")

    host = add_host(place.api)
    place.pair.reading.point_at(other.standby.port)
    try:
        assert place.api.get_provider(host).name == host
    finally:
        place.pair.reading.point_at(place.pair.standby.port)


def test_commits_that_a_fail_over_has_lost_are_not_shown(
    own_place: Place, clock: Clock
) -> None:
    """A second standby has commits that the promoted first one does not have.

    Its WAL position is beyond that of the new primary, but on the old timeline.
    """
    pair, api = own_place.pair, own_place.api
    host = add_host(api)
    with postgresql.following(pair.primary, "other", settings=standby.SETTINGS) as more:
        pair.reading.point_at(more.port)
        pair.wait_until_equal()
        pair.standby.stop()
        add_consumer(api, host, vcpus=3)
        pair.primary.execute("SELECT pg_switch_wal()")
        standby.wait_until_equal(pair.primary, more)
        wait_until_used(own_place, host, clock)
        assert vcpus_used(api, host) == (3, 3)

        pair.primary.kill()
        pair.standby.start_again()
        pair.promote()
        add_consumer(api, host, vcpus=5)
        clock.end_pause()

        assert vcpus_used(api, host) == (5, 5)


def vcpus_used(api: client.Client, host: str) -> tuple[int, int]:
    """Return the used VCPUs of a host in its usages and in a search."""
    groups = [client.RequestGroup(resources=AMOUNTS)]
    summary = api.get_candidates(groups).summaries[host]
    return api.get_usages(host).resources["VCPU"], summary.by_class["VCPU"].used


def test_a_standby_at_the_address_of_the_primary_is_unavailable(
    own_place: Place,
) -> None:
    """It may not have replayed all WAL yet."""
    pair, api, host = own_place.pair, own_place.api, add_host(own_place.api)
    pair.wait_until_equal()
    pair.primary.kill()
    pair.writing.point_at(pair.standby.port)

    asks: list[collections.abc.Callable[[], object]] = [
        lambda: api.get_provider(host),
        lambda: api.update_provider(host, "a"),
    ]
    for ask in asks:
        with pytest.raises(client.Unavailable):
            ask()
    # Unless the URL allows any server.
    with reading(f"{pair.writing.url()}?target_session_attrs=any", pair) as context:
        assert transaction.read(context, is_in_recovery)

    pair.promote()
    api.update_provider(host, "a")
    assert api.get_provider(host).name == "a"


def lock_inventories(pair: standby.Pair) -> None:
    """Log a lock on the primary that conflicts with readers of the standby."""
    engine = sa.create_engine(pair.primary.url(standby.DATABASE))
    with engine.begin() as conn:
        conn.execute(sa.text("LOCK TABLE inventories IN ACCESS EXCLUSIVE MODE"))
    engine.dispose()
    pair.wait_until_equal()


def test_a_reader_that_conflicts_with_replay_reads_from_the_primary(
    place: Place,
) -> None:
    """The standby ends its session between two statements."""
    host = add_host(place.api)
    path = f"/allocation_candidates?resources={next(iter(OFFER))}:1"
    place.pair.wait_until_equal()
    get(place.application, f"/resource_providers/{host}")
    met: list[str] = []

    def disturb(conn: sa.Connection, _cursor: object, text: str, *_: object) -> None:
        is_standby = conn.engine.url.port == place.pair.reading.port
        if is_standby and "FROM inventories" in text and not met:
            met.append(text)
            lock_inventories(place.pair)

    with configured(place.pair.standby, "max_standby_streaming_delay", "0"):
        sa.event.listen(sa.Engine, "after_cursor_execute", disturb)
        try:
            with counted(place) as counts:
                answer = get(place.application, path)
        finally:
            sa.event.remove(sa.Engine, "after_cursor_execute", disturb)

    assert met
    # It restarted on the primary.
    assert counts["primary"] > 2
    assert answer.status_int == 200
    assert host in answer.json["provider_summaries"]
    with counted(place) as counts:
        get(place.application, path)
    # The standby is used again immediately.
    assert counts["primary"] == 1
    assert counts["standby"] > 1


def test_a_reader_whose_statement_is_cancelled_reads_from_the_primary(
    place: Place,
) -> None:
    asked: list[bool] = []

    def work(conn: sa.Connection) -> int:
        asked.append(is_in_recovery(conn))
        conn.execute(sa.text("SELECT 1 FROM inventories"))
        if asked[-1]:
            threading.Thread(target=lock_inventories, args=(place.pair,)).start()
            conn.execute(sa.text("SELECT pg_sleep(60)"))
        return len(asked)

    place.pair.wait_until_equal()
    with (
        configured(place.pair.standby, "max_standby_streaming_delay", "0"),
        reading(place.pair.writing.url(), place.pair) as context,
    ):
        assert transaction.read(context, work) == 2

    assert asked == [True, False]


@contextlib.contextmanager
def reading(url: str, pair: standby.Pair) -> collections.abc.Iterator[typing.Any]:
    """Yield a context for transactions that read."""
    settings = DatabaseSettings(url, slave_connection=pair.reading.url())
    engine = engines.create_engine(settings)
    yield types.SimpleNamespace(engine=engine, replica=replica.create(engine, settings))
    engine.dispose()


def is_in_recovery(conn: sa.Connection) -> bool:
    found: bool = conn.execute(sa.text("SELECT pg_is_in_recovery()")).scalar_one()
    return found


def test_without_the_privilege_for_positions_the_standby_is_not_used(
    own_place: Place, clock: Clock
) -> None:
    """By default everybody has the privilege."""
    host = add_host(own_place.api)
    wait_until_used(own_place, host, clock)
    engine = sa.create_engine(own_place.pair.primary.url(standby.DATABASE))
    with engine.begin() as conn:
        conn.execute(sa.text("REVOKE ALL ON FUNCTION pg_control_system FROM PUBLIC"))
    engine.dispose()

    with counted(own_place) as counts:
        for _ in range(3):
            assert own_place.api.get_provider(host).name == host
    # The first read also tried to get the position.
    assert counts == {"primary": 4}


class FailsOver:
    """A database for ``crashes`` that fails over to its standby when killed."""

    def __init__(self, pair: standby.Pair) -> None:
        self._pair = pair
        self._times = 0
        self.url = pair.writing.url()

    def prepare(self) -> None:
        if self._times:
            self._pair.replace_standby()
        self._pair.synchronise()

    def kill(self, number: int) -> None:
        self._times = number + 1
        self._pair.primary.kill()

    def come_back(self) -> None:
        self._pair.promote()


class Claims:
    """Claims for one unit of a host, and a release whenever the host is full.

    ``acknowledged`` has the consumers of acknowledged claims without a release.
    """

    def __init__(self, url: str, host: str) -> None:
        self._url = url
        self._host = host
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.acknowledged: set[str] = set()
        self.statuses: collections.Counter[int] = collections.Counter()

    def __enter__(self) -> typing.Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(SECONDS)

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            consumer = str(uuid.uuid4())
            body = {
                "allocations": {self._host: {"resources": {"VCPU": 1}}},
                "consumer_generation": None,
                "consumer_type": "INSTANCE",
                "project_id": PROJECT,
                "user_id": USER,
            }
            with Connection(self._url, crashes.VERSION, SECONDS) as api:
                status = api.send("PUT", f"/allocations/{consumer}", body).status
                if status == 409 and self.acknowledged:
                    # The release may fail: nothing is asserted about its consumer.
                    api.send("DELETE", f"/allocations/{self.acknowledged.pop()}")
            self.statuses[status] += 1
            if status == 204:
                self.acknowledged.add(consumer)


@pytest.mark.cluster
def test_a_fail_over_loses_no_acknowledged_write(
    database_kinds: list[str], pytestconfig: pytest.Config
) -> None:
    """Kill a worker and the primary each time, and start a new standby.

    Besides the clients of ``crashes``, two clients claim the units of a small host.
    """
    with running_pair(pytestconfig, database_kinds, durable=True) as pair:
        with server.in_process(pair.writing.url(), options(pair)) as application:
            api = client.Client(client.WSGITransport(application))
            host = str(uuid.uuid4())
            api.create_provider(host, host)
            scarce = {"VCPU": client.Inventory(total=SCARCE)}
            api.replace_inventories(host, client.Inventories(0, scarce))
        with (
            server.processes(pair.writing.url(), options=options(pair)) as service,
            Claims(service.url, host) as one,
            Claims(service.url, host) as other,
        ):
            figures = crashes.run_on(
                FailsOver(pair),
                FAILOVERS,
                FAILOVERS,
                seed=1,
                preload=True,
                options=options(pair),
            )
        acknowledged = one.acknowledged | other.acknowledged
        statuses = one.statuses + other.statuses
        found = consumers_of(pair, host)
        violations = invariants.violations(pair.writing.url())

    assert not figures.violations, "\n".join(figures.violations)
    assert figures.databases_killed == FAILOVERS
    assert figures.unanswered + figures.unavailable > 0
    assert statuses.keys() <= {204, 409, 503}
    # Some claims met a full host, and some an outage.
    assert min(statuses[204], statuses[409], statuses[503]) > 0
    assert acknowledged <= found
    assert len(found) <= SCARCE
    assert not violations


def consumers_of(pair: standby.Pair, host: str) -> set[str]:
    engine = sa.create_engine(pair.writing.url())
    select = sa.text(
        "SELECT consumer_id FROM allocations JOIN resource_providers "
        "ON resource_providers.id = resource_provider_id WHERE uuid = :host"
    )
    with engine.connect() as conn:
        found = set(conn.scalars(select, {"host": host}))
    engine.dispose()
    return found
