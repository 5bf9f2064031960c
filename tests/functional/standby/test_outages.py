"""Without its standby, or with a wrong one, the service reads from the primary."""

import collections.abc
import contextlib

import pytest
import sqlalchemy as sa

from placement import client
from placement.db import transaction
from tests.functional.standby.places import (
    AMOUNTS,
    Clock,
    Place,
    add_consumer,
    add_host,
    counted,
    is_in_recovery,
    options,
    reading,
    wait_until_used,
)
from tests.servers import postgresql, server, standby


def test_the_service_works_while_its_standby_is_down(
    place: Place, clock: Clock
) -> None:
    pair, api, host = place.pair, place.api, add_host(place.api)
    wait_until_used(place, host, clock)

    pair.standby.kill()
    asked = []
    for number in range(3):
        api.update_provider(host, f"{host}-{number}")
        with counted(place) as counts:
            assert api.get_provider(host).name == f"{host}-{number}"
        asked.append(counts["primary"])
    # The connection is lost, a new one is refused, and then the standby is not used.
    assert asked == [2, 2, 1]

    pair.standby.start_again()
    wait_until_used(place, host, clock)

    # A read on a connection that a restart has closed succeeds, too.
    pair.standby.stop()
    pair.standby.start_again()
    assert api.get_provider(host).name == f"{host}-2"
    wait_until_used(place, host, clock)


def test_a_service_starts_without_its_standby(
    shared_pair: standby.Pair, clock: Clock
) -> None:
    shared_pair.standby.stop()
    try:
        with serving_alone(shared_pair) as place:
            host = add_host(place.api)
            assert place.api.get_provider(host).name == host
            shared_pair.standby.start_again()
            wait_until_used(place, host, clock)
    finally:
        # Even if the test has failed before.
        shared_pair.standby.stop()
        shared_pair.standby.start_again()


@contextlib.contextmanager
def serving_alone(pair: standby.Pair) -> collections.abc.Iterator[Place]:
    with server.in_process(pair.writing.url(), options(pair)) as application:
        yield Place(pair, client.Client(client.WSGITransport(application)), application)


def test_a_promoted_standby_is_not_read(own_place: Place, clock: Clock) -> None:
    pair, api, host = own_place.pair, own_place.api, add_host(own_place.api)
    wait_until_used(own_place, host, clock)
    pair.standby.execute("SELECT pg_promote()")
    # Another client writes to it. It has all WAL of the primary.
    run_on(pair.standby, "UPDATE resource_providers SET name = 'another'")

    for _ in range(3):
        assert api.get_provider(host).name == host
        clock.end_pause()


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


def test_without_the_privilege_for_positions_the_standby_is_not_used(
    place: Place, clock: Clock
) -> None:
    """By default every role has the privilege."""
    host = add_host(place.api)
    wait_until_used(place, host, clock)
    run_on(place.pair.primary, "REVOKE ALL ON FUNCTION pg_control_system FROM PUBLIC")
    try:
        with counted(place) as counts:
            for _ in range(3):
                assert place.api.get_provider(host).name == host
    finally:
        run_on(place.pair.primary, "GRANT ALL ON FUNCTION pg_control_system TO PUBLIC")
    # The first read also tried to get the position.
    assert counts == {"primary": 4}


def run_on(cluster: postgresql.Cluster, statement: str) -> None:
    """Run one statement in the database of the service."""
    engine = sa.create_engine(cluster.url(standby.DATABASE))
    with engine.begin() as conn:
        conn.execute(sa.text(statement))
    engine.dispose()
