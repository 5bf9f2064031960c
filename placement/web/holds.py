"""``/-/v1/holds``: claims that expire unless they are confirmed."""

import typing

import flask
import sqlalchemy as sa

from placement import uuids
from placement.api.operation import NO_CONTENT, Answer
from placement.db import transaction
from placement.objects import hold
from placement.policies import extension as extension_policy
from placement.schemas import claims as schema
from placement.web import page_token, times, view

blueprint = flask.Blueprint("holds", __name__)

_PAGE_SIZE = 1000
# No query but the list itself.
_QUERY: list[typing.Any] = ["holds"]


@view.operation(
    blueprint,
    "GET /-/v1/holds",
    Answer(200, schema.HOLDS),
    rule=extension_policy.READ,
    query=schema.HOLDS_QUERY,
    parameters=page_token.parameters("Holds"),
)
def list_holds() -> flask.Response:
    """List the consumers with a hold, in pages.

    Raises QueryInvalid for a ``page_size`` that is too large, and PageTokenInvalid.
    """
    query = view.query()
    size = int(query.last("page_size") or _PAGE_SIZE)
    token = query.last("page_token")
    after = 0 if token is None else page_token.decode(_QUERY, token)
    found = transaction.read(
        view.context(), lambda conn: hold.read_page(conn, after, size + 1)
    )
    page = found[:size]
    is_last = len(found) <= size
    return view.json(
        {
            "holds": [_document(each.consumer, each.expires_at) for each in page],
            "next_page_token": (
                None if is_last else page_token.encode(_QUERY, page[-1].consumer_id)
            ),
        }
    )


@view.operation(
    blueprint,
    "POST /-/v1/holds/<consumer_uuid>:confirm",
    NO_CONTENT,
    rule=extension_policy.CLAIM,
    refuses=(404,),
)
def confirm_hold(consumer_uuid: str) -> flask.Response:
    """Let a consumer keep what it holds.

    Raises HoldNotFound, also for a hold that has expired.
    """
    uuid = uuids.canonical_or_same(consumer_uuid)
    transaction.write(view.context(), lambda conn: hold.confirm(conn, uuid))
    return view.no_content()


@view.operation(
    blueprint,
    "POST /-/v1/holds/<consumer_uuid>:extend",
    Answer(200, schema.HOLD),
    rule=extension_policy.CLAIM,
    refuses=(404,),
    body=schema.EXTEND_BODY,
)
def extend_hold(consumer_uuid: str) -> flask.Response:
    """Let a hold expire a number of seconds from now.

    Raises SchemaInvalid, and HoldNotFound, also for a hold that has expired.
    """
    uuid = uuids.canonical_or_same(consumer_uuid)
    seconds = int(view.json_body()["seconds"])

    def extend(conn: sa.Connection) -> int:
        return hold.extend(conn, uuid, seconds)

    return view.json(_document(uuid, transaction.write(view.context(), extend)))


def _document(consumer: str, expires_at: int) -> dict[str, str]:
    return {"consumer_uuid": consumer, "expires_at": times.render(expires_at)}
