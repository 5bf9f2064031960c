"""Every operation that writes records its changes, and no others."""

import collections.abc
import typing

import pytest
import sqlalchemy as sa

from placement.db import tables
from placement.objects import change
from tests.functional import statements, write_operations
from tests.functional.write_operations import (
    DEVICE,
    EMPTY,
    HOLDER,
    HOST,
    NEW,
    NODE,
    OTHER,
    SECOND,
    STRANGER,
    Service,
    Write,
)
from tests.servers import server

# Kind, uuid, and the generation after the change.
Recorded = tuple[str, str, int | None]

# By the name of each write that changes what the feed shows; see its generations there.
RECORDED: dict[str, set[Recorded]] = {
    "cordon a tree": {("state", HOST, 4), ("state", NODE, 0), ("state", DEVICE, 0)},
    "return a tree to service": {
        ("state", HOST, 4),
        ("state", NODE, 0),
        ("state", DEVICE, 0),
    },
    "create a root": {("provider", NEW, 0)},
    "create a child": {("provider", NEW, 0)},
    "rename a provider": {("provider", HOST, 4)},
    "move a subtree": {("provider", NODE, 0), ("provider", DEVICE, 0)},
    "make a node a root": {("provider", NODE, 0), ("provider", DEVICE, 0)},
    "delete a provider": {("provider", EMPTY, None)},
    "add an inventory": {("inventory", NODE, 1)},
    "replace inventories": {("inventory", HOST, 5)},
    "replace an inventory": {("inventory", HOST, 5)},
    "delete an inventory": {("inventory", HOST, 5)},
    "delete inventories": {("inventory", EMPTY, 4)},
    "replace aggregates": {("aggregates", HOST, 5)},
    "replace aggregates without a generation": {("aggregates", HOST, 4)},
    "replace traits": {("traits", HOST, 5)},
    "delete traits": {("traits", HOST, 5)},
    "change a provider": {
        ("inventory", HOST, 5),
        ("traits", HOST, 5),
        ("aggregates", HOST, 5),
    },
    "replace a tree": {
        ("provider", HOST, 5),
        ("inventory", HOST, 5),
        ("traits", HOST, 5),
        ("aggregates", HOST, 5),
        ("provider", NEW, 0),
        ("provider", NODE, 1),
        ("inventory", NODE, 1),
        ("provider", DEVICE, None),
    },
    "create a tree": {
        ("provider", NEW, 0),
        ("traits", NEW, 0),
        ("provider", STRANGER, 0),
        ("aggregates", STRANGER, 0),
    },
    "rename a class": {
        ("inventory", HOST, 4),
        ("inventory", OTHER, 5),
        ("inventory", EMPTY, 3),
        ("allocations", HOLDER, 1),
    },
    "claim for a new owner": {("allocations", STRANGER, 1)},
    "claim for a known owner": {("allocations", STRANGER, 1)},
    "replace a claim": {("allocations", HOLDER, 2)},
    "claim without a generation": {("allocations", HOLDER, 2)},
    "claim nothing": {("allocations", HOLDER, None)},
    "swap allocations of two consumers": {
        ("allocations", HOLDER, 2),
        ("allocations", SECOND, 2),
        ("allocations", STRANGER, 1),
    },
    "release": {("allocations", HOLDER, None)},
    "release several": {("allocations", HOLDER, None), ("allocations", SECOND, None)},
    "reshape": {
        ("inventory", HOST, 6),
        ("inventory", NODE, 2),
        ("allocations", HOLDER, 2),
    },
}

# Writes of names that no provider has, and of limits, which the feed does not show.
UNRECORDED = {
    "create a class",
    "set limits",
    "validate a tree",
    "ensure a class",
    "delete a class",
    "ensure a trait",
    "delete a trait",
}

_changes = tables.changes


@pytest.fixture(scope="module")
def shared_service(module_database_url: str) -> collections.abc.Iterator[Service]:
    options = {"changes": {"enabled": "true"}}
    with write_operations.served(module_database_url, options) as service:
        yield service


@pytest.fixture
def service(shared_service: Service) -> collections.abc.Iterator[Service]:
    yield shared_service
    shared_service.keeper.restore()


def recorded(conn: sa.Connection) -> list[typing.Any]:
    """Return all rows without a position, in the order of their ids."""
    columns = _changes.c
    subject = sa.func.coalesce(columns.provider_uuid, columns.consumer_uuid)
    select = sa.select(columns.kind, subject, columns.generation)
    return list(map(tuple, conn.execute(select.order_by(columns.id))))


@pytest.mark.parametrize("write", write_operations.WRITES, ids=lambda write: write.name)
def test_a_write_records_its_changes_once(service: Service, write: Write) -> None:
    before = len(service.keeper.look(recorded))

    answer = write_operations.send(service.application, write)

    assert answer.status_int == write.status
    rows = service.keeper.look(recorded)[before:]
    is_silent = write.status >= 400 or write.name in UNRECORDED
    assert sorted(rows) == ([] if is_silent else sorted(RECORDED[write.name]))

    answer = write_operations.send(service.application, write)

    assert answer.status_int == write.again
    if write.again >= 400:
        assert len(service.keeper.look(recorded)) == before + len(rows)


@pytest.mark.parametrize("count", [8, 9, 150])
def test_every_consumer_of_a_request_is_recorded(service: Service, count: int) -> None:
    before = len(service.keeper.look(recorded))
    consumers = [f"b0b4d1c8-6a0e-4d0b-9c1e-{number:012x}" for number in range(count)]

    def send(resources: dict[str, dict[str, int]], generation: int | None) -> None:
        body = write_operations.claim(resources, generation)
        write = Write("", "POST /allocations", dict.fromkeys(consumers, body), 204, 0)
        answer = write_operations.send(service.application, write)
        assert answer.status_int == 204, answer.text

    offer = {"VCPU": {"total": 200}, "MEMORY_MB": {"total": 4096}}
    body = {"inventories": offer, "resource_provider_generation": 3}
    path = f"/resource_providers/{EMPTY}/inventories"
    write_operations.send(service.application, Write("", f"PUT {path}", body, 200, 0))
    send({EMPTY: {"VCPU": 1}}, None)
    send({EMPTY: {"MEMORY_MB": 1}}, 1)
    send({}, 2)

    rows = service.keeper.look(recorded)[before + 1 :]
    assert [sorted(rows[n * count : (n + 1) * count]) for n in range(3)] == [
        [("allocations", consumer, generation) for consumer in consumers]
        for generation in (1, 2, None)
    ]


@pytest.mark.parametrize("end", ["confirm", "extend", "expire"])
def test_holds_are_recorded(service: Service, end: str) -> None:
    placed = {
        "claims": [
            {
                "consumer_uuid": STRANGER,
                "project_id": write_operations.PROJECT,
                "user_id": write_operations.USER,
                "consumer_type": "INSTANCE",
                "query": "resources=VCPU:1",
            }
        ],
        "hold_seconds": 1 if end == "expire" else 3600,
    }
    before = len(service.keeper.look(recorded))

    def send(path: str, body: write_operations.Body, status: int) -> None:
        write = Write("", f"POST /-/v1/{path}", body, status, 0)
        answer = write_operations.send(service.application, write)
        assert answer.status_int == status, answer.text

    send("claims", placed, 200)
    if end == "confirm":
        send(f"holds/{STRANGER}:confirm", None, 204)
    elif end == "extend":
        send(f"holds/{STRANGER}:extend", {"seconds": 60}, 200)
    else:
        service.keeper.look(expire_holds)
        # Before a claim is refused, expired holds are released.
        too_much = write_operations.claim({HOST: {"VCPU": 8}})
        path = f"PUT /allocations/{write_operations.UNKNOWN}"
        refused = Write("", path, too_much, 409, 0)
        assert write_operations.send(service.application, refused).status_int == 409

    rows = service.keeper.look(recorded)[before:]
    assert rows[:2] == [("allocations", STRANGER, 1), ("hold", STRANGER, 1)]
    ended = ("allocations", STRANGER, None) if end == "expire" else rows[1]
    assert rows[2:] == [ended]


def expire_holds(conn: sa.Connection) -> list[str]:
    conn.execute(sa.update(tables.holds).values(expires_at=0))
    conn.commit()
    return []


def test_a_write_names_the_kinds_that_the_feed_has() -> None:
    kinds = {kind for rows in RECORDED.values() for kind, _, _ in rows}

    assert kinds == set(change.KINDS) - {change.HOLD}


@pytest.mark.parametrize("write", write_operations.WRITES, ids=lambda write: write.name)
def test_without_the_feed_no_statement_is_about_it(
    write: Write, unrecorded: server.Application
) -> None:
    with statements.recorded() as sent:
        write_operations.send(unrecorded, write)

    assert sent
    assert not [each for each in sent if _changes.name in each]


@pytest.fixture(scope="module")
def unrecorded(
    module_database_url: str, shared_service: Service
) -> collections.abc.Iterator[server.Application]:
    """A service without the feed, on a database that has one."""
    with server.in_process(module_database_url) as application:
        yield application
    shared_service.keeper.restore()
