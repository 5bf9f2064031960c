"""Time of the extensions, compared with plain SQL and with requests to the peer."""

import functools

from benchmarks import bulk, capacity, explain, instruments, rows
from benchmarks.turns import Limits


def measurements(limits: Limits, timeout_seconds: float) -> rows.Measurements:
    """Return the measurements by row name."""
    return {
        bulk.BESIDE_SQL: functools.partial(bulk.beside_plain_sql, limits=limits),
        bulk.BESIDE_PEER: functools.partial(
            bulk.beside_peer, limits=limits, timeout_seconds=timeout_seconds
        ),
        explain.BESIDE_SQL: functools.partial(explain.beside_plain_sql, limits=limits),
        explain.IN_TIME: functools.partial(explain.in_time, limits=limits),
        capacity.BESIDE_EXPLAIN: functools.partial(
            capacity.beside_explain, limits=limits
        ),
        instruments.PROVIDERS: functools.partial(instruments.providers, limits=limits),
        instruments.INSTRUMENTS: instruments.cost,
    }
