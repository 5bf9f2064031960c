"""Handlers for /traits and /resource_providers/{uuid}/traits."""

import collections.abc
import re
import typing

import sqlalchemy as sa

from placement import exception, excerpt
from placement.api import reply
from placement.api.operation import NO_CONTENT, Answer, Parameter, operation, shows
from placement.api.reply import Reply
from placement.api.request import Request
from placement.db import transaction
from placement.objects import resource_provider, trait
from placement.objects.trait import Trait
from placement.policies import trait as policy
from placement.schemas import responses
from placement.schemas import trait as schema

_CUSTOM = re.compile(r"CUSTOM_[A-Z0-9_]+")
_LENGTH_MAX = 255

_FILTERS = {
    "name": Parameter("Traits with one of these names, or with this prefix."),
    "associated": Parameter("Traits that some provider has, or none has.", "true"),
}


@operation(
    "GET /traits",
    shows(responses.TRAITS),
    rule=policy.LIST,
    checks="VAP",
    refuses=(400,),
    since=(1, 6),
    query=schema.LIST_QUERY,
    parameters=_FILTERS,
)
def list_traits(req: Request) -> Reply:
    """List the traits that match all filters. Since 1.6.

    Errors, the first that applies: 400 for an unknown parameter, for a malformed
    ``name`` and for a malformed ``associated``.
    """
    query = req.validated_query()
    filters: dict[str, typing.Any] = {}
    if "name" in query:
        filters |= _name_filter(query.last("name") or "")
    if "associated" in query:
        filters["associated"] = _is_associated(query.last("associated") or "")
    found = transaction.read(req.context, lambda conn: trait.get_all(conn, **filters))
    return reply.ok({"traits": _names(found)}, _modified(found))


def _name_filter(value: str) -> dict[str, typing.Any]:
    operator, colon, wanted = value.partition(":")
    if colon and operator == "in":
        return {"among": wanted.split(",")}
    if colon and operator == "startswith":
        return {"prefix": wanted}
    raise exception.BadRequest(
        reason="Badly formatted name parameter. Expected name query string parameter "
        "in form: ?name=[in|startswith]:[name1,name2|prefix]. "
        f'Got: "{excerpt.of_text(value)}"'
    )


def _is_associated(value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise exception.BadRequest(
            reason='The query parameter "associated" only accepts "true" or "false"'
        )
    return value.lower() == "true"


@operation(
    "GET /traits/{name}",
    Answer(204, has_cache_headers=True),
    rule=policy.SHOW,
    checks="VP",
    refuses=(404,),
    since=(1, 6),
)
def get_trait(req: Request, name: str) -> Reply:
    """Check whether a trait exists. Since 1.6.

    Errors: 404 if it does not.
    """
    found = transaction.read(req.context, lambda conn: trait.get_by_name(conn, name))
    return reply.no_content(_modified([found]))


@operation(
    "PUT /traits/{name}",
    Answer(201, has_location=True, has_cache_headers=True),
    Answer(204, has_location=True, has_cache_headers=True),
    rule=policy.UPDATE,
    checks="VP",
    refuses=(400,),
    since=(1, 6),
)
def put_trait(req: Request, name: str) -> Reply:
    """Create a custom trait if it is missing. Since 1.6. A body is ignored.

    Errors: 400 for a name that a custom trait cannot have.
    """
    if len(name) > _LENGTH_MAX or not _CUSTOM.fullmatch(name):
        raise exception.BadRequest(
            reason="The trait is invalid. A valid trait must be no longer than 255 "
            'characters, start with the prefix "CUSTOM_" and use following characters: '
            '"A"-"Z", "0"-"9" and "_"'
        )
    found, is_new = transaction.write(
        req.context, lambda conn: trait.ensure(conn, name)
    )
    location, modified = f"/traits/{name}", _modified([found])
    if is_new:
        return reply.created(location, modified=modified)
    return reply.no_content(modified, location)


@operation(
    "DELETE /traits/{name}",
    NO_CONTENT,
    rule=policy.DELETE,
    checks="VP",
    refuses=(400, 404, 409),
    since=(1, 6),
)
def delete_trait(req: Request, name: str) -> Reply:
    """Delete a custom trait. Since 1.6.

    Errors, the first that applies: 404 if it does not exist, 400 for a standard trait,
    409 if a provider has it.
    """
    transaction.write(req.context, lambda conn: trait.delete(conn, name))
    return reply.no_content()


@operation(
    "GET /resource_providers/{uuid}/traits",
    shows(responses.PROVIDER_TRAITS),
    rule=policy.PROVIDER_LIST,
    checks="VAP",
    refuses=(404,),
    since=(1, 6),
)
def get_provider_traits(req: Request, uuid: str) -> Reply:
    """List the traits of a provider. Since 1.6.

    Errors: 404 if the provider does not exist.
    """

    provider, found = transaction.read_one(
        req.context, lambda conn: trait.get_all_by_resource_provider(conn, uuid)
    )
    return _provider_reply(found, provider.generation)


@operation(
    "PUT /resource_providers/{uuid}/traits",
    shows(responses.PROVIDER_TRAITS),
    rule=policy.PROVIDER_UPDATE,
    checks="VCP",
    refuses=(400, 404, 409),
    since=(1, 6),
    body=schema.REPLACE,
)
def set_provider_traits(req: Request, uuid: str) -> Reply:
    """Replace the traits of a provider. Since 1.6.

    The generation advances if the set changes.

    Errors, the first that applies: 400 if the body does not match the schema, 404 if
    the provider does not exist, 409 if the generation is stale, 400 for unknown traits.
    """
    body = req.json()

    def replace(conn: sa.Connection) -> Reply:
        provider, present = trait.get_all_by_resource_provider(conn, uuid)
        given = int(body["resource_provider_generation"])
        if provider.generation != given:
            raise exception.StaleGeneration()
        try:
            ids = req.context.names.trait_ids(conn, body["traits"])
        except exception.TraitNotFound as unknown:
            raise exception.BadRequest(
                reason=f"No such trait {excerpt.of_text(unknown.details['names'])}"
            ) from unknown
        provider, found = trait.replace_all(conn, provider, present, set(ids.values()))
        return _provider_reply(found, provider.generation)

    return transaction.write(req.context, replace)


@operation(
    "DELETE /resource_providers/{uuid}/traits",
    NO_CONTENT,
    rule=policy.PROVIDER_DELETE,
    checks="VP",
    refuses=(404, 409),
    since=(1, 6),
)
def delete_provider_traits(req: Request, uuid: str) -> Reply:
    """Remove all traits from a provider. Since 1.6.

    The generation advances if it had any.

    Errors: 404 if the provider does not exist.
    """

    def delete(conn: sa.Connection) -> None:
        provider = resource_provider.get_by_uuid(conn, uuid)
        trait.remove_all(conn, provider)

    transaction.write(req.context, delete)
    return reply.no_content()


def _provider_reply(traits: collections.abc.Sequence[Trait], generation: int) -> Reply:
    body = {"traits": _names(traits), "resource_provider_generation": generation}
    return reply.ok(body, _modified(traits))


def _names(traits: collections.abc.Sequence[Trait]) -> list[str]:
    return [each.name for each in traits]


def _modified(traits: collections.abc.Sequence[Trait]) -> typing.Any:
    return reply.newest(each.modified for each in traits)
