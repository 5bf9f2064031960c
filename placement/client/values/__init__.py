"""The objects of the API as plain values.

Amounts are whole units of their class. Parameters take a uuid as a string or a
``uuid.UUID``; fields have strings.
"""

from placement.client.values.allocation import (
    Allocations,
    ConsumerShare,
    ProjectUsage,
    ProviderAllocations,
)
from placement.client.values.base import (
    AnyUUID,
    ByUUID,
    Document,
    Resources,
    ResourcesByProvider,
    canonical_uuid,
    is_uuid,
    several,
)
from placement.client.values.candidate import (
    AllocationRequest,
    Candidates,
    Claim,
    ClassSummary,
    Outcome,
    ProviderSummary,
)
from placement.client.values.capacity import (
    Bounds,
    Capacity,
    HostCount,
    Stranded,
)
from placement.client.values.change import Change, ChangePage
from placement.client.values.consumer import (
    ConsumerAudit,
    ConsumerDetails,
    ConsumerFilters,
    ProviderShare,
    Release,
)
from placement.client.values.health import Health
from placement.client.values.limit import OwnLimits, ProjectLimits
from placement.client.values.loss import HostLoss, Move, Unplaced, WhatIf
from placement.client.values.placing import Group, Hold, Placed, Wanted
from placement.client.values.provider import (
    MAX_INT,
    Aggregates,
    Inventories,
    Inventory,
    Provider,
    ProviderDetails,
    ProviderTraits,
    Usages,
)
from placement.client.values.state import ProviderState
from placement.client.values.tree import TreeDifference, TreeProvider

__all__ = [
    "MAX_INT",
    "Aggregates",
    "AllocationRequest",
    "Allocations",
    "AnyUUID",
    "Bounds",
    "ByUUID",
    "Candidates",
    "Capacity",
    "Change",
    "ChangePage",
    "Claim",
    "ClassSummary",
    "ConsumerAudit",
    "ConsumerDetails",
    "ConsumerFilters",
    "ConsumerShare",
    "Document",
    "Group",
    "Health",
    "Hold",
    "HostCount",
    "HostLoss",
    "Inventories",
    "Inventory",
    "Move",
    "Outcome",
    "OwnLimits",
    "Placed",
    "ProjectLimits",
    "ProjectUsage",
    "Provider",
    "ProviderAllocations",
    "ProviderDetails",
    "ProviderShare",
    "ProviderState",
    "ProviderSummary",
    "ProviderTraits",
    "Release",
    "Resources",
    "ResourcesByProvider",
    "Stranded",
    "TreeDifference",
    "TreeProvider",
    "Unplaced",
    "Usages",
    "Wanted",
    "WhatIf",
    "canonical_uuid",
    "is_uuid",
    "several",
]
