"""Handlers for /resource_providers/{uuid}/inventories."""

import collections.abc
import typing

import sqlalchemy as sa

from placement import exception, excerpt
from placement.api import reply
from placement.api.microversion import Version
from placement.api.operation import NO_CONTENT, Answer, operation, shows
from placement.api.reply import Reply
from placement.api.request import Request
from placement.db import transaction
from placement.handlers import guarded
from placement.objects import change, inventory, resource_provider
from placement.objects import resource_class as classes
from placement.objects.inventory import Inventory
from placement.objects.resource_provider import ResourceProvider
from placement.policies import inventory as policy
from placement.schemas import inventory as schema
from placement.schemas import responses

_Body = dict[str, typing.Any]


@operation(
    "GET /resource_providers/{uuid}/inventories",
    shows(responses.INVENTORIES),
    rule=policy.LIST,
    checks="AP",
    refuses=(404,),
)
def get_inventories(req: Request, uuid: str) -> Reply:
    """List the inventories of a provider.

    Errors: 404 if the provider does not exist.
    """

    generation, offers = transaction.read_one(
        req.context, lambda conn: inventory.get_all_by_name(conn, uuid)
    )
    records = {name: offer.record() for name, offer in offers.items()}
    modified = reply.newest(offer.modified for offer in offers.values())
    return reply.ok(_set_body(records, generation), modified)


@operation(
    "POST /resource_providers/{uuid}/inventories",
    Answer(201, responses.INVENTORY, has_location=True, has_cache_headers=True),
    rule=policy.CREATE,
    checks="CP",
    refuses=(400, 404, 409),
    body=schema.CREATE,
)
def create_inventory(req: Request, uuid: str) -> Reply:
    """Create the inventory of one class.

    Errors, the first that applies: 404 if the provider does not exist, 400 if the body
    does not match the schema, for an invalid capacity and for an unknown class, 409 if
    the provider has an inventory of the class.
    """
    body = guarded.body(req, uuid)
    name = body["resource_class"]

    def create(conn: sa.Connection) -> _Body:
        provider = resource_provider.get_by_uuid(conn, uuid)
        refused = f"Unable to create inventory for resource provider {provider.uuid}"
        offer = Inventory.from_record(body)
        _require_capacity(offer, name, provider, req.version, refused)
        try:
            ids = classes.lock_ids(conn, [name])
        except exception.ResourceClassNotFound as unknown:
            raise exception.BadRequest(reason=f"{refused}: {unknown}") from unknown
        offer = Inventory.from_record(body, ids[name])
        return _one_body(_given(body), inventory.add(conn, provider, offer, name))

    return reply.created(
        f"/resource_providers/{uuid}/inventories/{name}",
        transaction.write(req.context, create),
        reply.now(),
    )


@operation(
    "PUT /resource_providers/{uuid}/inventories",
    shows(responses.INVENTORIES),
    rule=policy.UPDATE,
    checks="CP",
    refuses=(400, 404, 409),
    body=schema.REPLACE_ALL,
)
def set_inventories(req: Request, uuid: str) -> Reply:
    """Replace all inventories of a provider.

    Errors, the first that applies: 404 if the provider does not exist, 400 if the body
    does not match the schema, 409 if the generation is stale, 400 for an invalid
    capacity of any record, 400 for an unknown class, 409 if a removed class has
    allocations.
    """
    body = guarded.body(req, uuid)

    def replace(conn: sa.Connection) -> _Body:
        provider = resource_provider.advance_by_uuid(
            conn,
            uuid,
            int(body["resource_provider_generation"]),
            kind=change.INVENTORY,
        )
        offers = _offers(req, conn, provider, body["inventories"])
        try:
            inventory.replace_all(conn, req.context.names, provider, offers)
        except exception.InventoryInUse as used:
            raise exception.InventoryUpdateInUse(**used.details) from used
        given = {name: _given(one) for name, one in body["inventories"].items()}
        return _set_body(given, provider.generation)

    return reply.ok(transaction.write(req.context, replace), reply.now())


@operation(
    "DELETE /resource_providers/{uuid}/inventories",
    NO_CONTENT,
    rule=policy.DELETE,
    checks="VP",
    refuses=(404, 409),
    since=(1, 5),
    too_old_status=405,
)
def delete_inventories(req: Request, uuid: str) -> Reply:
    """Delete all inventories of a provider. Since 1.5.

    Errors, the first that applies: 404 if the provider does not exist, 409 if one of
    its classes has allocations.
    """

    def delete(conn: sa.Connection) -> None:
        provider = resource_provider.get_by_uuid(conn, uuid)
        resource_provider.advance_generation(conn, provider, kind=change.INVENTORY)
        inventory.remove_all_but(conn, req.context.names, provider)

    transaction.write(req.context, delete)
    return reply.no_content()


@operation(
    "GET /resource_providers/{uuid}/inventories/{resource_class}",
    shows(responses.INVENTORY),
    rule=policy.SHOW,
    checks="AP",
    refuses=(404,),
)
def get_inventory(req: Request, uuid: str, resource_class: str) -> Reply:
    """Show the inventory of one class.

    Errors: 404 if the provider does not exist or has no inventory of the class.
    """

    def read(conn: sa.Connection) -> Reply:
        provider = resource_provider.get_by_uuid(conn, uuid)
        offer = _find(req, conn, provider, resource_class)
        if offer is None:
            raise exception.InventoryNotFound(
                resource_class=resource_class, uuid=provider.uuid
            )
        return reply.ok(
            _one_body(offer.record(), provider.generation),
            reply.newest([offer.modified]),
        )

    return transaction.read(req.context, read)


@operation(
    "PUT /resource_providers/{uuid}/inventories/{resource_class}",
    shows(responses.INVENTORY),
    rule=policy.UPDATE,
    checks="CP",
    refuses=(400, 404, 409),
    body=schema.REPLACE_ONE,
)
def update_inventory(req: Request, uuid: str, resource_class: str) -> Reply:
    """Replace the inventory of one class.

    Errors, the first that applies: 404 if the provider does not exist, 400 if the body
    does not match the schema, 409 if the generation is stale, 400 for an invalid
    capacity, 404 for an unknown class, 400 if the provider has no inventory of it.
    """
    body = guarded.body(req, uuid)

    def update(conn: sa.Connection) -> _Body:
        provider = resource_provider.advance_by_uuid(
            conn,
            uuid,
            int(body["resource_provider_generation"]),
            kind=change.INVENTORY,
        )
        refused = f"Unable to update inventory for resource provider {provider.uuid}"
        offer = Inventory.from_record(body)
        _require_capacity(offer, resource_class, provider, req.version, refused)
        ids = classes.lock_ids(conn, [resource_class])
        offer = Inventory.from_record(body, ids[resource_class])
        if not inventory.change(conn, provider, offer):
            raise exception.BadRequest(
                reason="No inventory record with resource class for "
                f"resource provider {provider.uuid} and resource class "
                f"{excerpt.of_text(resource_class)}"
            )
        return _one_body(_given(body), provider.generation)

    return reply.ok(transaction.write(req.context, update), reply.now())


@operation(
    "DELETE /resource_providers/{uuid}/inventories/{resource_class}",
    NO_CONTENT,
    rule=policy.DELETE,
    checks="P",
    refuses=(404, 409),
)
def delete_inventory(req: Request, uuid: str, resource_class: str) -> Reply:
    """Delete the inventory of one class.

    Errors, the first that applies: 404 if the provider does not exist, 404 if it has no
    inventory of the class, 409 if the class has allocations.
    """

    def delete(conn: sa.Connection) -> None:
        provider = resource_provider.get_by_uuid(conn, uuid)
        resource_provider.advance_generation(conn, provider, kind=change.INVENTORY)
        offer = _find(req, conn, provider, resource_class)
        if offer is None:
            raise exception.InventoryNotFoundForDelete(resource_class=resource_class)
        try:
            inventory.remove(
                conn, req.context.names, provider, [offer.resource_class_id]
            )
        except exception.InventoryInUse as used:
            # Unlike for a whole set, clients expect the code of a concurrent update.
            raise exception.ConcurrentUpdate(
                reason="Unable to delete inventory of class "
                f"{excerpt.of_text(resource_class)}: {used}"
            ) from used

    transaction.write(req.context, delete)
    return reply.no_content()


def _find(
    req: Request, conn: sa.Connection, provider: ResourceProvider, resource_class: str
) -> Inventory | None:
    try:
        class_id = req.context.names.resource_class_id(conn, resource_class)
    except exception.ResourceClassNotFound:
        return None
    return inventory.find(conn, provider, class_id)


def _offers(
    req: Request,
    conn: sa.Connection,
    provider: ResourceProvider,
    records: dict[str, _Body],
) -> list[Inventory]:
    refused = f"Unable to update inventory for resource provider {provider.uuid}"
    for name, record in records.items():
        offer = Inventory.from_record(record)
        _require_capacity(offer, name, provider, req.version, refused)
    try:
        ids = classes.lock_ids(conn, records)
    except exception.ResourceClassNotFound as unknown:
        raise exception.BadRequest(
            reason="Unknown resource class in inventory for resource provider "
            f"{provider.uuid}: {unknown}"
        ) from unknown
    return [
        Inventory.from_record(record, ids[name]) for name, record in records.items()
    ]


def _require_capacity(
    offer: Inventory,
    name: str,
    provider: ResourceProvider,
    version: Version,
    refused: str,
) -> None:
    """Refuse an inventory that reserves more than its total.

    Since 1.26, the whole total may be reserved.
    """
    if version.matches((1, 26)):
        is_refused, relation = offer.capacity < 0, "greater than total"
    else:
        is_refused, relation = offer.capacity <= 0, "greater than or equal to total"
    if is_refused:
        raise exception.BadRequest(
            reason=f"{refused}: Invalid inventory for '{excerpt.of_text(name)}' on "
            f"resource provider '{provider.uuid}'. The reserved value is {relation}."
        )


def _one_body(record: _Body, generation: int) -> _Body:
    return record | {"resource_provider_generation": generation}


def _set_body(records: collections.abc.Mapping[str, _Body], generation: int) -> _Body:
    return {"resource_provider_generation": generation, "inventories": records}


def _given(record: _Body) -> _Body:
    """Return ``record`` with its defaults, and its numbers as they were given.

    The response to a write shows 2.0 for a given 2.0; a read shows the stored 2.
    """
    whole = Inventory.from_record(record).record()
    return whole | {name: record[name] for name in whole if name in record}
