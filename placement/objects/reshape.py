"""Reshaping: move inventories and allocations between providers in one transaction."""

import collections.abc
import dataclasses

import sqlalchemy as sa

from placement import exception
from placement.db import names
from placement.objects import (
    change,
    claim_transaction,
    inventory,
    resource_class,
    resource_provider,
)
from placement.objects.claim_request import Claim
from placement.objects.inventory import Inventory
from placement.objects.resource_provider import ResourceProvider


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """All inventories that one provider is to have.

    ``generation`` is the number that the client sent, which may be 2.0 for 2.
    ``inventories`` are by class name; their class ids are not set.
    """

    provider_uuid: str
    generation: float
    inventories: dict[str, Inventory]


def reshape(
    conn: sa.Connection,
    known_names: names.Names,
    shapes: collections.abc.Sequence[Shape],
    claims: collections.abc.Sequence[Claim],
) -> None:
    """Replace inventories of providers and allocations of consumers.

    Claims are checked against the old and the new inventories together; if a class has
    both, the new one counts. Then inventories that are not in the shapes are removed.

    The generation of a provider advances by one for its shape, by one more if the
    shape is not empty, and by what the claims add.

    Raises ReshapedProviderNotFound, ConcurrentUpdate, BadRequest for an unknown
    class, InventoryUpdateInUse when a class to remove is still allocated, and what
    claims raise.
    Source: microversion 1.30.
    """
    providers = _providers(conn, shapes)
    # Every writer locks consumers before providers, and all providers in one order.
    cleared = claim_transaction.clear_consumers(conn, claims)
    ids = (provider.id for provider in providers.values())
    claim_transaction.lock_providers(conn, claims, cleared, ids)
    inventories = _inventories(conn, shapes)
    for shape in sorted(shapes, key=lambda shape: providers[shape.provider_uuid].id):
        provider = providers[shape.provider_uuid]
        try:
            resource_provider.advance_generation(
                conn,
                provider,
                int(shape.generation),
                by=2 if shape.inventories else 1,
                kind=change.INVENTORY,
            )
        except exception.ConcurrentUpdate as raced:
            raise _stale(provider.uuid, "another", shape.generation) from raced
        inventory.merge(conn, provider, inventories[provider.uuid])
    try:
        claim_transaction.replace(conn, known_names, claims, cleared)
    except exception.ResourceClassNotFound as unknown:
        raise _malformed(unknown) from unknown
    for provider in providers.values():
        try:
            inventory.remove_all_but(
                conn, known_names, provider, inventories[provider.uuid]
            )
        except exception.InventoryInUse as used:
            raise exception.InventoryUpdateInUse(**used.details) from used


def _providers(
    conn: sa.Connection, shapes: collections.abc.Sequence[Shape]
) -> dict[str, ResourceProvider]:
    """Return the providers by uuid.

    Raises for the first that does not exist or has another generation than its shape.
    """
    found = resource_provider.get_all_by_uuid(
        conn, [shape.provider_uuid for shape in shapes]
    )
    for shape in shapes:
        provider = found.get(shape.provider_uuid)
        if provider is None:
            raise exception.ReshapedProviderNotFound(uuid=shape.provider_uuid)
        if provider.generation != shape.generation:
            raise _stale(provider.uuid, provider.generation, shape.generation)
    return found


def _stale(uuid: str, actual: int | str, given: float) -> exception.ConcurrentUpdate:
    return exception.ConcurrentUpdate(
        reason="resource provider generation conflict for provider "
        f"{uuid}: actual: {actual}, given: {given}"
    )


def _malformed(unknown: exception.ResourceClassNotFound) -> exception.BadRequest:
    return exception.BadRequest(reason=f"malformed reshaper data: {unknown}")


def _inventories(
    conn: sa.Connection, shapes: collections.abc.Sequence[Shape]
) -> dict[str, list[Inventory]]:
    """Return each provider's inventories, with their class ids set."""
    try:
        ids = resource_class.lock_ids(
            conn, dict.fromkeys(name for shape in shapes for name in shape.inventories)
        )
    except exception.ResourceClassNotFound as unknown:
        raise _malformed(unknown) from unknown
    return {
        shape.provider_uuid: [
            dataclasses.replace(each, resource_class_id=ids[name])
            for name, each in shape.inventories.items()
        ]
        for shape in shapes
    }
