"""The operations of the versioned API, in the order of the OpenAPI document."""

import typing

from placement.api.operation import Operation
from placement.handlers import (
    aggregate,
    allocation,
    allocation_candidate,
    inventory,
    reshaper,
    resource_class,
    resource_provider,
    root,
    trait,
    usage,
)

OPERATIONS: typing.Final[tuple[Operation, ...]] = (
    root.get_versions,
    resource_provider.list_resource_providers,
    resource_provider.create_resource_provider,
    resource_provider.get_resource_provider,
    resource_provider.update_resource_provider,
    resource_provider.delete_resource_provider,
    inventory.get_inventories,
    inventory.create_inventory,
    inventory.set_inventories,
    inventory.delete_inventories,
    inventory.get_inventory,
    inventory.update_inventory,
    inventory.delete_inventory,
    usage.get_provider_usages,
    aggregate.get_aggregates,
    aggregate.set_aggregates,
    trait.get_provider_traits,
    trait.set_provider_traits,
    trait.delete_provider_traits,
    allocation.get_provider_allocations,
    resource_class.list_resource_classes,
    resource_class.create_resource_class,
    resource_class.get_resource_class,
    resource_class.put_resource_class,
    resource_class.delete_resource_class,
    trait.list_traits,
    trait.get_trait,
    trait.put_trait,
    trait.delete_trait,
    allocation.get_allocations,
    allocation.set_allocations,
    allocation.delete_allocations,
    allocation.set_allocations_of_several,
    usage.get_usages,
    allocation_candidate.get_allocation_candidates,
    reshaper.reshape_providers,
)


def by_path() -> dict[str, dict[str, Operation]]:
    """Return the operations by path and method, in their order."""
    paths: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = operation
    return paths
