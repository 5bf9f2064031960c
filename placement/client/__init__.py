"""A thin client of the Placement API.

    with placement.client.Client.connect() as client:
        group = RequestGroup(resources={"VCPU": 1})
        candidates = client.get_candidates([group], limit=50)
        claim = client.claim_any(consumer, candidates, ...)

One method per operation, plain values in and out, and an exception class per failure.
Only ``direct``, which starts a service in this process, imports the service.
"""

from placement.client.client import Client
from placement.client.errors import (
    CODES,
    BadRequest,
    CapacityExceeded,
    ClientError,
    ConcurrentUpdate,
    Conflict,
    ConstraintViolation,
    ConsumerConflict,
    DuplicateName,
    Forbidden,
    InventoryInUse,
    InventoryInvalid,
    NotAcceptable,
    NotFound,
    ProviderHasChildren,
    ProviderInUse,
    ServerError,
    ServerNotLocated,
    TimedOut,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)
from placement.client.exchange import VERSION
from placement.client.location import Location, locate, state_directory
from placement.client.providers import KEEP
from placement.client.query import RequestGroup, candidates_query
from placement.client.retry import Retry
from placement.client.transport import (
    HTTPTransport,
    Response,
    SessionTransport,
    Transport,
    WSGITransport,
)
from placement.client.values import (
    Aggregates,
    AllocationRequest,
    Allocations,
    Bounds,
    Candidates,
    Capacity,
    Claim,
    ClassSummary,
    ConsumerShare,
    HostCount,
    Inventories,
    Inventory,
    Outcome,
    ProjectUsage,
    Provider,
    ProviderAllocations,
    ProviderDetails,
    ProviderSummary,
    ProviderTraits,
    Stranded,
    Usages,
)

__all__ = [
    "CODES",
    "KEEP",
    "VERSION",
    "Aggregates",
    "AllocationRequest",
    "Allocations",
    "BadRequest",
    "Bounds",
    "Candidates",
    "Capacity",
    "CapacityExceeded",
    "Claim",
    "ClassSummary",
    "Client",
    "ClientError",
    "ConcurrentUpdate",
    "Conflict",
    "ConstraintViolation",
    "ConsumerConflict",
    "ConsumerShare",
    "DuplicateName",
    "Forbidden",
    "HTTPTransport",
    "HostCount",
    "Inventories",
    "Inventory",
    "InventoryInUse",
    "InventoryInvalid",
    "Location",
    "NotAcceptable",
    "NotFound",
    "Outcome",
    "ProjectUsage",
    "Provider",
    "ProviderAllocations",
    "ProviderDetails",
    "ProviderHasChildren",
    "ProviderInUse",
    "ProviderSummary",
    "ProviderTraits",
    "RequestGroup",
    "Response",
    "Retry",
    "ServerError",
    "ServerNotLocated",
    "SessionTransport",
    "Stranded",
    "TimedOut",
    "Transport",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
    "Unreachable",
    "Usages",
    "WSGITransport",
    "candidates_query",
    "locate",
    "state_directory",
]
