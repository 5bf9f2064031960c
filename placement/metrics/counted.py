"""Count requests that change allocations, by their result."""

import collections.abc
import contextlib

from placement import exception, extension_exception, metrics

_RESULTS: tuple[tuple[type[exception.PlacementError], str], ...] = (
    (exception.CapacityExceeded, "capacity"),
    (exception.InventoryConstraintsViolated, "unit_rule"),
    (exception.InvalidInventory, "no_inventory"),
    (extension_exception.LimitExceeded, "limit"),
    (exception.ConcurrentUpdate, "generation"),
    (extension_exception.ProviderNotInService, "cordoned"),
)

# What a claim with picks lacks, by its cause; others lack room.
_LACKS = {
    "not_offered": "no_inventory",
    "excluded": "no_inventory",
    "cordoned": "cordoned",
}


@contextlib.contextmanager
def claims(operation: str) -> collections.abc.Iterator[None]:
    """Count the request of the block; other failures than refusals do not count."""
    try:
        yield
    except exception.Conflict as refusal:
        result = _result_of(refusal)
        if result is not None:
            metrics.CLAIMS.inc(operation, result)
        raise
    metrics.CLAIMS.inc(operation, "ok")


def _result_of(refusal: exception.Conflict) -> str | None:
    if isinstance(refusal, extension_exception.NoCandidate):
        return _LACKS.get(refusal.members["cause"], "capacity")
    results = (result for kind, result in _RESULTS if isinstance(refusal, kind))
    return next(results, None)
