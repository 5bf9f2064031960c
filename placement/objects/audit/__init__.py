"""The facts that ``placement-manage db audit`` checks and repairs.

A fact selects its findings. What a running service does breaks no fact in any
snapshot. A repair locks rows in the order of all writers, checks again, and changes
only what is still wrong, so the service can go on meanwhile.
"""

import sqlalchemy as sa

from placement.db import statistics
from placement.objects.audit import (
    consumers,
    inventories,
    limits,
    placing,
    providers,
    uuids,
)
from placement.objects.audit.fact import Fact, Keys, Repair

__all__ = ["FACTS", "Fact", "Keys", "Repair"]


def _analyze(conn: sa.Connection, names: Keys, _settings: object) -> int:
    return statistics.analyze(conn, names)


_STATISTICS = Fact(
    "statistics",
    "A large table has no statistics, so the database cannot plan its queries well.",
    "Analyzes the table.",
    statistics.findings(),
    "table_name",
    _analyze,
)

# In the order of repair: one repair can leave findings for a later fact.
FACTS: tuple[Fact, ...] = (
    consumers.MISSING,
    uuids.CONSUMER_SPELLING,
    uuids.PROVIDER_SPELLING,
    uuids.AGGREGATE_SPELLING,
    consumers.IDLE,
    consumers.GENERATION,
    inventories.INVENTORY,
    providers.AGGREGATE,
    providers.TRAIT,
    providers.STATE_ROW,
    providers.STATE,
    providers.GENERATION,
    providers.ROOT,
    inventories.USED,
    providers.REVISION,
    limits.CLASS,
    limits.USAGE,
    placing.HOLD,
    placing.MEMBER,
    placing.KEY,
    placing.POSITION,
    uuids.CONSUMER_TWICE,
    uuids.PROVIDER_TWICE,
    providers.PARENTS,
    inventories.OVER_CAPACITY,
    inventories.INVENTORY_MISSING,
    inventories.ALLOCATION,
    inventories.DUPLICATE,
    inventories.EMPTY,
    consumers.OWNER,
    inventories.CLASS_MISSING,
    _STATISTICS,
)
