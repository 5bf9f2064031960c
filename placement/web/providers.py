"""``/-/v1/providers``: many providers with their inventories, traits and so on."""

import base64
import binascii
import hashlib
import typing

import flask
import orjson
import sqlalchemy as sa

from placement import exception
from placement.api.microversion import MAX_VERSION
from placement.api.operation import Answer, Parameter
from placement.api.querystring import Query
from placement.candidates import providers
from placement.candidates.query import request as candidates_request
from placement.db import transaction
from placement.objects import inventory, provider_page
from placement.objects.provider_page import ProviderDetails
from placement.policies import extension as extension_policy
from placement.schemas import extension as schema
from placement.schemas import extension_responses as responses
from placement.web import view

blueprint = flask.Blueprint("providers", __name__)

PAGE_SIZE = 1000
PAGE_SIZE_MAX = 10_000

# Adds the usage to the inventories, with which it is stored.
_USAGES = "usages"
_PARTS = (
    provider_page.INVENTORIES,
    _USAGES,
    provider_page.TRAITS,
    provider_page.AGGREGATES,
    provider_page.ALLOCATIONS,
)

_PARAMETERS = {
    "name": Parameter("The name of the provider."),
    "uuid": Parameter("The uuid of the provider."),
    "in_tree": Parameter("Providers in the tree of this provider."),
    "member_of": Parameter("Providers in these aggregates.", is_repeatable=True),
    "resources": Parameter("Providers with room for these amounts.", "VCPU:1"),
    "required": Parameter("Providers with these traits.", is_repeatable=True),
    "roots": Parameter("`true`: only root providers."),
    "include": Parameter("Parts to add, separated by commas.", "inventories,usages"),
    "page_size": Parameter("Providers per page, at most 10000; by default 1000."),
    "page_token": Parameter("`next_page_token` of the previous page."),
}

_DIGEST_BYTES = 12


@view.operation(
    blueprint,
    "GET /-/v1/providers",
    Answer(200, responses.PROVIDERS),
    rule=extension_policy.READ,
    query=schema.PROVIDERS_QUERY,
    parameters=_PARAMETERS,
)
def list_providers() -> flask.Response:
    """List one page of the providers that match all filters, in order of creation.

    The filters are those of ``GET /resource_providers`` at the newest version, and
    ``roots``. A provider that exists while all pages are read is on exactly one.

    Raises BadRequest for an unknown, repeated or malformed parameter and for an unknown
    resource class or trait, and PageTokenInvalid.
    """
    context, query = view.context(), view.query()
    include = _parse_include(query.last("include"))
    size = _parse_page_size(query.last("page_size"))
    digest = _digest(query, include)
    after_id = _parse_page_token(query.last("page_token"), digest)
    filters = candidates_request.parse_provider_filters(query, MAX_VERSION)
    is_only_roots = query.last("roots") == "true"

    def read(conn: sa.Connection) -> list[ProviderDetails]:
        ids = providers.find_ids(conn, context, filters)
        if ids is None:
            return []
        return provider_page.get_page(
            conn,
            context.names,
            ids,
            include,
            is_only_roots=is_only_roots,
            after_id=after_id,
            # One more, to see whether there is another page.
            size=size + 1,
        )

    found = transaction.read(context, read)
    page = found[:size]
    is_last = len(found) <= size
    return view.json(
        {
            "providers": [_body(each, include) for each in page],
            "next_page_token": None if is_last else _page_token(digest, page[-1].id),
        }
    )


def _body(provider: ProviderDetails, include: frozenset[str]) -> dict[str, typing.Any]:
    body: dict[str, typing.Any] = {
        "uuid": provider.uuid,
        "name": provider.name,
        "generation": provider.generation,
        "parent_provider_uuid": provider.parent_provider_uuid,
        "root_provider_uuid": provider.root_provider_uuid,
    }
    if provider_page.INVENTORIES in include:
        body["inventories"] = {
            name: _inventory_body(each, include)
            for name, each in provider.inventories.items()
        }
    for part in (
        provider_page.TRAITS,
        provider_page.AGGREGATES,
        provider_page.ALLOCATIONS,
    ):
        if part in include:
            body[part] = getattr(provider, part)
    return body


def _inventory_body(
    stored: inventory.Inventory, include: frozenset[str]
) -> dict[str, typing.Any]:
    body = {name: getattr(stored, name) for name in inventory.CLIENT_FIELDS}
    body["capacity"] = stored.capacity
    if _USAGES in include:
        body["used"] = stored.used
    return body


def _parse_include(value: str | None) -> frozenset[str]:
    include = frozenset(value.split(",") if value else ())
    unknown = sorted(include - set(_PARTS))
    if unknown:
        raise exception.BadRequest(
            reason=f"The parameter 'include' takes a comma-separated list of "
            f"{', '.join(_PARTS)}. Got: {unknown[0][:200]}"
        )
    if _USAGES in include and provider_page.INVENTORIES not in include:
        raise exception.BadRequest(
            reason="The parameter 'include' may have 'usages' only together with "
            "'inventories', to which they are added."
        )
    return include


def _parse_page_size(value: str | None) -> int:
    if value is None:
        return PAGE_SIZE
    # The schema allows digits only, but int() refuses thousands of them.
    if len(value) > len(str(PAGE_SIZE_MAX)) or int(value) > PAGE_SIZE_MAX:
        raise exception.BadRequest(
            reason=f"The parameter 'page_size' must be from 1 to {PAGE_SIZE_MAX}. "
            f"Got: {value[:200]}"
        )
    return int(value)


def _digest(query: Query, include: frozenset[str]) -> str:
    """Return a digest of the query without the page that it asks for."""
    own = ("include", "page_size", "page_token")
    filters = sorted(pair for pair in query if pair[0] not in own)
    text = orjson.dumps([filters, sorted(include)])
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES).hexdigest()


def _page_token(digest: str, last_id: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([digest, last_id])).decode()


def _parse_page_token(value: str | None, digest: str) -> int:
    """Return the id after which the page starts; -1 is before all of them.

    Raises PageTokenInvalid.
    """
    if value is None:
        return -1
    try:
        decoded = orjson.loads(base64.b64decode(value, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        decoded = None
    match decoded:
        case [str() as given, int() as last_id] if (
            given == digest and 0 <= last_id < 2**31
        ):
            return last_id
    raise exception.PageTokenInvalid()
