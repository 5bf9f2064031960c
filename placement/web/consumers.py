"""``/-/v1/consumers``: many consumers with what they hold."""

import typing

import flask
import sqlalchemy as sa

from placement import exception
from placement.api.operation import Answer, Parameter
from placement.db import transaction
from placement.objects import consumer_page
from placement.objects.consumer_page import ConsumerFilters
from placement.policies import extension as extension_policy
from placement.schemas import consumers as schema
from placement.web import bulk, page_token, view
from placement.web import consumer_documents as documents

if typing.TYPE_CHECKING:
    import collections.abc

blueprint = flask.Blueprint("consumers", __name__)

# Consumers that are read, and sent, at a time.
_PER_CHUNK = 1000

FILTER_PARAMETERS = {
    "project_id": Parameter("Consumers of this project."),
    "user_id": Parameter("Consumers of this user."),
    "consumer_type": Parameter("Consumers of this type; `unknown`: without one."),
    "provider": Parameter("Consumers that hold something of this provider."),
    "in_tree": Parameter("Consumers that hold something in this provider's tree."),
    "resource_class": Parameter("Consumers that hold units of this class.", "VCPU"),
    "created_before": Parameter(
        "Consumers that were created before this time.", "2030-01-31T12:00:00Z"
    ),
    "updated_before": Parameter(
        "Consumers that were last updated before this time.", "2030-01-31T12:00:00Z"
    ),
}

_MANY = Answer(200, schema.CONSUMERS, media_types=(view.NDJSON,))


@view.operation(
    blueprint,
    "GET /-/v1/consumers",
    _MANY,
    Answer(304),
    rule=extension_policy.READ,
    has_head=True,
    query=schema.QUERY,
    parameters=FILTER_PARAMETERS | page_token.parameters("Consumers"),
)
def list_consumers() -> flask.Response:
    """List the consumers that match all filters, with what they hold.

    The answer is one page or, as ``application/x-ndjson``, all consumers, one per line
    and from one snapshot. A consumer that exists while all pages are read is on exactly
    one. Raises BadRequest for an unknown or malformed parameter and for an unknown
    resource class, and PageTokenInvalid.
    """
    given = view.query().last_values()
    return _answer(given, documents.filters(given))


@view.operation(
    blueprint,
    "POST /-/v1/consumers:query",
    _MANY,
    rule=extension_policy.READ,
    body=schema.QUERY_BODY,
)
def query_consumers() -> flask.Response:
    """List consumers as ``GET /-/v1/consumers`` does, with the parameters in the body.

    ``uuid`` is one consumer, or a list. Raises the same, and SchemaInvalid.
    """
    given = view.json_body()
    wanted = given.get("uuid")
    if isinstance(wanted, str):
        wanted = [wanted]
    return _answer(given, documents.filters(given, wanted))


def read_conditions(
    conn: sa.Connection, filters: ConsumerFilters
) -> consumer_page.Conditions | None:
    """Return the conditions of the filters. Raises BadRequest for an unknown class."""
    try:
        return consumer_page.conditions(conn, view.context().names, filters)
    except exception.ResourceClassNotFound as unknown:
        raise exception.BadRequest(
            reason=f"The parameter 'resource_class' is unknown: {unknown}"
        ) from unknown


def _answer(
    given: "collections.abc.Mapping[str, typing.Any]", filters: ConsumerFilters
) -> flask.Response:
    return _lines(given, filters) if bulk.wants_lines() else _page(given, filters)


def _page(
    given: "collections.abc.Mapping[str, typing.Any]", filters: ConsumerFilters
) -> flask.Response:
    """Return one page, which may be shorter than asked for."""
    names = view.context().names
    token = given.get("page_token")
    query = ["consumers", *filters]
    after = consumer_page.BEFORE_ALL
    if token is not None:
        after = page_token.decode(query, token)
    # An integer may be written as 10.0.
    size = int(given.get("page_size", schema.PAGE_SIZE))

    def read(conn: sa.Connection) -> tuple[list[bytes], int | None]:
        conditions = read_conditions(conn, filters)
        return bulk.read_page(
            lambda last_id, count: consumer_page.get_page(
                conn, names, conditions, after_id=last_id, size=count
            ),
            documents.listed,
            after_id=after,
            size=size,
            per_chunk=_PER_CHUNK,
        )

    lists, last_id = transaction.read_within(view.context(), bulk.seconds_max(), read)
    following = None if last_id is None else page_token.encode(query, last_id)
    return bulk.tagged(bulk.page("consumers", lists, following))


def _lines(
    given: "collections.abc.Mapping[str, typing.Any]", filters: ConsumerFilters
) -> flask.Response:
    """Return all consumers, one per line."""
    bulk.require_no_page(given)
    names = view.context().names

    def read(conn: sa.Connection) -> "collections.abc.Iterator[bytes]":
        conditions = read_conditions(conn, filters)
        pages = consumer_page.each_page(conn, names, conditions, _PER_CHUNK)
        return map(documents.lines, pages)

    return bulk.lines(read)
