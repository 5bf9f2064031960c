"""A request with a key in progress waits for it, up to a limit."""

import collections.abc
import concurrent.futures
import threading
import time
import typing
import uuid

import pytest
import sqlalchemy as sa
import webob

from placement import extension_exception
from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import lock_limit, sqlite, tables
from placement.objects import idempotency
from tests.functional import invariants, sending, write_operations
from tests.servers import databases, server, sessions

SECONDS = 60
KEY = "the key"

_Answers = concurrent.futures.Future[webob.Response]


def place(application: server.Application, consumer: str) -> webob.Response:
    claim = {
        "consumer_uuid": consumer,
        "project_id": "p",
        "user_id": "u",
        "query": "resources=VCPU:1",
    }
    return sending.send(
        application,
        "POST",
        "/-/v1/claims",
        {"claims": [claim]},
        headers={"idempotency-key": KEY},
    )


class First(typing.NamedTuple):
    """A request with the key, which does not end before ``end`` is set."""

    consumer: str
    end: threading.Event
    answer: _Answers


@pytest.fixture
def first(
    application: server.Application, monkeypatch: pytest.MonkeyPatch
) -> collections.abc.Iterator[First]:
    write_operations.set_up(application)
    begun, end = threading.Event(), threading.Event()
    store = idempotency.store

    def store_later(*arguments: typing.Any) -> None:
        begun.set()
        assert end.wait(SECONDS)
        store(*arguments)

    monkeypatch.setattr(idempotency, "store", store_later)
    consumer = str(uuid.uuid4())
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        answer = threads.submit(place, application, consumer)
        assert begun.wait(SECONDS)
        try:
            yield First(consumer, end, answer)
        finally:
            end.set()


def test_a_request_whose_key_stays_in_progress_is_refused(
    application: server.Application,
    database_url: str,
    first: First,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 1.0)
    sent = time.monotonic()

    refused = place(application, first.consumer)

    assert 0.9 <= time.monotonic() - sent < 10
    assert refused.status_int == 409
    assert refused.json["errors"][0]["code"] == "placement.ext.key_in_progress"
    assert int(refused.headers["retry-after"]) > 0
    first.end.set()
    answer = first.answer.result(SECONDS)
    assert answer.status_int == 200
    again = place(application, first.consumer)
    assert (again.status_int, again.body) == (200, answer.body)
    assert not invariants.violations(database_url)


def test_a_request_that_waits_for_its_key_gets_the_same_answer(
    application: server.Application,
    database_kind: str,
    engine: sa.Engine,
    first: First,
) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        second = threads.submit(place, application, first.consumer)
        if database_kind != databases.SQLITE:
            sessions.wait_until_blocked(engine)
        first.end.set()
        answers = [each.result(SECONDS) for each in (first.answer, second)]

    assert [each.status_int for each in answers] == [200, 200]
    assert answers[0].body == answers[1].body


_SETTINGS = {
    "sqlite": "PRAGMA busy_timeout",
    "postgresql": "SHOW lock_timeout",
    "mysql": "SELECT @@innodb_lock_wait_timeout",
}


def test_the_limit_ends_with_its_block(database_url: str) -> None:
    engine = engines.create_engine(DatabaseSettings(database_url))
    setting = _SETTINGS[engine.dialect.name]
    with engine.connect() as conn:
        before = conn.exec_driver_sql(setting).scalar_one()
    writing = engine.connect()
    writing = engines.for_writing(writing)
    with lock_limit.limited(writing, 2, extension_exception.KeyInProgress()):
        writing.execute(sa.delete(tables.idempotency_keys))
        within = writing.exec_driver_sql(setting).scalar_one()
    after = writing.exec_driver_sql(setting).scalar_one()
    writing.close()
    engine.dispose()

    assert after == before
    if engine.dialect.name == "sqlite":
        assert (within, after) == (2000, sqlite.WAIT_MS)
