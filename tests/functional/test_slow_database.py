"""Searches that wait for a lock in the database have a time limit."""

import collections.abc
import contextlib
import os
import pathlib
import signal
import threading
import time
import urllib.request

import pytest
import sqlalchemy as sa
import webob

from tests import waiting
from tests.servers import databases, server

SECONDS = 1
OPTIONS = {"placement": {"candidates_search_seconds_max": SECONDS}}
HEADERS = {
    "x-auth-token": "admin",
    "accept": "application/json",
    "openstack-api-version": "placement latest",
}
SEARCHES = (
    "/allocation_candidates?resources=VCPU:1",
    "/allocation_candidates?resources=VCPU:1&limit=10",
    "/resource_providers?resources=VCPU:1",
    "/-/v1/providers?resources=VCPU:1",
)
NDJSON = "application/x-ndjson"

LOCK = {
    databases.POSTGRESQL: "LOCK TABLE inventories IN ACCESS EXCLUSIVE MODE",
    databases.MARIADB: "LOCK TABLES inventories WRITE",
}
# The other sessions that are reading inventories.
RUNNING = {
    databases.POSTGRESQL: "SELECT pid FROM pg_stat_activity WHERE state = "
    "'active' AND query LIKE '%%inventories%%' AND pid <> pg_backend_pid()",
    databases.MARIADB: "SELECT id FROM information_schema.processlist WHERE "
    "info LIKE '%%inventories%%' AND id <> connection_id()",
}


@pytest.fixture(autouse=True)
def _has_locks(database_kind: str) -> None:
    if database_kind not in LOCK:
        pytest.skip("readers do not wait for locks")


@contextlib.contextmanager
def locked(url: str, kind: str) -> collections.abc.Iterator[None]:
    """Lock inventories against readers until the block ends."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as conn:
            conn.exec_driver_sql(LOCK[kind])
            yield
            if kind == databases.MARIADB:
                conn.exec_driver_sql("UNLOCK TABLES")
            conn.rollback()
    finally:
        engine.dispose()


def ask(
    application: server.Application, path: str, accept: str = HEADERS["accept"]
) -> webob.Response:
    headers = HEADERS | {"accept": accept}
    answer = webob.Request.blank(path, headers=headers).get_response(application)
    # Lines are read from the database, which locks the tables, until their end.
    assert answer.body is not None
    return answer


@pytest.mark.parametrize(
    ("path", "accept"),
    [*((path, HEADERS["accept"]) for path in SEARCHES), (SEARCHES[-1], NDJSON)],
)
def test_a_search_that_reaches_the_time_limit_is_refused(
    database_kind: str, database_url: str, path: str, accept: str
) -> None:
    with server.in_process(database_url, OPTIONS) as application:
        assert ask(application, path, accept).status_int == 200
        with locked(database_url, database_kind):
            began = time.monotonic()
            # Another amount, which is not in a cache.
            refused = ask(application, path.replace("VCPU:1", "VCPU:2"), accept)
            took = time.monotonic() - began

        assert refused.status_int == 400
        assert "did not answer within 1 seconds" in refused.json["errors"][0]["detail"]
        assert took >= SECONDS
        assert ask(application, path, accept).status_int == 200


def test_the_statement_of_a_killed_worker_ends(
    database_kind: str, database_url: str
) -> None:
    engine = sa.create_engine(database_url)
    with (
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watching,
        server.processes(database_url, workers=1, options=OPTIONS) as running,
        locked(database_url, database_kind),
    ):

        def busy() -> set[int]:
            return set(watching.exec_driver_sql(RUNNING[database_kind]).scalars())

        asking = threading.Thread(target=give_up, args=(running.url + SEARCHES[0],))
        asking.start()
        waiting.until(lambda: len(busy()) > 0)
        of_worker = busy()
        for worker in children(running.pid):
            os.kill(worker, signal.SIGKILL)
        asking.join()
        # A new worker waits for the lock, too: it reads the usage at its start.
        waiting.until(lambda: not of_worker & busy())
    engine.dispose()


def give_up(url: str) -> None:
    request = urllib.request.Request(url, headers=HEADERS)
    with contextlib.suppress(OSError):
        urllib.request.urlopen(request, timeout=60).close()


def children(pid: int) -> list[int]:
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()]
