"""Handlers for /allocations and /resource_providers/{uuid}/allocations."""

import collections.abc
import typing

import sqlalchemy as sa

from placement import exception, excerpt, uuids
from placement.api import reply
from placement.api.operation import NO_CONTENT, operation, shows
from placement.api.reply import Reply
from placement.api.request import Request
from placement.db import transaction
from placement.metrics import counted
from placement.objects import allocation, claim, consumer
from placement.objects.allocation import ConsumerAllocation
from placement.objects.claim_request import Amount, Claim
from placement.policies import allocation as policy
from placement.schemas import allocation as schema
from placement.schemas import responses

_Body = dict[str, typing.Any]


@operation(
    "GET /allocations/{consumer_uuid}",
    shows(responses.ALLOCATIONS),
    rule=policy.LIST,
    checks="AP",
)
def get_allocations(req: Request, consumer_uuid: str) -> Reply:
    """Show the allocations of a consumer; none for an unknown one.

    Includes the project and user since 1.12, the consumer's generation since 1.28, and
    its type since 1.38.
    """
    uuid = uuids.canonical_or_same(consumer_uuid)

    def read(conn: sa.Connection) -> Reply:
        holdings = allocation.get_all_by_consumer(conn, uuid)
        names = req.context.names.resource_classes(
            conn, {holding.resource_class_id for holding in holdings}
        )
        body: _Body = {"allocations": _by_provider(holdings, names)}
        holder = allocation.find_consumer(conn, uuid) if holdings else None
        if holder is not None:
            if req.version.matches((1, 12)):
                body |= {"project_id": holder.project_id, "user_id": holder.user_id}
            if req.version.matches((1, 28)):
                body["consumer_generation"] = holder.generation
            if req.version.matches((1, 38)):
                body["consumer_type"] = allocation.type_name(holder.consumer_type)
        return reply.ok(body, reply.newest(holding.modified for holding in holdings))

    return transaction.read(req.context, read)


def _by_provider(
    holdings: collections.abc.Sequence[ConsumerAllocation], names: dict[int, str]
) -> _Body:
    by_provider: _Body = {}
    for holding in holdings:
        held = by_provider.setdefault(
            holding.provider_uuid,
            {"generation": holding.provider_generation, "resources": {}},
        )
        held["resources"][names[holding.resource_class_id]] = holding.used
    return by_provider


@operation(
    "GET /resource_providers/{uuid}/allocations",
    shows(responses.PROVIDER_ALLOCATIONS),
    rule=policy.PROVIDER_LIST,
    checks="AP",
    refuses=(404,),
)
def get_provider_allocations(req: Request, uuid: str) -> Reply:
    """Show the allocations from a provider, by consumer.

    Includes the generations of the consumers since 1.28.

    Errors: 404 if the provider does not exist.
    """

    try:
        generation, shares = transaction.read_one(
            req.context, lambda conn: allocation.get_all_by_provider(conn, uuid)
        )
    except exception.ResourceProviderNotFound as unknown:
        raise exception.ResourceNotFound(
            reason=f"Resource provider '{excerpt.of_text(uuid)}' not found: {unknown}"
        ) from unknown
    by_consumer: _Body = {}
    for share in shares:
        held = by_consumer.setdefault(share.consumer, {"resources": {}})
        held["resources"][share.resource_class] = share.used
        if req.version.matches((1, 28)):
            held["consumer_generation"] = share.consumer_generation
    body = {"allocations": by_consumer, "resource_provider_generation": generation}
    return reply.ok(body, reply.newest(share.modified for share in shares))


@operation(
    "PUT /allocations/{consumer_uuid}",
    NO_CONTENT,
    rule=policy.UPDATE,
    checks="CP",
    refuses=(400, 409),
    body=schema.REPLACE,
)
def set_allocations(req: Request, consumer_uuid: str) -> Reply:
    """Replace the allocations of a consumer.

    The body has the project and user since 1.8, an object by provider in place of a
    list since 1.12, the consumer's generation since 1.28, mappings, which are not
    stored, since 1.34, and the consumer's type since 1.38.

    Errors, the first that applies: 400 if the consumer is not a uuid, 400 if the body
    does not match the schema, 409 if the consumer's generation is stale, 400 for an
    unknown provider, 400 for an unknown class, 409 if an amount is not available.
    """
    uuid = uuids.canonical(consumer_uuid)
    if uuid is None:
        raise exception.BadRequest(
            reason=f"Malformed consumer_uuid: {excerpt.of_text(consumer_uuid)}"
        )
    body = req.json()
    _write(
        req,
        "put",
        [claim_from_body(req, uuid, body)],
        f"Unable to allocate inventory for consumer {uuid}: ",
    )
    return reply.no_content()


@operation(
    "POST /allocations",
    NO_CONTENT,
    rule=policy.MANAGE,
    checks="VCP",
    refuses=(400, 409),
    since=(1, 13),
    body=schema.REPLACE_SEVERAL,
)
def set_allocations_of_several(req: Request) -> Reply:
    """Replace the allocations of several consumers in one transaction. Since 1.13.

    Errors, the first that applies: 400 if the body does not match the schema, then as
    for one consumer, with each kind checked for all consumers before the next.
    """
    body = req.json()
    _write(req, "post", claims_from_body(req, body), "Unable to allocate inventory ")
    return reply.no_content()


@operation(
    "DELETE /allocations/{consumer_uuid}",
    NO_CONTENT,
    rule=policy.DELETE,
    checks="P",
    refuses=(404,),
)
def delete_allocations(req: Request, consumer_uuid: str) -> Reply:
    """Delete the allocations of a consumer.

    Errors: 404 if it has none.
    """
    uuid = uuids.canonical_or_same(consumer_uuid)
    try:
        with counted.claims("release"):
            claim.release(req.context, uuid)
    except exception.ConsumerNotFound as unknown:
        raise exception.ConsumerNotFound(uuid=consumer_uuid) from unknown
    return reply.no_content()


def _write(
    req: Request,
    name: str,
    claims: collections.abc.Sequence[Claim],
    refused: str,
) -> None:
    try:
        with counted.claims(name):
            claim.write(req.context, claims)
    except exception.ResourceClassNotFound as unknown:
        raise exception.BadRequest(reason=f"{refused}{unknown}") from unknown


def claims_from_body(
    req: Request, body: collections.abc.Mapping[str, _Body]
) -> list[Claim]:
    """Return the claims of ``body``, a valid body of several consumers."""
    by_uuid = {
        uuids.canonical_or_same(consumer_uuid): one
        for consumer_uuid, one in body.items()
    }
    return [claim_from_body(req, uuid, one) for uuid, one in by_uuid.items()]


def claim_from_body(req: Request, uuid: str, body: _Body) -> Claim:
    """Return the claim of ``body``, a valid body of one consumer."""
    # The schema accepts 2.0 as an integer.
    amounts = tuple(
        Amount(provider_uuid, name, int(units))
        for provider_uuid, resources in _resources(body["allocations"]).items()
        for name, units in resources.items()
    )
    return Claim(uuid, amounts, _owner(req, body), _generation(req, body))


def _resources(
    allocations: list[_Body] | dict[str, _Body],
) -> dict[str, dict[str, float]]:
    """Return the resources by provider; before 1.12, the body has a list."""
    if isinstance(allocations, list):
        allocations = {each["resource_provider"]["uuid"]: each for each in allocations}
    return {
        uuids.canonical_or_same(provider_uuid): each["resources"]
        for provider_uuid, each in allocations.items()
    }


def _owner(req: Request, body: _Body) -> consumer.Owner:
    placement = req.context.settings.placement
    return consumer.Owner(
        body.get("project_id", placement.incomplete_consumer_project_id),
        body.get("user_id", placement.incomplete_consumer_user_id),
        body.get("consumer_type"),
    )


def _generation(req: Request, body: _Body) -> float | consumer.Unchecked | None:
    """Return the generation as it was given: 2.0 stays 2.0."""
    if not req.version.matches((1, 28)):
        return consumer.UNCHECKED
    given: float | None = body["consumer_generation"]
    return given
