"""Handlers for /resource_providers and /resource_providers/{uuid}."""

import itertools
import typing

import orjson
import sqlalchemy as sa

from placement import uuids
from placement.api import reply
from placement.api.microversion import Version
from placement.api.operation import NO_CONTENT, Answer, Parameter, operation, shows
from placement.api.reply import Reply
from placement.api.request import Request
from placement.candidates import providers
from placement.candidates.query import request as candidates_request
from placement.db import transaction
from placement.handlers import guarded
from placement.objects import resource_provider, tree
from placement.objects.resource_provider import Description
from placement.policies import resource_provider as policy
from placement.schemas import resource_provider as schema
from placement.schemas import responses

# The number of providers that are encoded at once.
_PROVIDERS_PER_PART = 500

_LINKS_SINCE = {
    "inventories": (1, 0),
    "usages": (1, 0),
    "aggregates": (1, 1),
    "traits": (1, 6),
    "allocations": (1, 11),
}

_FILTERS = {
    "name": Parameter("Providers of this name."),
    "uuid": Parameter("The provider with this uuid."),
    "member_of": Parameter("Providers in this aggregate."),
    "resources": Parameter(
        "Providers with room for these amounts, by resource class.",
        "VCPU:2,MEMORY_MB:1024",
    ),
    "in_tree": Parameter("Providers of the tree that has this provider."),
    "required": Parameter(
        "Traits that a provider has or, with `!`, does not have.", "HW_CPU_X86_AVX2"
    ),
}


@operation(
    "GET /resource_providers",
    shows(responses.PROVIDERS),
    rule=policy.LIST,
    checks="AP",
    refuses=(400,),
    query=schema.LIST_QUERY,
    parameters=_FILTERS,
)
def list_resource_providers(req: Request) -> Reply:
    """List the providers that match all filters.

    Errors, the first that applies: 400 for a parameter that the version does not have
    or an invalid uuid, for a malformed ``member_of``, ``required`` or ``resources``,
    for an unknown class, for an unknown trait, and if the database takes too long.
    """
    query = req.validated_query()
    filters = candidates_request.parse_provider_filters(query, req.version)

    def read(conn: sa.Connection) -> Reply:
        ids = providers.find_ids(conn, req.context, filters)
        found = iter(()) if ids is None else resource_provider.describe_all(conn, ids)
        modified = []
        # There may be many providers, so only their encoded form stays in memory.
        parts = [b'{"resource_providers":[']
        while some := list(itertools.islice(found, _PROVIDERS_PER_PART)):
            modified += [provider.modified for provider in some]
            bodies = orjson.dumps([_body(req, provider) for provider in some])
            parts += (b"," if len(parts) > 1 else b"", bodies[1:-1])
        parts.append(b"]}")
        return reply.ok(reply.Parts(parts), reply.newest(modified))

    seconds = req.context.settings.placement.candidates_search_seconds_max
    return transaction.read_within(req.context, seconds, read)


@operation(
    "POST /resource_providers",
    Answer(201, until=Version(1, 19), has_location=True),
    shows(responses.PROVIDER, since=Version(1, 20), has_location=True),
    rule=policy.CREATE,
    checks="CP",
    refuses=(400, 409),
    body=schema.CREATE,
)
def create_resource_provider(req: Request) -> Reply:
    """Create a provider. Since 1.20, the response shows it.

    Errors, the first that applies: 400 if the body does not match the schema, 400 if
    the parent is the provider itself or does not exist, 409 if the uuid or the name is
    taken.
    """
    body = req.json()
    uuid, parent = body.get("uuid"), body.get("parent_provider_uuid")

    provider = transaction.write(
        req.context,
        lambda conn: tree.create(
            conn, body["name"], uuid and _canonical(uuid), parent and _canonical(parent)
        ),
    )
    location = f"/resource_providers/{provider.uuid}"
    if req.version.matches((1, 20)):
        modified = reply.newest([provider.modified])
        return reply.ok(_body(req, provider), modified, location)
    return reply.created(location)


@operation(
    "GET /resource_providers/{uuid}",
    shows(responses.PROVIDER),
    rule=policy.SHOW,
    checks="AP",
    refuses=(404,),
)
def get_resource_provider(req: Request, uuid: str) -> Reply:
    """Show a provider.

    Errors: 404 if it does not exist.
    """
    provider = transaction.read_one(
        req.context, lambda conn: resource_provider.describe(conn, uuid)
    )
    return reply.ok(_body(req, provider), reply.newest([provider.modified]))


@operation(
    "PUT /resource_providers/{uuid}",
    shows(responses.PROVIDER),
    rule=policy.UPDATE,
    checks="CP",
    refuses=(400, 404, 409),
    body=schema.UPDATE,
)
def update_resource_provider(req: Request, uuid: str) -> Reply:
    """Rename a provider and, since 1.14, move it below another parent.

    Before 1.37, only a root can get a parent. A parent that is not given stays.

    Errors, the first that applies: 404 if the provider does not exist, 400 if the body
    does not match the schema, 400 for an unknown parent, for a move that the version
    does not allow and for a loop, 409 if the name is taken.
    """
    body = guarded.body(req, uuid)

    def update(conn: sa.Connection) -> Description:
        before = resource_provider.describe(conn, uuid)
        parent = body.get("parent_provider_uuid", before.parent_provider_uuid)
        return tree.update(
            conn,
            before,
            body["name"],
            parent and _canonical(parent),
            may_reparent=req.version.matches((1, 37)),
        )

    provider = transaction.write(req.context, update)
    return reply.ok(_body(req, provider), reply.newest([provider.modified]))


@operation(
    "DELETE /resource_providers/{uuid}",
    NO_CONTENT,
    rule=policy.DELETE,
    checks="P",
    refuses=(404, 409),
)
def delete_resource_provider(req: Request, uuid: str) -> Reply:
    """Delete a provider with its inventories, traits and aggregates.

    Errors, the first that applies: 404 if it does not exist, 409 if it has children,
    409 if it has allocations.
    """
    transaction.write(req.context, lambda conn: tree.delete(conn, uuid))
    return reply.no_content()


def _canonical(uuid: str) -> str:
    return uuids.canonical_or_same(uuid)


def _body(req: Request, provider: Description) -> dict[str, typing.Any]:
    body: dict[str, typing.Any] = {
        "uuid": provider.uuid,
        "name": provider.name,
        "generation": provider.generation,
        "links": _links(req.prefix, provider.uuid, req.version),
    }
    if req.version.matches((1, 14)):
        body["parent_provider_uuid"] = provider.parent_provider_uuid
        body["root_provider_uuid"] = provider.root_provider_uuid
    return body


def _links(prefix: str, uuid: str, version: Version) -> list[dict[str, str]]:
    href = f"{prefix}/resource_providers/{uuid}"
    links = [{"rel": "self", "href": href}]
    links += [
        {"rel": rel, "href": f"{href}/{rel}"}
        for rel, since in _LINKS_SINCE.items()
        if version.matches(since)
    ]
    return links
