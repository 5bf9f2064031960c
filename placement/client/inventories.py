"""Operations on inventories, usages, aggregates and traits of one provider."""

from placement.client import values
from placement.client.exchange import Exchange, provider_path, read


class InventoryOperations(Exchange):
    """The operations on inventories and other properties of one provider."""

    def get_inventories(self, uuid: values.AnyUUID) -> values.Inventories:
        """Return all inventories of a provider."""
        path = provider_path(uuid, "inventories")
        return self._get(path, values.Inventories.from_document)

    def create_inventory(
        self, uuid: values.AnyUUID, resource_class: str, inventory: values.Inventory
    ) -> int:
        """Add the inventory of one class.

        Returns the new generation of the provider.
        Raises ConcurrentUpdate when the provider already has one of this class.
        """
        body = {"resource_class": resource_class, **inventory.to_document()}
        answer = self.request("POST", provider_path(uuid, "inventories"), body)
        return read(answer, _generation)

    def replace_inventories(
        self, uuid: values.AnyUUID, inventories: values.Inventories
    ) -> values.Inventories:
        """Replace all inventories of a provider, if its generation has not changed.

        Raises ConcurrentUpdate, InventoryInUse.
        """
        path = provider_path(uuid, "inventories")
        answer = self.request("PUT", path, inventories.to_document())
        return read(answer, values.Inventories.from_document)

    def delete_inventories(self, uuid: values.AnyUUID) -> None:
        """Delete all inventories of a provider. Raises InventoryInUse."""
        self.request("DELETE", provider_path(uuid, "inventories"))

    def get_inventory(
        self, uuid: values.AnyUUID, resource_class: str
    ) -> values.Inventory:
        """Return the inventory of one class."""
        path = provider_path(uuid, "inventories", resource_class)
        return self._get(path, values.Inventory.from_document)

    def replace_inventory(
        self,
        uuid: values.AnyUUID,
        resource_class: str,
        inventory: values.Inventory,
        generation: int,
    ) -> int:
        """Replace the inventory of one class, if ``generation`` is the provider's.

        Returns the new generation. Raises ConcurrentUpdate.
        """
        path = provider_path(uuid, "inventories", resource_class)
        body = {"resource_provider_generation": generation, **inventory.to_document()}
        return read(self.request("PUT", path, body), _generation)

    def delete_inventory(self, uuid: values.AnyUUID, resource_class: str) -> None:
        """Delete the inventory of one class.

        Raises ConcurrentUpdate when it has allocations; the API has no separate code.
        """
        self.request("DELETE", provider_path(uuid, "inventories", resource_class))

    def get_usages(self, uuid: values.AnyUUID) -> values.Usages:
        """Return the allocated amounts of a provider by class."""
        path = provider_path(uuid, "usages")
        return self._get(path, values.Usages.from_document)

    def get_aggregates(self, uuid: values.AnyUUID) -> values.Aggregates:
        """Return the aggregates of a provider."""
        path = provider_path(uuid, "aggregates")
        return self._get(path, values.Aggregates.from_document)

    def replace_aggregates(
        self, uuid: values.AnyUUID, aggregates: values.Aggregates
    ) -> values.Aggregates:
        """Replace the aggregates of a provider, if its generation has not changed.

        Raises ConcurrentUpdate.
        """
        path = provider_path(uuid, "aggregates")
        answer = self.request("PUT", path, aggregates.to_document())
        return read(answer, values.Aggregates.from_document)

    def get_provider_traits(self, uuid: values.AnyUUID) -> values.ProviderTraits:
        """Return the traits of a provider."""
        path = provider_path(uuid, "traits")
        return self._get(path, values.ProviderTraits.from_document)

    def replace_provider_traits(
        self, uuid: values.AnyUUID, traits: values.ProviderTraits
    ) -> values.ProviderTraits:
        """Replace the traits of a provider, if its generation has not changed.

        Raises ConcurrentUpdate; BadRequest when a trait does not exist.
        """
        path = provider_path(uuid, "traits")
        answer = self.request("PUT", path, traits.to_document())
        return read(answer, values.ProviderTraits.from_document)

    def delete_provider_traits(self, uuid: values.AnyUUID) -> None:
        """Remove all traits of a provider."""
        self.request("DELETE", provider_path(uuid, "traits"))

    def get_provider_allocations(
        self, uuid: values.AnyUUID
    ) -> values.ProviderAllocations:
        """Return the allocations of a provider by consumer."""
        path = provider_path(uuid, "allocations")
        return self._get(path, values.ProviderAllocations.from_document)


def _generation(document: values.Document) -> int:
    generation = document["resource_provider_generation"]
    return int(generation)
