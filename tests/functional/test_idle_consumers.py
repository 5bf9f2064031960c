"""Consumers without allocations, which the existing service leaves behind."""

import collections
import collections.abc
import concurrent.futures
import functools
import threading
import typing
import uuid

import pytest
import sqlalchemy as sa
import webob

from placement.db import tables
from tests.functional import invariants, sending
from tests.servers import server

PROVIDER = "a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01"
CLIENTS = 4
ROUNDS = 15

Send = collections.abc.Callable[..., webob.Response]
Body = dict[str, typing.Any]


@pytest.fixture
def send(application: server.Application) -> Send:
    send = functools.partial(sending.send, application)
    made = send(
        "POST", "/resource_providers", {"uuid": PROVIDER, "name": "host"}, "1.0"
    )
    assert made.status_int == 201
    body = {
        "resource_provider_generation": 0,
        "inventories": {"VCPU": {"total": 1000}},
    }
    path = f"/resource_providers/{PROVIDER}/inventories"
    assert send("PUT", path, body).status_int == 200
    return send


def leave_idle(engine: sa.Engine, generation: int) -> str:
    """Insert a consumer without allocations; return its uuid."""
    idle = str(uuid.uuid4())
    with engine.begin() as conn:
        ids = {}
        for table in (tables.projects, tables.users):
            select = sa.select(table.c.id).where(table.c.external_id == "former")
            if conn.scalar(select) is None:
                conn.execute(sa.insert(table).values(external_id="former"))
            ids[table] = conn.scalar(select)
        conn.execute(
            sa.insert(tables.consumers).values(
                uuid=idle,
                project_id=ids[tables.projects],
                user_id=ids[tables.users],
                generation=generation,
            )
        )
    return idle


def claim(generation: int | None) -> Body:
    return {
        "allocations": {PROVIDER: {"resources": {"VCPU": 1}}},
        "project_id": "p",
        "user_id": "u",
        "consumer_type": "INSTANCE",
        "consumer_generation": generation,
    }


def put(send: Send, consumer: str, generation: int | None) -> webob.Response:
    return send("PUT", f"/allocations/{consumer}", claim(generation))


def post(send: Send, consumer: str, generation: int | None) -> webob.Response:
    return send("POST", "/allocations", {consumer: claim(generation)})


def reshape(send: Send, consumer: str, generation: int | None) -> webob.Response:
    shown = send("GET", f"/resource_providers/{PROVIDER}/inventories").json
    shape = {
        "resource_provider_generation": shown["resource_provider_generation"],
        "inventories": {"VCPU": {"total": 1000}},
    }
    body = {
        "inventories": {PROVIDER: shape},
        "allocations": {consumer: claim(generation)},
    }
    return send("POST", "/reshaper", body)


WAYS = {"put": put, "post": post, "reshape": reshape}


def test_an_idle_consumer_is_shown_as_absent(send: Send, engine) -> None:
    idle = leave_idle(engine, 3)

    assert send("GET", f"/allocations/{idle}").json == {"allocations": {}}
    assert send("DELETE", f"/allocations/{idle}").status_int == 404


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_claim_with_generation_null_creates_the_consumer(
    send: Send, engine, database_url, way
) -> None:
    for stored in (0, 1, 5):
        idle = leave_idle(engine, stored)

        assert way(send, idle, None).status_int == 204

        shown = send("GET", f"/allocations/{idle}").json
        assert shown["consumer_generation"] == 1
        assert (shown["project_id"], shown["consumer_type"]) == ("p", "INSTANCE")
        assert way(send, idle, None).status_int == 409
    assert invariants.violations(database_url) == []


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_claim_with_the_stored_generation_succeeds(send: Send, engine, way) -> None:
    idle = leave_idle(engine, 5)

    refused = way(send, idle, 4)
    assert refused.status_int == 409
    assert "expected null but got 4" in refused.json["errors"][0]["detail"]
    assert way(send, idle, 5).status_int == 204

    assert send("GET", f"/allocations/{idle}").json["consumer_generation"] == 6


def test_a_claim_before_consumer_generations_creates_the_consumer(
    send: Send, engine
) -> None:
    idle = leave_idle(engine, 5)
    body = claim(None)
    del body["consumer_type"], body["consumer_generation"]

    assert send("PUT", f"/allocations/{idle}", body, "1.12").status_int == 204

    assert send("GET", f"/allocations/{idle}").json["consumer_generation"] == 1


def test_an_empty_claim_deletes_the_record(send: Send, engine, database_url) -> None:
    idle = leave_idle(engine, 5)

    body = claim(None) | {"allocations": {}}
    assert send("PUT", f"/allocations/{idle}", body).status_int == 204

    assert invariants.violations(database_url) == []


def test_one_of_several_concurrent_claims_succeeds(
    send: Send, engine, database_url
) -> None:
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        for number in range(ROUNDS):
            idle = leave_idle(engine, number % 3)
            together = threading.Barrier(CLIENTS)

            def race(idle: str = idle, together: threading.Barrier = together) -> int:
                together.wait()
                return put(send, idle, None).status_int

            racing = [pool.submit(race) for _ in range(CLIENTS)]
            statuses = collections.Counter(each.result() for each in racing)
            assert statuses == {204: 1, 409: CLIENTS - 1}
    assert invariants.violations(database_url) == []
