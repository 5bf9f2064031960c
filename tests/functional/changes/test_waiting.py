"""A request can wait for changes, without a connection and not for ever."""

import collections.abc
import os
import pathlib
import signal
import threading
import time
import typing
import uuid

import pytest
import webob

from placement import metrics
from placement.metrics import instrument
from placement.web import changes, shutdown, threads
from tests import waiting
from tests.functional import sending
from tests.functional.connection import Connection
from tests.servers import server

OPTIONS = {"changes": {"enabled": "true"}}
SECONDS = 30
VERSION = "1.39"


@pytest.fixture
def application(database_url: str) -> collections.abc.Iterator[server.Application]:
    with server.in_process(database_url, OPTIONS) as loaded:
        yield loaded


def send(
    application: server.Application, method: str, path: str, body: object = None
) -> typing.Any:
    environ = {"wsgi.multithread": True}
    answer = sending.send(application, method, path, body, VERSION, environ=environ)
    assert answer.status_int == 200, answer.text
    return answer.json


class Reader(threading.Thread):
    """Reads the feed once; ``answer`` is its page."""

    def __init__(
        self, application: server.Application, position: int, seconds: int = SECONDS
    ) -> None:
        super().__init__(daemon=True)
        self._application = application
        self._path = f"/-/v1/changes?after={position}&wait={seconds}"
        self.answer: typing.Any = None
        self.start()

    def run(self) -> None:
        self.answer = send(self._application, "GET", self._path)

    def is_answered(self) -> bool:
        self.join(SECONDS)
        return not self.is_alive()


def create_provider(application: server.Application) -> str:
    name = str(uuid.uuid4())
    send(application, "POST", "/resource_providers", {"name": name, "uuid": name})
    return name


def test_a_change_ends_the_wait(application: server.Application) -> None:
    reader = Reader(application, 0)
    waiting.until(lambda: changes._WAITING.count == 1)

    provider = create_provider(application)

    assert reader.is_answered()
    (change,) = reader.answer["changes"]
    assert (change["provider"], change["position"]) == (provider, 1)
    assert changes._WAITING.count == 0


def test_a_change_that_is_there_ends_the_wait_at_once(
    application: server.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "PAUSE_SECONDS", SECONDS)
    create_provider(application)

    assert Reader(application, 0).is_answered()


def test_a_wait_without_changes_ends(application: server.Application) -> None:
    begun = time.monotonic()
    reader = Reader(application, 0, seconds=1)

    assert reader.is_answered()
    assert reader.answer == {"changes": [], "position": 0}
    assert time.monotonic() - begun >= 1


def test_a_request_that_waits_holds_no_connection(
    application: server.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[float] = []
    before = instrument.totals()[metrics.CONNECTIONS.name][(metrics.USED,)][0]

    def wait(_seconds: float) -> bool:
        connections = instrument.totals()[metrics.CONNECTIONS.name]
        used.append(connections[(metrics.USED,)][0] - before)
        return True

    monkeypatch.setattr(shutdown.draining, "wait", wait)
    reader = Reader(application, 0)

    assert reader.is_answered()
    assert used == [0]


def test_a_server_that_stops_ends_all_waits(
    application: server.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "PAUSE_SECONDS", SECONDS)
    reader = Reader(application, 0)
    waiting.until(lambda: changes._WAITING.count == 1)
    begun = time.monotonic()
    shutdown.draining.set()
    try:
        assert reader.is_answered()
    finally:
        shutdown.draining.clear()

    assert reader.answer == {"changes": [], "position": 0}
    assert time.monotonic() - begun < SECONDS / 2


@pytest.mark.parametrize(("count", "most"), [(None, 1), (1, 0), (2, 1), (5, 2)])
def test_at_most_half_of_the_threads_wait(
    application: server.Application,
    monkeypatch: pytest.MonkeyPatch,
    count: int | None,
    most: int,
) -> None:
    monkeypatch.setattr(threads, "count", count)
    readers = [Reader(application, 0) for _ in range(most)]
    waiting.until(lambda: changes._WAITING.count == most)

    last = Reader(application, 0)

    assert last.is_answered()
    assert last.answer == {"changes": [], "position": 0}
    create_provider(application)
    assert all(reader.is_answered() for reader in readers)


def test_a_server_with_one_thread_never_waits(application: server.Application) -> None:
    request = webob.Request.blank(
        f"/-/v1/changes?wait={SECONDS}", headers={"x-auth-token": "admin"}
    )
    begun = time.monotonic()

    assert request.get_response(application).status_int == 200
    assert time.monotonic() - begun < SECONDS / 2


def test_a_worker_serves_others_while_requests_wait_and_stops_at_once(
    tmp_path: pathlib.Path,
) -> None:
    database_url = f"sqlite:///{tmp_path / 'placement.db'}"
    options = OPTIONS | {"placement_database": {"sync_on_startup": "true"}}
    pages = []
    with server.processes(
        database_url, workers=1, threads=4, options=options
    ) as service:

        def read() -> None:
            with Connection(service.url, VERSION) as api:
                path = "/-/v1/changes?wait=60&kinds=hold"
                pages.append(api.send("GET", path).document())

        readers = [threading.Thread(target=read, daemon=True) for _ in range(6)]
        for reader in readers:
            reader.start()
        with Connection(service.url, VERSION) as api:
            # Four of them did not wait.
            waiting.until(lambda: len(pages) == 4)
            body = {"name": "one", "uuid": str(uuid.uuid4())}
            assert api.send("POST", "/resource_providers", body).status == 200
        begun = time.monotonic()
        os.kill(service.pid, signal.SIGTERM)
        for reader in readers:
            reader.join(SECONDS)

    assert len(pages) == len(readers)
    assert time.monotonic() - begun < SECONDS
