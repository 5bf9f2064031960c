"""``/-/v1/providers``: many providers with their inventories, traits and so on."""

import collections.abc

import flask
import sqlalchemy as sa

from placement import extension_exception, uuids
from placement.api.microversion import MAX_VERSION
from placement.api.operation import Answer, Parameter
from placement.candidates import providers
from placement.candidates.query import request as candidates_request
from placement.db import transaction
from placement.objects import provider_page
from placement.objects.provider_page import ProviderDetails, Selection
from placement.policies import extension as extension_policy
from placement.schemas import checks
from placement.schemas import extension as schema
from placement.schemas import extension_responses as responses
from placement.web import bulk, page_token, provider_query, view
from placement.web import provider_documents as documents
from placement.web.provider_query import ProviderQuery

blueprint = flask.Blueprint("providers", __name__)

# Providers that are read, and sent, at a time by an answer in lines.
_PROVIDERS_PER_CHUNK = 500
# A provider may have allocations of hundreds of consumers. Also for pages.
_PROVIDERS_PER_CHUNK_WITH_ALLOCATIONS = 50

_INCLUDE = Parameter("Parts to add, separated by commas.", "inventories,usages")
_PARAMETERS = {
    "name": Parameter("The name of the provider."),
    "uuid": Parameter("The uuid of the provider."),
    "in_tree": Parameter("Providers in the tree of this provider."),
    "member_of": Parameter("Providers in these aggregates.", is_repeatable=True),
    "resources": Parameter("Providers with room for these amounts.", "VCPU:1"),
    "required": Parameter("Providers with these traits.", is_repeatable=True),
    "roots": Parameter("`true`: only root providers."),
    "state": Parameter(
        "`in_service`, `cordoned`, `quarantined` or `any`; by default those that are "
        "not quarantined."
    ),
    "include": _INCLUDE,
    **page_token.parameters("Providers"),
}

_MANY = Answer(200, responses.PROVIDERS, media_types=(view.NDJSON,))
_NOT_MODIFIED = Answer(304)


@view.operation(
    blueprint,
    "GET /-/v1/providers",
    _MANY,
    _NOT_MODIFIED,
    rule=extension_policy.READ,
    has_head=True,
    query=schema.PROVIDERS_QUERY,
    parameters=_PARAMETERS,
)
def list_providers() -> flask.Response:
    """List the providers that match all filters, in order of creation.

    The filters are those of ``GET /resource_providers`` at the newest version, and
    ``roots``. The answer is one page or, as ``application/x-ndjson``, all providers,
    one per line and from one snapshot. A provider that exists while all pages are read
    is on exactly one. Raises BadRequest for an unknown, repeated or malformed parameter
    and for an unknown resource class or trait, and PageTokenInvalid.
    """
    return _answer(provider_query.of_query(view.query()))


@view.operation(
    blueprint,
    "POST /-/v1/providers:query",
    _MANY,
    rule=extension_policy.READ,
    body=schema.PROVIDERS_BODY,
)
def query_providers() -> flask.Response:
    """List providers as ``GET /-/v1/providers`` does, with the parameters in the body.

    ``uuid`` may be a list. Raises the same, and SchemaInvalid.
    """
    return _answer(provider_query.of_body(view.json_body()))


@view.operation(
    blueprint,
    "GET /-/v1/providers/<path:uuid>",
    Answer(200, responses.PROVIDER_DETAILS),
    _NOT_MODIFIED,
    rule=extension_policy.READ,
    has_head=True,
    query=schema.PROVIDER_QUERY,
    parameters={"include": _INCLUDE},
)
def show_provider_details(uuid: str) -> flask.Response:
    """Show one provider by its uuid or name, which are both ``uuid`` of the path.

    A uuid takes precedence.

    Raises BadRequest for a malformed ``include``, and ProviderNotFound.
    """
    context = view.context()
    include = provider_query.parse_include(view.query().last("include"))

    def read(conn: sa.Connection) -> ProviderDetails | None:
        canonical = uuids.canonical(uuid)
        return provider_page.find(conn, context.names, uuid, canonical, include)

    # No database can compare with other characters.
    is_text = not checks.NOT_TEXT.search(uuid)
    found = transaction.read(context, read) if is_text else None
    if found is None:
        raise extension_exception.ProviderNotFound(wanted=uuid)
    return bulk.tagged(documents.one(found, include))


def _answer(query: ProviderQuery) -> flask.Response:
    filters = candidates_request.parse_provider_filters(query.filters, MAX_VERSION)
    context = view.context()

    def select(conn: sa.Connection) -> Selection:
        ids = providers.find_ids(conn, context, filters)
        return Selection(ids, query.uuids, query.is_only_roots, query.states)

    return _lines(query, select) if bulk.wants_lines() else _page(query, select)


_Select = collections.abc.Callable[[sa.Connection], Selection]


def _page(query: ProviderQuery, select: _Select) -> flask.Response:
    """Return one page, which may be shorter than asked for."""
    context = view.context()
    after_id = query.page_after()
    size = query.page_size or provider_query.PAGE_SIZE
    per_chunk = (
        _PROVIDERS_PER_CHUNK_WITH_ALLOCATIONS
        if provider_page.ALLOCATIONS in query.include
        else size
    )

    def read(conn: sa.Connection) -> tuple[list[bytes], int | None]:
        selection = select(conn)
        return bulk.read_page(
            lambda last_id, count: provider_page.get_page(
                conn,
                context.names,
                selection,
                query.include,
                after_id=last_id,
                size=count,
            ),
            lambda found: documents.listed(found, query.include),
            after_id=after_id,
            size=size,
            per_chunk=per_chunk,
        )

    lists, last_id = transaction.read_within(context, bulk.seconds_max(), read)
    token = None if last_id is None else query.next_page_token(last_id)
    return bulk.tagged(bulk.page("providers", lists, token))


def _lines(query: ProviderQuery, select: _Select) -> flask.Response:
    """Return all providers, one per line."""
    bulk.require_no_page({"page_size": query.page_size, "page_token": query.page_token})
    names = view.context().names
    size = (
        _PROVIDERS_PER_CHUNK_WITH_ALLOCATIONS
        if provider_page.ALLOCATIONS in query.include
        else _PROVIDERS_PER_CHUNK
    )

    def read(conn: sa.Connection) -> collections.abc.Iterator[bytes]:
        pages = provider_page.each_page(conn, names, select(conn), query.include, size)
        return (documents.lines(page, query.include) for page in pages)

    return bulk.lines(read)
