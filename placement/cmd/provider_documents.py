"""The JSON of a provider, as commands print it."""

import typing

from placement.client import ProviderDetails

_Document = dict[str, typing.Any]


def document(details: ProviderDetails) -> _Document:
    """Return a provider that was read with usages, traits and aggregates."""
    provider = details.provider
    return {
        "uuid": provider.uuid,
        "name": provider.name,
        "generation": provider.generation,
        "parent_provider_uuid": provider.parent_uuid,
        "root_provider_uuid": provider.root_uuid,
        "state": details.state,
        "inventories": inventories(details),
        "traits": list(details.traits),
        "aggregates": list(details.aggregates),
    }


def inventories(details: ProviderDetails) -> _Document:
    """Return the inventories of a provider by class, with capacity and usage."""
    return {
        name: {
            **inventory.to_document(),
            "capacity": inventory.capacity,
            "used": details.used.get(name, 0),
        }
        for name, inventory in details.inventories.items()
    }
