"""``/-/v1/consumers:release``: delete consumers with what they hold, and record it."""

import typing

import flask
import orjson
import sqlalchemy as sa

from placement import extension_exception, uuids
from placement.api.operation import Answer, Parameter
from placement.db import transaction
from placement.metrics import counted
from placement.objects import release
from placement.objects.consumer_page import ConsumerDetails
from placement.policies import extension as extension_policy
from placement.schemas import consumers as schema
from placement.web import consumer_documents, page_token, times, view

blueprint = flask.Blueprint("releases", __name__)


@view.operation(
    blueprint,
    "POST /-/v1/consumers:release",
    Answer(200, schema.RELEASED),
    rule=extension_policy.MANAGE,
    refuses=(409,),
    body=schema.RELEASE_BODY,
)
def release_consumers() -> flask.Response:
    """Release all of the consumers or none, as ``DELETE /allocations`` does.

    ``generation`` is the one that the caller has read. The answer has the consumers as
    they were; with ``validate_only``, nothing is changed.

    Raises SchemaInvalid; BadRequest for a consumer that is listed twice; and 409 with
    the ``consumers`` that are unknown or have another generation.
    """
    body = view.json_body()
    wanted: dict[str, int] = {}
    for each in body["consumers"]:
        uuid = uuids.canonical_or_same(each["uuid"])
        if uuid in wanted:
            raise extension_exception.DuplicateConsumer(uuid=uuid)
        # The schema accepts 2.0 as an integer.
        wanted[uuid] = int(each["generation"])
    is_validated_only = body.get("validate_only", False)
    if is_validated_only:
        found = _check(wanted)
    else:
        with counted.claims("release"):
            found = _release(wanted, body.get("reason", ""))
    return view.json(
        {
            "released": list(map(consumer_documents.document, found)),
            "validate_only": is_validated_only,
        }
    )


def _check(wanted: release.Wanted) -> list[ConsumerDetails]:
    context = view.context()
    return transaction.read_before_write(
        context, lambda conn: release.check(conn, context.names, wanted)
    )


def _release(wanted: release.Wanted, reason: str) -> list[ConsumerDetails]:
    context = view.context()

    def work(conn: sa.Connection) -> list[ConsumerDetails]:
        return release.release(conn, context.names, wanted, reason, context.caller)

    return transaction.write(context, work)


@view.operation(
    blueprint,
    "GET /-/v1/consumers:releases",
    Answer(200, schema.RELEASES),
    rule=extension_policy.READ,
    query=schema.RELEASES_QUERY,
    parameters={
        "uuid": Parameter("The releases of this consumer."),
        **page_token.parameters("Releases"),
    },
)
def list_releases() -> flask.Response:
    """List what was released, the last one first: by whom, when, why, and what it held.

    ``restore`` is the body of ``PUT /allocations`` that puts the consumer back, and the
    microversion to send it with. Raises PageTokenInvalid.
    """
    given = view.query().last_values()
    uuid = given.get("uuid")
    if uuid is not None:
        uuid = uuids.canonical_or_same(uuid)
    query = ["releases", uuid]
    token = given.get("page_token")
    before = None if token is None else page_token.decode(query, token)
    size = int(given.get("page_size", schema.PAGE_SIZE))
    found = transaction.read(
        view.context(), lambda conn: release.get_page(conn, uuid, before, size + 1)
    )
    page = found[:size]
    has_more = len(found) > size
    return view.json(
        {
            "releases": list(map(_document, page)),
            "next_page_token": (
                page_token.encode(query, page[-1].id) if has_more else None
            ),
        }
    )


def _document(found: release.Release) -> dict[str, typing.Any]:
    return {
        "consumer_uuid": found.consumer,
        "released_at": times.render(found.released_at),
        "reason": found.reason,
        "project_id": found.project_id,
        "user_id": found.user_id,
        "restore": orjson.Fragment(found.restore),
    }
