"""Count what came of requests that change allocations."""

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


@contextlib.contextmanager
def claims(operation: str) -> collections.abc.Iterator[None]:
    """Count the request of the block; other failures than refusals do not count."""
    try:
        yield
    except exception.Conflict as refusal:
        for kind, result in _RESULTS:
            if isinstance(refusal, kind):
                metrics.CLAIMS.inc(operation, result)
        raise
    metrics.CLAIMS.inc(operation, "ok")
