"""``/-/v1/providers/{uuid}/state``: take a provider out of service, and return it."""

import typing

import flask

from placement import exception
from placement.api.operation import Answer
from placement.db import transaction
from placement.objects import provider_state
from placement.objects.provider_state import Change, State
from placement.policies import extension as extension_policy
from placement.schemas import provider_state as schema
from placement.web import times, view

blueprint = flask.Blueprint("provider_state", __name__)


@view.operation(
    blueprint,
    "GET /-/v1/providers/<uuid>/state",
    Answer(200, schema.RESPONSE),
    rule=extension_policy.READ,
    has_head=True,
    refuses=(404,),
)
def show_provider_state(uuid: str) -> flask.Response:
    """Show the state of one provider: since when, until when, why, and set by whom.

    Raises ResourceProviderNotFound.
    """
    found = transaction.read(
        view.context(), lambda conn: provider_state.get(conn, uuid)
    )
    return view.json(_document(found))


@view.operation(
    blueprint,
    "PUT /-/v1/providers/<uuid>/state",
    Answer(200, schema.RESPONSE),
    rule=extension_policy.MANAGE,
    body=schema.BODY,
    refuses=(404, 409),
)
def set_provider_state(uuid: str) -> flask.Response:
    """Set the state of one provider and, unless ``subtree`` is false, of all below it.

    After the response, no new or larger allocation of a provider that is not in service
    succeeds, and searches skip it. What it has allocated can shrink and leave.

    Raises BadRequest for an ``until`` that is not in the future, is not a time, or
    belongs to ``in_service``; SchemaInvalid and ResourceProviderNotFound.
    """
    change = _change(view.json_body())
    context = view.context()
    found = transaction.write(
        context, lambda conn: provider_state.put(conn, uuid, change, context.caller)
    )
    return view.json(_document(found))


def _change(body: dict[str, typing.Any]) -> Change:
    state = provider_state.NAMES.index(body["state"])
    until = body.get("until")
    if until is not None and provider_state.is_in_service(state):
        raise exception.BadRequest(
            reason="The member 'until' must be null for the state 'in_service'."
        )
    try:
        moment = None if until is None else times.parse(until)
    except ValueError as invalid:
        raise exception.BadRequest(
            reason=f"The member 'until' is not a time: {invalid}. Give one such as "
            "2030-01-31T12:00:00Z."
        ) from invalid
    return Change(
        state=state,
        has_subtree=body.get("subtree", True),
        reason=body.get("reason") or "",
        until=moment,
    )


def _document(found: State) -> dict[str, typing.Any]:
    return {
        "uuid": found.uuid,
        "name": found.name,
        "state": provider_state.name_of(found.state),
        "reason": found.reason,
        "until": None if found.until is None else times.render(found.until),
        "set_at": None if found.set_at is None else times.render(found.set_at),
        "project_id": found.project_id,
        "user_id": found.user_id,
    }
