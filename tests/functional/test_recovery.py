"""A database that goes away and comes back: the service does, too."""

import collections.abc
import contextlib
import typing

import pytest
import sqlalchemy as sa
import webob

from tests.functional import databases, postgresql, server

ROUNDS = 3


class Place(typing.NamedTuple):
    """A service on a cluster of its own, so that others need not suffer with it."""

    application: server.Application
    cluster: postgresql.Cluster
    url: str


@pytest.fixture
def place(database_kind: str, tmp_path) -> collections.abc.Iterator[Place]:
    if database_kind != databases.POSTGRESQL:
        pytest.skip("a file does not go away")
    with contextlib.ExitStack() as stack:
        try:
            cluster = stack.enter_context(postgresql.running())
        except postgresql.MissingError as missing:
            pytest.skip(str(missing))
        made = databases.PostgresqlCluster(tmp_path, cluster)
        made._create("recovery")
        url = made.url("recovery")
        options = {"placement_database": {"sync_on_startup": "true"}}
        application = stack.enter_context(server.in_process(url, options))
        yield Place(application, cluster, url)


def send(place: Place, method: str, path: str) -> webob.Response:
    headers = {
        "x-auth-token": "admin",
        "accept": "application/json",
        "openstack-api-version": "placement latest",
    }
    request = webob.Request.blank(path, method=method, headers=headers)
    return request.get_response(place.application)


def kill_connections(place: Place) -> int:
    """End all connections of the service; returns how many there were."""
    engine = sa.create_engine(place.url)
    with engine.connect() as conn:
        killed = conn.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        ).all()
    engine.dispose()
    return len(killed)


def test_the_service_goes_on_when_its_connections_are_killed(place: Place) -> None:
    for number in range(ROUNDS):
        assert send(place, "PUT", f"/traits/CUSTOM_{number}").status_int == 201
        assert kill_connections(place) > 0

        assert send(place, "GET", f"/traits/CUSTOM_{number}").status_int == 204
        assert kill_connections(place) > 0

        assert send(place, "PUT", f"/traits/CUSTOM_{number}").status_int == 204


def test_without_its_database_the_service_says_when_to_come_back(place: Place) -> None:
    assert send(place, "PUT", "/traits/CUSTOM_A").status_int == 201
    place.cluster.stop()

    for method, path in (
        ("GET", "/traits"),
        ("PUT", "/traits/CUSTOM_B"),
        ("DELETE", "/traits/CUSTOM_A"),
        ("GET", "/resource_providers"),
    ):
        answer = send(place, method, path)
        assert answer.status_int == 503
        assert int(answer.headers["retry-after"]) > 0
        (error,) = answer.json["errors"]
        assert error["title"] == "Service Unavailable"
        assert "placement@" not in answer.text

    # What needs no database is there all the time.
    assert send(place, "GET", "/").status_int == 200

    place.cluster.start_again()
    assert send(place, "GET", "/traits/CUSTOM_A").status_int == 204
    assert send(place, "GET", "/traits/CUSTOM_B").status_int == 404
    assert send(place, "PUT", "/traits/CUSTOM_B").status_int == 201


def test_a_database_that_was_away_at_night_is_not_missed(place: Place) -> None:
    assert send(place, "PUT", "/traits/CUSTOM_A").status_int == 201
    place.cluster.stop()
    place.cluster.start_again()

    assert send(place, "GET", "/traits/CUSTOM_A").status_int == 204
    assert send(place, "DELETE", "/traits/CUSTOM_A").status_int == 204
