"""Reshaping: inventories and allocations move between providers, all at once."""

import collections.abc
import dataclasses

import sqlalchemy as sa

from placement import exception
from placement.db import names
from placement.objects import (
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
    """What one provider is to offer, given the generation that was read.

    ``generation`` is as it was given, be it 2.0 for 2. ``offers`` are by the name of
    their class; the id in them means nothing.
    """

    provider_uuid: str
    generation: float
    offers: dict[str, Inventory]


def reshape(
    conn: sa.Connection,
    known_names: names.Names,
    shapes: collections.abc.Sequence[Shape],
    claims: collections.abc.Sequence[Claim],
) -> None:
    """Give the providers their shapes, and the consumers what they claim.

    Claims are made against the old and the new offers together, where the new one
    of a class counts; then what is not in the new shape goes.

    Generations move by one for each provider with a shape, by one more if its
    shape is not empty, and by what claims move.

    Raises ReshapedProviderNotFound, ConcurrentUpdate, BadRequest for an unknown
    class, InventoryUpdateInUse when a class that goes is used in the end, and what
    claims raise.
    Source: microversion 1.30.
    """
    providers = _providers(conn, shapes)
    # Consumers are locked before providers, by everyone, and these all at once.
    cleared = claim_transaction.clear_consumers(conn, claims)
    ids = (provider.id for provider in providers.values())
    claim_transaction.lock_providers(conn, claims, cleared, ids)
    offers = _offers(conn, shapes)
    for shape in sorted(shapes, key=lambda shape: providers[shape.provider_uuid].id):
        provider = providers[shape.provider_uuid]
        try:
            resource_provider.advance_generation(
                conn, provider, int(shape.generation), by=2 if shape.offers else 1
            )
        except exception.ConcurrentUpdate as raced:
            raise _stale(provider.uuid, "another", shape.generation) from raced
        inventory.merge(conn, provider, offers[provider.uuid])
    try:
        claim_transaction.replace(conn, known_names, claims, cleared)
    except exception.ResourceClassNotFound as unknown:
        raise _malformed(unknown) from unknown
    for provider in providers.values():
        try:
            inventory.remove_all_but(conn, known_names, provider, offers[provider.uuid])
        except exception.InventoryInUse as used:
            raise exception.InventoryUpdateInUse(**used.details) from used


def _providers(
    conn: sa.Connection, shapes: collections.abc.Sequence[Shape]
) -> dict[str, ResourceProvider]:
    """Return the providers by uuid, each as it was when its shape was made.

    Of several that are not, the first is told.
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


def _offers(
    conn: sa.Connection, shapes: collections.abc.Sequence[Shape]
) -> dict[str, list[Inventory]]:
    """Return each provider's offers, with the ids of their classes."""
    try:
        ids = resource_class.hold(
            conn, dict.fromkeys(name for shape in shapes for name in shape.offers)
        )
    except exception.ResourceClassNotFound as unknown:
        raise _malformed(unknown) from unknown
    return {
        shape.provider_uuid: [
            dataclasses.replace(offer, resource_class_id=ids[name])
            for name, offer in shape.offers.items()
        ]
        for shape in shapes
    }
