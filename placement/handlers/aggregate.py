"""Handlers for /resource_providers/{uuid}/aggregates."""

import collections.abc
import typing

import sqlalchemy as sa

from placement import exception
from placement.api import reply
from placement.api.operation import operation, shows
from placement.api.reply import Reply
from placement.api.request import Request
from placement.db import transaction
from placement.handlers import guarded
from placement.objects import aggregate, change, resource_provider
from placement.objects.resource_provider import ResourceProvider
from placement.policies import aggregate as policy
from placement.schemas import aggregate as schema
from placement.schemas import responses


@operation(
    "GET /resource_providers/{uuid}/aggregates",
    shows(responses.AGGREGATES),
    rule=policy.LIST,
    checks="AVP",
    refuses=(404,),
    since=(1, 1),
)
def get_aggregates(req: Request, uuid: str) -> Reply:
    """List the aggregates of a provider. Since 1.1; with its generation since 1.19.

    Errors: 404 if the provider does not exist.
    """

    generation, found = transaction.read_one(
        req.context, lambda conn: aggregate.get_all(conn, uuid)
    )
    return reply.ok(_body(req, found, generation), reply.now())


@operation(
    "PUT /resource_providers/{uuid}/aggregates",
    shows(responses.AGGREGATES),
    rule=policy.UPDATE,
    checks="CVP",
    refuses=(400, 404, 409),
    since=(1, 1),
    body=schema.REPLACE,
)
def set_aggregates(req: Request, uuid: str) -> Reply:
    """Replace the aggregates of a provider. Since 1.1.

    Since 1.19, the body has the provider's generation, which advances. The response
    shows each uuid as it was written, in the order of the request.

    Errors, the first that applies: 404 if the provider does not exist, 400 if the body
    does not match the schema, 409 if the generation is stale.
    """
    body = guarded.body(req, uuid)
    is_guarded = req.version.matches((1, 19))
    given = body["aggregates"] if is_guarded else body
    wanted = aggregate.spellings(given)

    def replace(conn: sa.Connection) -> int:
        if is_guarded:
            provider = _advance(conn, uuid, int(body["resource_provider_generation"]))
            aggregate.replace_all(conn, provider, wanted)
            return provider.generation
        provider = resource_provider.get_by_uuid(conn, uuid)
        resource_provider.lock(conn, [provider.id])
        if aggregate.replace_all(conn, provider, wanted):
            resource_provider.advance_revision(conn, provider, change.AGGREGATES)
        return provider.generation

    generation = transaction.write(req.context, replace)
    shown = list(wanted.values())
    return reply.ok(_body(req, shown, generation), reply.now())


def _advance(conn: sa.Connection, uuid: str, given: int) -> ResourceProvider:
    try:
        return resource_provider.advance_by_uuid(
            conn, uuid, given, kind=change.AGGREGATES
        )
    except exception.ConcurrentUpdate as stale:
        raise exception.StaleGeneration() from stale


def _body(
    req: Request, aggregates: collections.abc.Sequence[str], generation: int
) -> dict[str, typing.Any]:
    body: dict[str, typing.Any] = {"aggregates": aggregates}
    if req.version.matches((1, 19)):
        body["resource_provider_generation"] = generation
    return body
