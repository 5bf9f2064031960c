"""Providers that are not in service, in the database and through claims."""

import collections.abc
import threading
import time
import typing
import uuid

import pytest
import sqlalchemy as sa
import webob

from placement import exception, extension_exception, sweeper
from placement.caller import Caller
from placement.db import revision, tables, transaction
from placement.objects import change, claim, provider_state
from placement.objects.claim_request import Amount, Claim
from placement.objects.consumer import Owner
from placement.objects.provider_state import Change
from tests.functional import write_operations
from tests.functional.db import contexts
from tests.functional.write_operations import EMPTY, HOLDER, HOST, NEW, NODE, OTHER
from tests.servers import server

OWNER = Owner(write_operations.PROJECT, write_operations.USER, "INSTANCE")
CALLER = Caller("alice", "operators")
CORDON = Change(provider_state.CORDONED, True, "new firmware", None)
RETURN = Change(provider_state.IN_SERVICE, True, "", None)

_providers = tables.resource_providers
_states = tables.provider_states

Send = collections.abc.Callable[..., webob.Response]
Body = dict[str, typing.Any]


@pytest.fixture
def context(
    application: server.Application, database_url: str
) -> collections.abc.Iterator[typing.Any]:
    write_operations.set_up(application)
    with contexts.context(database_url) as made:
        yield made


def put(context: typing.Any, provider: str, wanted: Change) -> provider_state.State:
    return transaction.write(
        context, lambda conn: provider_state.put(conn, provider, wanted, CALLER)
    )


def new_claim(provider: str, units: int = 1, resource_class: str = "VCPU") -> Claim:
    amounts = (Amount(provider, resource_class, units),)
    return Claim(str(uuid.uuid4()), amounts, OWNER, None)


def states_of(context: typing.Any) -> dict[str, int]:
    with context.engine.connect() as conn:
        return dict(
            conn.execute(sa.select(_providers.c.uuid, _providers.c.state)).all()
        )


def history_of(context: typing.Any, provider: str) -> list[sa.Row[typing.Any]]:
    select = (
        sa.select(_states)
        .join(_providers, _providers.c.id == _states.c.resource_provider_id)
        .where(_providers.c.uuid == provider)
        .order_by(_states.c.id)
    )
    with context.engine.connect() as conn:
        return list(conn.execute(select))


def test_the_first_claim_after_a_return_succeeds_in_either_way(
    context: typing.Any,
) -> None:
    """On PostgreSQL, the first claim is pipelined, and the others after a refusal."""
    for _ in range(2):
        put(context, EMPTY, CORDON)
        for _ in range(2):
            with pytest.raises(extension_exception.ProviderNotInService) as refused:
                claim.write(context, [new_claim(EMPTY)])
            assert refused.value.details == {"uuid": EMPTY, "state": "cordoned"}
        put(context, EMPTY, RETURN)
        claim.write(context, [new_claim(EMPTY)])
        claim.write(context, [new_claim(EMPTY)])


def test_a_claim_of_several_providers_fails_if_one_is_not_in_service(
    context: typing.Any,
) -> None:
    put(context, OTHER, CORDON)
    amounts = (Amount(EMPTY, "VCPU", 1), Amount(OTHER, "VCPU", 1))
    with pytest.raises(extension_exception.ProviderNotInService):
        claim.write(context, [Claim(str(uuid.uuid4()), amounts, OWNER, None)])


def test_unit_rules_are_reported_before_the_state_and_room_after_it(
    context: typing.Any,
) -> None:
    put(context, OTHER, CORDON)
    with pytest.raises(exception.InventoryConstraintsViolated):
        claim.write(context, [new_claim(OTHER, 100, "MEMORY_MB")])
    with pytest.raises(extension_exception.ProviderNotInService):
        claim.write(context, [new_claim(OTHER, 99)])


def test_a_state_has_a_row_of_history_for_each_provider_below(
    context: typing.Any,
) -> None:
    before = time.time()
    put(context, HOST, CORDON)
    states = states_of(context)
    cordoned = {one for one, state in states.items() if state}
    assert {HOST, NODE} < cordoned
    assert OTHER not in cordoned
    for provider in cordoned:
        (row,) = history_of(context, provider)
        assert (row.state, row.reason, row.until) == (1, "new firmware", None)
        assert (row.project_id, row.user_id) == ("operators", "alice")
        assert abs(row.set_at / 1e6 - before) < 60
    put(context, NODE, RETURN)
    states = states_of(context)
    assert states[HOST] == provider_state.CORDONED
    assert states[NODE] == provider_state.IN_SERVICE
    assert [row.state for row in history_of(context, NODE)] == [1, 0]


def revisions_of(context: typing.Any) -> dict[str, tuple[int, int]]:
    columns = _providers.c.uuid, _providers.c.revision, _providers.c.generation
    with context.engine.connect() as conn:
        return {row[0]: (row[1], row[2]) for row in conn.execute(sa.select(*columns))}


def test_a_state_advances_revisions_and_no_generation(context: typing.Any) -> None:
    before = revisions_of(context)
    put(context, HOST, Change(provider_state.CORDONED, False, "", None))
    after = revisions_of(context)
    changed = {one for one in before if before[one] != after[one]}
    assert changed == {HOST}
    assert after[HOST][0] > before[HOST][0]
    # Not of the usage only.
    assert after[HOST][0] % 2 == 0
    assert after[HOST][1] == before[HOST][1]


def test_a_deleted_provider_leaves_no_history(
    context: typing.Any, application: server.Application
) -> None:
    put(context, EMPTY, CORDON)
    gone = write_operations.Write(
        "", f"DELETE /resource_providers/{EMPTY}", None, 204, 404
    )
    assert write_operations.send(application, gone).status_int == 204
    with context.engine.connect() as conn:
        assert conn.scalar(sa.select(sa.func.count()).select_from(_states)) == 0


def let_pass(context: typing.Any, provider: str) -> None:
    """Set ``until`` of the last row of a provider to a time that has passed."""
    row = history_of(context, provider)[-1]
    with context.engine.begin() as conn:
        conn.execute(
            sa.update(_states)
            .where(_states.c.id == row.id)
            .values(until=revision.clock() - 1)
        )


def later(context: typing.Any) -> int:
    with context.engine.connect() as conn:
        now: int = conn.scalar(sa.select(revision.clock() + 10**12))
        return now


def test_providers_return_to_service_when_their_time_has_passed(
    context: typing.Any,
) -> None:
    until = later(context)
    put(context, HOST, CORDON._replace(until=until))
    put(context, OTHER, CORDON._replace(until=until))
    provider_state.return_to_service(context)
    states = states_of(context)
    assert states[HOST] == states[NODE] == states[OTHER] == provider_state.CORDONED

    let_pass(context, HOST)
    before = revisions_of(context)
    sweeper.sweep(context)
    provider_state.return_to_service(context)
    states = states_of(context)
    assert states[HOST] == provider_state.IN_SERVICE
    assert states[NODE] == states[OTHER] == provider_state.CORDONED
    assert revisions_of(context)[HOST] > before[HOST]
    _, returned = history_of(context, HOST)
    assert (returned.state, returned.until) == (provider_state.IN_SERVICE, None)
    assert returned.reason == provider_state.EXPIRED
    assert returned.user_id is returned.project_id is None


def test_the_feed_records_each_change_of_a_state(context: typing.Any) -> None:
    change.turn_on(context.engine)
    put(context, NODE, CORDON._replace(until=later(context)))
    let_pass(context, NODE)
    provider_state.return_to_service(context)
    columns = tables.changes.c
    select = sa.select(columns.provider_uuid).where(columns.kind == change.STATE)
    with context.engine.connect() as conn:
        recorded = conn.scalars(select.order_by(columns.id)).all()
    # Of the tree below it, too, when it is cordoned.
    assert recorded == [NODE, write_operations.DEVICE, NODE]


def test_only_the_current_time_of_a_provider_counts(context: typing.Any) -> None:
    put(context, OTHER, CORDON._replace(until=later(context)))
    let_pass(context, OTHER)
    put(context, OTHER, CORDON)
    provider_state.return_to_service(context)
    assert states_of(context)[OTHER] == provider_state.CORDONED


def test_a_time_that_has_passed_is_refused(context: typing.Any) -> None:
    with pytest.raises(exception.BadRequest, match="until"):
        put(context, OTHER, CORDON._replace(until=1))
    assert states_of(context)[OTHER] == provider_state.IN_SERVICE


def test_concurrent_sweeps_add_one_row(context: typing.Any) -> None:
    put(context, HOST, CORDON._replace(until=later(context)))
    let_pass(context, HOST)
    let_pass(context, NODE)
    sweeps = [
        threading.Thread(target=provider_state.return_to_service, args=(context,))
        for _ in range(4)
    ]
    for sweep in sweeps:
        sweep.start()
    for sweep in sweeps:
        sweep.join()
    for provider in (HOST, NODE):
        assert [row.state for row in history_of(context, provider)] == [1, 0]


def test_history_of_a_deleted_provider_is_not_that_of_a_new_one(
    context: typing.Any,
) -> None:
    """Another service deletes a provider without its history; SQLite reuses ids."""
    put(context, OTHER, CORDON)
    with context.engine.begin() as conn:
        conn.execute(
            sa.update(_providers).where(_providers.c.uuid == OTHER).values(state=0)
        )
    found = transaction.read(context, lambda conn: provider_state.get(conn, OTHER))
    assert (found.state, found.reason, found.user_id) == (0, "", None)


def reshape(application: server.Application, cordoned: str, context: typing.Any) -> int:
    put(context, cordoned, CORDON._replace(has_subtree=False))
    (write,) = [one for one in write_operations.WRITES if one.name == "reshape"]
    return write_operations.send(application, write).status_int


@pytest.mark.parametrize(("cordoned", "status"), [(HOST, 204), (NODE, 409)])
def test_a_reshape_moves_allocations_away_only(
    application: server.Application, context: typing.Any, cordoned: str, status: int
) -> None:
    """It moves VCPU from HOST to NODE."""
    assert reshape(application, cordoned, context) == status


def test_what_a_consumer_holds_can_stay_with_its_generation(
    application: server.Application, context: typing.Any
) -> None:
    """The same allocations are written again while the provider is cordoned."""
    put(context, HOST, CORDON)
    headers = {"x-auth-token": "admin", "openstack-api-version": "placement 1.39"}
    path = f"/allocations/{HOLDER}"
    held = webob.Request.blank(path, headers=headers).get_response(application).json
    request = webob.Request.blank(path, headers=headers, method="PUT")
    request.content_type = "application/json"
    request.json = held
    assert request.get_response(application).status_int == 204


def test_a_provider_that_is_created_below_a_cordoned_one_is_in_service(
    application: server.Application, context: typing.Any
) -> None:
    put(context, HOST, CORDON)
    body = {"name": "new", "uuid": NEW, "parent_provider_uuid": HOST}
    offer = {"resource_class": "VCPU", "total": 4}
    for request, sent in (
        ("POST /resource_providers", body),
        (f"POST /resource_providers/{NEW}/inventories", offer),
    ):
        created = write_operations.Write("", request, sent, 200, 409)
        assert write_operations.send(application, created).status_int < 300

    claim.write(context, [new_claim(NEW)])
    assert states_of(context)[NEW] == provider_state.IN_SERVICE
    # Setting the state of the tree again includes it.
    put(context, HOST, CORDON)
    with pytest.raises(extension_exception.ProviderNotInService):
        claim.write(context, [new_claim(NEW)])
