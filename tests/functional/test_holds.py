"""Holds expire by the clock of the database, and give way to claims."""

import collections.abc
import typing
import uuid

import pytest
import sqlalchemy as sa

from placement import client, exception, extension_exception, sweeper
from placement.db import tables, transaction
from placement.objects import allocation, claim, consumer, hold, limit
from placement.objects.claim import Extras
from placement.objects.claim_request import Amount, Claim
from tests.functional import invariants
from tests.functional.db import contexts, worlds
from tests.servers import server

HOST = "10000000-0000-4000-8000-000000000001"
OWNER = consumer.Owner("p", "u", None)

# A host of 4 units.
ROWS = (
    "INSERT INTO resource_providers"
    " (id, uuid, name, generation, root_provider_id, parent_provider_id, revision)"
    f" VALUES (1, '{HOST}', 'host', 0, 1, NULL, 2)",
    "INSERT INTO inventories (id, resource_provider_id, resource_class_id, total,"
    " reserved, min_unit, max_unit, step_size, allocation_ratio)"
    " VALUES (1, 1, 0, 4, 0, 1, 4, 1, 1.0)",
)


@pytest.fixture
def context(database_url: str) -> collections.abc.Iterator[typing.Any]:
    with contexts.context(database_url) as made:
        worlds.clear(made.engine)
        worlds.execute(made.engine, *ROWS)
        yield made
        assert not invariants.violations(database_url)
        worlds.clear(made.engine)


def claim_of(units: int) -> Claim:
    amounts = (Amount(HOST, "VCPU", units),)
    return Claim(str(uuid.uuid4()), amounts, OWNER, None)


def held(context: typing.Any, units: int, seconds: int = 60) -> str:
    """Hold units and return the consumer."""
    wanted = claim_of(units)
    claim.place(context, [wanted], Extras(hold_seconds=seconds))
    return wanted.consumer


def expire(context: typing.Any, consumer_uuid: str) -> None:
    consumers = tables.consumers
    of_consumer = sa.select(consumers.c.id).where(consumers.c.uuid == consumer_uuid)
    transaction.write(
        context,
        lambda conn: conn.execute(
            sa.update(tables.holds)
            .where(tables.holds.c.consumer_id == of_consumer.scalar_subquery())
            .values(expires_at=1)
        ),
    )


def holds(context: typing.Any) -> list[str]:
    page = transaction.read(context, lambda conn: hold.read_page(conn, 0, 10))
    return [each.consumer for each in page]


def has_allocations(context: typing.Any, consumer_uuid: str) -> bool:
    return bool(
        transaction.read(
            context, lambda conn: allocation.get_all_by_consumer(conn, consumer_uuid)
        )
    )


def test_an_expired_hold_is_swept_and_others_are_not(context: typing.Any) -> None:
    expired, running = held(context, 1), held(context, 1)
    expire(context, expired)
    assert holds(context) == [running]

    sweeper.sweep(context)

    assert not has_allocations(context, expired)
    assert has_allocations(context, running)


def test_an_expired_hold_gives_way_to_a_claim(context: typing.Any) -> None:
    expired, running = held(context, 3), held(context, 1)
    with pytest.raises(exception.CapacityExceeded):
        claim.write(context, [claim_of(3)])
    expire(context, expired)

    claim.write(context, [claim_of(3)])

    assert not has_allocations(context, expired)
    assert has_allocations(context, running)


def test_an_expired_hold_gives_way_to_a_claim_that_a_limit_refuses(
    context: typing.Any,
) -> None:
    expired = held(context, 2)
    transaction.write(
        context,
        lambda conn: limit.replace(conn, OWNER.project_id, {"VCPU": 3}),
    )
    with pytest.raises(extension_exception.LimitExceeded):
        claim.write(context, [claim_of(2)])
    expire(context, expired)

    claim.write(context, [claim_of(2)])

    assert not has_allocations(context, expired)


def released_by_another(
    monkeypatch: pytest.MonkeyPatch, context: typing.Any, consumer_uuid: str
) -> None:
    """Let the next sweep find that another process was faster."""
    release = hold.release_expired
    expire(context, consumer_uuid)

    def faster(asked: typing.Any) -> int:
        monkeypatch.undo()
        assert release(context) == 1
        return release(asked)

    monkeypatch.setattr(hold, "release_expired", faster)


def test_a_claim_succeeds_if_another_process_releases_the_expired_hold(
    context: typing.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    released_by_another(monkeypatch, context, held(context, 3))

    claim.write(context, [claim_of(3)])


def test_a_limited_claim_succeeds_if_another_process_releases_the_expired_hold(
    context: typing.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    expired = held(context, 2)
    transaction.write(
        context,
        lambda conn: limit.replace(conn, OWNER.project_id, {"VCPU": 3}),
    )
    released_by_another(monkeypatch, context, expired)

    claim.write(context, [claim_of(2)])


def test_a_pick_succeeds_if_another_process_releases_the_expired_hold(
    context: typing.Any,
    application: server.Application,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released_by_another(monkeypatch, context, held(context, 3))
    wanted = client.Wanted(str(uuid.uuid4()), "resources=VCPU:3", "p", "u")

    client.Client(client.WSGITransport(application)).place(wanted)

    assert has_allocations(context, str(wanted.consumer))


def test_an_expired_hold_gives_way_to_a_reshape(
    context: typing.Any, application: server.Application
) -> None:
    def as_service(environ: typing.Any, start_response: typing.Any) -> typing.Any:
        return application(environ | {"HTTP_X_ROLES": "admin,service"}, start_response)

    expired = held(context, 3)
    api = client.Client(client.WSGITransport(as_service))
    wanted = client.Allocations(
        {HOST: {"VCPU": 3}}, project_id="p", user_id="u", consumer_type="INSTANCE"
    )
    shape = {HOST: api.get_inventories(HOST)}
    with pytest.raises(client.Conflict):
        api.reshape(shape, {uuid.uuid4(): wanted})
    expire(context, expired)

    api.reshape(shape, {uuid.uuid4(): wanted})

    assert not has_allocations(context, expired)


def test_a_consumer_whose_hold_has_expired_can_be_placed_again(
    context: typing.Any, application: server.Application
) -> None:
    expired = held(context, 1)
    api = client.Client(client.WSGITransport(application))
    wanted = client.Wanted(expired, "resources=VCPU:2", "p", "u")
    with pytest.raises(client.Conflict):
        api.place(wanted)
    expire(context, expired)

    (placed,) = api.place(wanted)

    assert placed.by_provider == {HOST: {"VCPU": 2}}
    assert holds(context) == []


def test_a_group_whose_holds_have_expired_can_get_another_policy(
    context: typing.Any, application: server.Application
) -> None:
    api = client.Client(client.WSGITransport(application))
    first, second = (
        client.Wanted(str(uuid.uuid4()), "resources=VCPU:1", "p", "u") for _ in range(2)
    )
    apart = client.Group("g", "anti-affinity")
    together = client.Group("g", "affinity")
    api.place(first, group=apart, hold_seconds=60)
    with pytest.raises(client.Conflict):
        api.place(second, group=together)
    expire(context, str(first.consumer))

    api.place(second, group=together)

    assert not has_allocations(context, str(first.consumer))


def test_a_confirmed_hold_stays(context: typing.Any) -> None:
    confirmed = held(context, 1)

    transaction.write(context, lambda conn: hold.confirm(conn, confirmed))

    sweeper.sweep(context)
    assert holds(context) == []
    assert has_allocations(context, confirmed)


def test_an_expired_hold_cannot_be_confirmed_or_extended(context: typing.Any) -> None:
    expired = held(context, 1)
    expire(context, expired)

    with pytest.raises(extension_exception.HoldNotFound):
        transaction.write(context, lambda conn: hold.confirm(conn, expired))
    with pytest.raises(extension_exception.HoldNotFound):
        transaction.write(context, lambda conn: hold.extend(conn, expired, 60))


def test_an_extended_hold_expires_later(context: typing.Any) -> None:
    extended = held(context, 1, seconds=1)
    (before,) = transaction.read(context, lambda conn: hold.read_page(conn, 0, 10))

    until = transaction.write(context, lambda conn: hold.extend(conn, extended, 600))

    assert until > before.expires_at + 500 * hold.MICROSECONDS


def test_a_released_consumer_has_no_hold(context: typing.Any) -> None:
    claim.release(context, held(context, 1))

    assert holds(context) == []
    with context.engine.connect() as conn:
        assert conn.scalars(sa.select(tables.holds.c.consumer_id)).all() == []
