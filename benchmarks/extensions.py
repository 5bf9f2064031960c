"""How long the extensions take: beside plain SQL, and beside the peer's requests."""

import functools

from benchmarks import bulk, capacity, explain, rows
from benchmarks.turns import Limits


def measurements(limits: Limits, timeout_seconds: float) -> rows.Measurements:
    """Return what makes each row, by what it is called."""
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
    }
