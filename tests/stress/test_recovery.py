"""The service recovers after workers, connections and database servers end."""

import collections.abc
import contextlib
import typing

import pytest
import webob

from tests.servers import accounts, databases, mariadb, postgresql, server, sessions
from tests.servers.plugin import skip_missing
from tests.stress import crash_clients, crashes, placing_crash_clients

ROUNDS = 3

# For more kills run ``python -m tests.stress.crashes``. By kind of clients, the kills
# of workers and of databases.
KILLS: dict[type[crash_clients.Client], tuple[int, int]] = {
    crash_clients.Client: (2, 1),
    placing_crash_clients.Client: (2, 1),
}


class Place(typing.NamedTuple):
    """A service on a database server of its own, which a test may stop and start."""

    application: server.Application
    database: postgresql.Cluster | mariadb.Server
    url: str


RUNNING = {
    databases.POSTGRESQL: postgresql.running,
    databases.MARIADB: mariadb.running,
}


@pytest.fixture(scope="module")
def place(
    database_kind: str, pytestconfig: pytest.Config
) -> collections.abc.Iterator[Place]:
    if database_kind == databases.SQLITE:
        pytest.skip("SQLite has no server")
    with contextlib.ExitStack() as stack:
        try:
            database = stack.enter_context(RUNNING[database_kind]())
        except accounts.MissingError as missing:
            skip_missing(pytestconfig, database_kind, str(missing))
        database.execute("CREATE DATABASE recovery")
        url = database.url("recovery")
        options = {"placement_database": {"sync_on_startup": "true"}}
        application = stack.enter_context(server.in_process(url, options))
        yield Place(application, database, url)


def send(place: Place, method: str, path: str) -> webob.Response:
    headers = {
        "x-auth-token": "admin",
        "accept": "application/json",
        "openstack-api-version": "placement latest",
    }
    request = webob.Request.blank(path, method=method, headers=headers)
    return request.get_response(place.application)


def test_the_service_recovers_when_its_connections_are_killed(place: Place) -> None:
    for number in range(ROUNDS):
        path = f"/traits/CUSTOM_{number}"
        assert send(place, "PUT", path).status_int == 201
        assert sessions.end_all(place.url) > 0

        assert send(place, "GET", path).status_int == 204
        assert sessions.end_all(place.url) > 0

        assert send(place, "PUT", path).status_int == 204


def test_without_its_database_the_service_returns_503_with_retry_after(
    place: Place,
) -> None:
    assert send(place, "PUT", "/traits/CUSTOM_A").status_int == 201
    place.database.stop()

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

    # The version document needs no database.
    assert send(place, "GET", "/").status_int == 200

    place.database.start_again()
    assert send(place, "GET", "/traits/CUSTOM_A").status_int == 204
    assert send(place, "GET", "/traits/CUSTOM_B").status_int == 404
    assert send(place, "PUT", "/traits/CUSTOM_B").status_int == 201


def test_a_database_that_restarts_between_requests_causes_no_error(
    place: Place,
) -> None:
    assert send(place, "PUT", "/traits/CUSTOM_C").status_int == 201
    place.database.stop()
    place.database.start_again()

    assert send(place, "GET", "/traits/CUSTOM_C").status_int == 204
    assert send(place, "DELETE", "/traits/CUSTOM_C").status_int == 204


@pytest.mark.parametrize("clients", KILLS, ids=["claiming", "placing"])
def test_acknowledged_writes_survive_killed_workers_and_databases(
    database_kind: str,
    clients: type[crash_clients.Client],
    pytestconfig: pytest.Config,
) -> None:
    workers, times = KILLS[clients]
    times = 0 if database_kind == databases.SQLITE else times
    # With one of the databases, new workers start from nothing, which takes longer.
    is_claiming = clients is crash_clients.Client
    preload = not (is_claiming and database_kind == databases.POSTGRESQL)
    try:
        figures = crashes.run(database_kind, workers, times, 1, preload, clients)
    except accounts.MissingError as missing:
        skip_missing(pytestconfig, database_kind, str(missing))

    assert not figures.violations, "\n".join(figures.violations)
    assert figures.workers_killed == workers
    assert figures.databases_killed == times
    # Some kills interrupted requests.
    assert figures.acknowledged > figures.workers_killed
    assert figures.unanswered + figures.unavailable > 0
