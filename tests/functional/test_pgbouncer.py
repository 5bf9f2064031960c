"""The service behind PgBouncer in transaction mode, with the sample configuration."""

import collections.abc
import contextlib
import logging
import os
import typing

import psycopg2
import pytest
import sqlalchemy as sa

from placement import client
from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import time_limit
from tests.functional import (
    fixtures,
    invariants,
    statements,
    stories,
    test_gabbits,
)
from tests.servers import (
    accounts,
    databases,
    pgbouncer,
    postgresql,
    server,
    sessions,
)
from tests.servers.plugin import skip_missing
from tests.stress import contended_claims, contention, steady_claims

CLAIMS = int(os.environ.get("PLACEMENT_TEST_POOLED_CLAIMS", "200"))
OUTAGES = int(os.environ.get("PLACEMENT_TEST_POOLED_OUTAGES", "1"))

# Fewer than the clients, which are 16.
CONNECTIONS = 2
CLIENTS = 16

# Stories about claims, searches in batches, streams and time limits.
STORIES = [
    "allocations-put",
    "extension-claims",
    "extension-explain",
    "extension-provider-delta",
    "extension-providers-ndjson",
    "microversion-1.13-many-consumers",
    "microversion-1.25-granular",
    "microversion-1.30-reshaper",
]

# PgBouncer itself sets these for its clients, and those of connect_query. PostgreSQL
# shows the characteristics of the last transaction; the next one has its own.
_EXPECTED = {
    *("application_name", "client_encoding", "DateStyle", "TimeZone"),
    *("standard_conforming_strings", "random_page_cost", "jit"),
    *("transaction_isolation", "transaction_read_only"),
}
_LEFT = """
SELECT name FROM pg_settings WHERE source = 'session'
UNION ALL SELECT name FROM pg_prepared_statements
UNION ALL SELECT name FROM pg_cursors
UNION ALL SELECT relname FROM pg_class WHERE relpersistence = 't'
UNION ALL SELECT locktype FROM pg_locks
WHERE locktype = 'advisory' AND pid = pg_backend_pid()
"""


class Place(typing.NamedTuple):
    """A PostgreSQL server, its pooler, and databases of the server."""

    cluster: postgresql.Cluster
    pooler: pgbouncer.Pooler
    databases: databases.PostgresqlCluster


class Urls(typing.NamedTuple):
    """The URLs of a database."""

    direct: str
    pooled: str


@pytest.fixture(scope="module")
def place(
    database_kinds: list[str],
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> collections.abc.Iterator[Place]:
    if databases.POSTGRESQL not in database_kinds:
        pytest.skip("about PostgreSQL")
    with contextlib.ExitStack() as stack:
        kind = databases.POSTGRESQL
        try:
            # Commits survive a crash of the server, not of the machine.
            cluster = stack.enter_context(
                postgresql.running(settings={"synchronous_commit": "on"})
            )
            kind = "PgBouncer"
            running = stack.enter_context(pgbouncer.running(cluster.port, CONNECTIONS))
        except accounts.MissingError as missing:
            skip_missing(pytestconfig, kind, str(missing))
        made = databases.PostgresqlCluster(tmp_path_factory.mktemp("made"), cluster)
        yield Place(cluster, running, made)


@pytest.fixture
def urls(place: Place) -> collections.abc.Iterator[Urls]:
    """A migrated database for one test."""
    with place.databases.new() as direct:
        yield Urls(direct, place.pooler.url(str(sa.make_url(direct).database)))


@pytest.fixture
def single_use(place: Place) -> collections.abc.Iterator[None]:
    """Run each transaction in a session of its own."""
    (before,) = (
        row["value"]
        for row in place.pooler.admin("SHOW CONFIG")
        if row["key"] == "server_lifetime"
    )
    place.pooler.admin("SET server_lifetime = 0")
    yield
    place.pooler.admin(f"SET server_lifetime = {before}")


@pytest.mark.usefixtures("single_use")
@pytest.mark.parametrize("name", STORIES)
def test_a_story_needs_no_session(
    name: str, urls: Urls, caplog: pytest.LogCaptureFixture
) -> None:
    story = stories.read(stories.DIRECTORY / f"{name}.yaml")
    wanted = fixtures.merged(story.get("fixtures", []))
    with (
        caplog.at_level(logging.WARNING),
        server.in_process(urls.pooled, wanted.options, wanted.policy) as application,
    ):
        test_gabbits.prepare(application, wanted)
        failed = test_gabbits.steps_that_fail(application, name, story)

    assert not failed, "\n\n".join(failed)
    assert not invariants.violations(urls.direct)
    # No transaction was repeated because of the pooler.
    assert "database" not in caplog.text, caplog.text


def test_the_service_leaves_nothing_in_a_session(urls: Urls) -> None:
    with server.in_process(urls.pooled) as application:
        with steady_claims.Claims(application, threads=2) as claims:
            claims.wait_for_more()
        api = client.Client(client.WSGITransport(application))
        assert api.explain("resources=VCPU:1000000")
        assert list(api.read_providers(["inventories"]))

        left = {name for each in opened(urls.pooled, CONNECTIONS) for name in each}

    assert left <= _EXPECTED


def opened(url: str, number: int) -> list[list[str]]:
    """Return what is left in each of the sessions of a pooler."""
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(False)
    with contextlib.ExitStack() as stack:
        left = []
        for _ in range(number):
            conn = stack.enter_context(contextlib.closing(psycopg2.connect(plain)))
            with conn.cursor() as cursor:
                # The open transaction keeps the session from the next client.
                cursor.execute(_LEFT)
                left.append([name for (name,) in cursor.fetchall()])
        return left


def test_the_time_limit_of_a_client_does_not_reach_another(urls: Urls) -> None:
    engine = engines.create_engine(DatabaseSettings(urls.pooled))
    sleep = sa.text("SELECT pg_sleep(0.2)")
    with engine.connect() as one, engine.connect() as other:
        with time_limit.limited(one, 0.05):
            with pytest.raises(sa.exc.DBAPIError, match="timeout"):
                one.execute(sleep)
            one.rollback()
            one.execute(sa.text("SELECT 1"))
            one.commit()
        used = sessions_of(one, other)
        other.execute(sleep)
        other.rollback()
    engine.dispose()

    # Both have used the same session.
    assert len(used) == 1


def sessions_of(*connections: sa.Connection) -> set[int]:
    found = set()
    for conn in connections:
        found.add(sessions.own(conn))
        conn.rollback()
    return found


def test_a_pooler_is_detected_and_settings_that_it_lacks_are_reported(
    urls: Urls, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    database = sa.make_url(urls.direct).database
    with caplog.at_level(logging.INFO, "placement"):
        use(urls.direct)
        assert "pooler" not in caplog.text
        use(urls.pooled)
        assert "nothing is prepared" in caplog.text
        assert "ALTER ROLE" not in caplog.text
        with without_connect_query(place):
            use(urls.pooled)
        assert "Missing: random_page_cost = 1.1, jit = off" in caplog.text
        caplog.clear()
        place.cluster.execute(f"ALTER DATABASE {database} SET random_page_cost = 1.1")
        place.cluster.execute(f"ALTER DATABASE {database} SET jit = off")
        with without_connect_query(place):
            use(urls.pooled)
        assert "ALTER ROLE" not in caplog.text


@contextlib.contextmanager
def without_connect_query(place: Place) -> collections.abc.Iterator[None]:
    path = place.pooler.directory / "pgbouncer.ini"
    text = path.read_text()
    assert " connect_query=" in text
    path.write_text(
        "\n".join(line.split(" connect_query=")[0] for line in text.splitlines())
    )
    try:
        place.pooler.admin("RELOAD")
        place.pooler.admin("RECONNECT")
        yield
    finally:
        path.write_text(text)
        place.pooler.admin("RELOAD")
        place.pooler.admin("RECONNECT")


def use(url: str) -> None:
    """Start the service, and send a request."""
    with server.in_process(url) as application:
        client.Client(client.WSGITransport(application)).ensure_trait("CUSTOM_A")


def test_nothing_is_prepared_on_pooled_connections(urls: Urls) -> None:
    with server.in_process(urls.pooled) as application:
        api = client.Client(client.WSGITransport(application))
        with statements.recorded() as sent:
            for number in range(5):
                api.ensure_trait(f"CUSTOM_{number}")
                api.get_providers()

    assert sent
    assert not [text for text in sent if "PREPARE" in text or "EXECUTE" in text]


def test_a_pooled_connection_to_a_standby_is_not_used(
    urls: Urls, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"placement_database": {"slave_connection": urls.pooled}}
    with (
        caplog.at_level(logging.WARNING),
        server.in_process(urls.direct, options) as application,
    ):
        api = client.Client(client.WSGITransport(application))
        assert not api.get_providers()

    assert "slave_connection leads to a pooler" in caplog.text


def test_contended_claims_through_a_pooler_never_exceed_the_capacity(
    urls: Urls,
) -> None:
    figures = contended_claims.run(
        contention.in_process_services([urls.pooled]), [urls.direct], CLAIMS, seed=1
    )

    assert not figures.violations, "\n".join(figures.violations)
    assert figures.claims["204"] > 0
    assert figures.claims[contended_claims.NO_ROOM] > 0


def test_planned_work_behind_a_pooler_causes_no_error(urls: Urls, place: Place) -> None:
    with (
        server.in_process(urls.pooled) as application,
        steady_claims.Claims(application, CLIENTS) as claims,
    ):
        claims.wait_for_more()
        place.pooler.admin("RECONNECT")
        claims.wait_for_more()
        # A restart of PostgreSQL, between transactions.
        place.pooler.admin("PAUSE")
        place.cluster.stop()
        place.cluster.start_again()
        place.pooler.admin("RESUME")
        claims.wait_for_more()

    assert not claims.failures
    assert not claims.violations(urls.direct)
    assert not invariants.violations(urls.direct)


def end_sessions(urls: Urls, _place: Place) -> None:
    assert sessions.end_all(urls.direct) > 0


def kill_pooler(_urls: Urls, place: Place) -> None:
    place.pooler.kill()


def kill_server(_urls: Urls, place: Place) -> None:
    place.cluster.kill()


def repair(place: Place) -> None:
    if place.pooler.has_ended:
        place.pooler.start_again()
    if place.cluster.has_ended:
        place.cluster.start_again()


@pytest.mark.parametrize("outage", [end_sessions, kill_pooler, kill_server])
def test_an_outage_loses_nothing_and_leaves_nothing_behind(
    outage: collections.abc.Callable[[Urls, Place], None], urls: Urls, place: Place
) -> None:
    with (
        server.in_process(urls.pooled) as application,
        steady_claims.Claims(application, CLIENTS) as claims,
    ):
        for _ in range(OUTAGES):
            claims.wait_for_more()
            outage(urls, place)
            if outage is not end_sessions:
                claims.wait_for_failure()
            repair(place)
            claims.wait_for_more()

    assert not claims.violations(urls.direct)
    assert not invariants.violations(urls.direct)
