"""Reads from a standby return what the primary would return."""

import contextlib
import threading
import uuid

import sqlalchemy as sa

from placement import client
from placement.db import replica, transaction
from tests import waiting
from tests.functional.standby.places import (
    AGGREGATE,
    OFFER,
    PROJECT,
    SECONDS,
    TIMES,
    Clock,
    Place,
    add_consumer,
    add_host,
    configured,
    counted,
    get,
    is_in_recovery,
    options,
    paused,
    reading,
    serving,
)
from tests.functional.standby.renames import Load
from tests.servers import postgresql, server, standby


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
        "/-/v1/providers?include=inventories,usages,traits,aggregates,allocations",
        f"/-/v1/providers/{host}?include=traits",
        "/-/v1/explain?resources=VCPU:1000000",
        "/metrics/providers",
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


def test_lines_are_read_from_the_primary(place: Place) -> None:
    """A standby may cancel a query, and lines cannot be sent again."""
    host = add_host(place.api)
    place.pair.wait_until_equal()
    with counted(place) as counts:
        found = list(place.api.read_providers(["inventories"], is_one_snapshot=True))

    assert host in {each.provider.uuid for each in found}
    assert counts["primary"] > 0
    assert counts["standby"] == 0


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


def test_every_reader_sees_all_acknowledged_writes(place: Place) -> None:
    pair, hosts = place.pair, [add_host(place.api) for _ in range(4)]
    for host in hosts:
        place.api.update_provider(host, f"{host}-0")
    before = providers_read(pair.standby)
    with contextlib.ExitStack() as stack:
        urls = [
            stack.enter_context(
                server.processes(pair.writing.url(), workers=1, options=options(pair))
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


def test_one_reader_waits_for_a_standby_that_does_not_answer(
    place: Place, clock: Clock
) -> None:
    address, host = place.pair.reading, add_host(place.api)
    address.point_at(None)
    try:
        reader = threading.Thread(target=place.api.get_provider, args=(host,))
        reader.start()
        waiting.until(lambda: address.has_connections)
        with counted(place) as counts:
            for _ in range(TIMES):
                assert place.api.get_provider(host).name == host
        reader.join(SECONDS)
        with counted(place) as counts_later:
            for _ in range(TIMES):
                place.api.get_provider(host)
    finally:
        address.point_at(place.pair.standby.port)

    # The other readers do not get the position that a check of the standby needs.
    assert counts == counts_later == {"primary": TIMES}


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
