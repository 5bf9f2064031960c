"""Schemas of a reshape."""

from placement.schemas import allocation, inventory
from placement.schemas.common import UUID_PATTERN, closed, keyed
from placement.schemas.validation import Schemas

_INVENTORIES = keyed(UUID_PATTERN, inventory.REPLACEMENT, at_least=1)

RESHAPE = Schemas(
    {
        since: closed(
            {
                "inventories": _INVENTORIES,
                "allocations": keyed(UUID_PATTERN, consumer),
            }
        )
        for since, consumer in {
            (1, 30): allocation.CONSUMER_1_28,
            (1, 34): allocation.CONSUMER_1_34,
            (1, 38): allocation.CONSUMER_1_38,
        }.items()
    }
)
