"""A simple model of inventories and allocations, to compare the service with."""

import collections.abc
import dataclasses

from placement.client import (
    CapacityExceeded,
    Conflict,
    ConstraintViolation,
    Inventory,
    InventoryInvalid,
)

# A provider's uuid and the name of a class.
Key = tuple[str, str]
Amounts = collections.abc.Mapping[Key, int]


@dataclasses.dataclass
class World:
    """The inventories in ``offers``, and the allocations by consumer in ``held``."""

    offers: dict[Key, Inventory] = dataclasses.field(default_factory=dict)
    held: dict[str, Amounts] = dataclasses.field(default_factory=dict)

    def used(self, key: Key) -> int:
        return sum(amounts.get(key, 0) for amounts in self.held.values())

    def is_used(self, provider: str) -> bool:
        return any(key[0] == provider for held in self.held.values() for key in held)

    def refusals(self, consumer: str, wanted: Amounts) -> set[type[Conflict]]:
        """Return the reasons why a claim that replaces its allocations fails.

        Empty if it succeeds. Source: API reference, "Update allocations".
        """
        reasons = (self._refusal(consumer, key, wanted[key]) for key in wanted)
        return {reason for reason in reasons if reason is not None}

    def _refusal(self, consumer: str, key: Key, amount: int) -> type[Conflict] | None:
        offer = self.offers.get(key)
        if offer is None:
            return InventoryInvalid
        if not offer.min_unit <= amount <= offer.max_unit or amount % offer.step_size:
            return ConstraintViolation
        used_before = self.used(key)
        used_after = used_before - self.held.get(consumer, {}).get(key, 0) + amount
        capacity = (offer.total - offer.reserved) * offer.allocation_ratio
        # A claim may reduce the usage of an inventory that is over capacity.
        if used_after > capacity and used_after > used_before:
            return CapacityExceeded
        return None
