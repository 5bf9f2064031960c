"""Who holds what, kept so simply that it cannot be wrong."""

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
    """``offers`` are inventories, ``held`` what each consumer has, by consumer."""

    offers: dict[Key, Inventory] = dataclasses.field(default_factory=dict)
    held: dict[str, Amounts] = dataclasses.field(default_factory=dict)

    def used(self, key: Key) -> int:
        return sum(amounts.get(key, 0) for amounts in self.held.values())

    def is_used(self, provider: str) -> bool:
        return any(key[0] == provider for held in self.held.values() for key in held)

    def refusals(self, consumer: str, wanted: Amounts) -> set[type[Conflict]]:
        """Return why the consumer may not have ``wanted`` for what it has now.

        Empty if it may. Source: API reference, "Update allocations".
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
        # What is too full already may be relieved.
        if used_after > capacity and used_after > used_before:
            return CapacityExceeded
        return None
