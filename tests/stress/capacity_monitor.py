"""Check inside the database, during claims, that no commit exceeds a capacity."""

import collections.abc
import typing

import sqlalchemy as sa

from tests.stress import background

# Computed independently of the service: in tenths, as whole numbers.
_RAISED_ABOVE_CAPACITY = """
    NEW.used > OLD.used AND NEW.used * 10
    > (NEW.total - NEW.reserved) * ROUND(NEW.allocation_ratio * 10)
"""
_NOTE = """
    INSERT INTO raised_above_capacity (inventory_id, used) VALUES (NEW.id, NEW.used)
"""
_TABLE = """
    CREATE TABLE raised_above_capacity (
        id {key}, inventory_id INTEGER NOT NULL, used BIGINT NOT NULL
    )
"""
_KEYS = {
    "sqlite": "INTEGER PRIMARY KEY",
    "postgresql": "SERIAL PRIMARY KEY",
    "mysql": "INTEGER AUTO_INCREMENT PRIMARY KEY",
}
_TRIGGERS = {
    "sqlite": [
        f"""
        CREATE TRIGGER raises AFTER UPDATE ON inventories
        WHEN {_RAISED_ABOVE_CAPACITY} BEGIN {_NOTE}; END
        """
    ],
    "postgresql": [
        f"""
        CREATE FUNCTION note_raise() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN {_NOTE}; RETURN NULL; END $$
        """,
        f"""
        CREATE TRIGGER raises AFTER UPDATE ON inventories FOR EACH ROW
        WHEN ({_RAISED_ABOVE_CAPACITY}) EXECUTE FUNCTION note_raise()
        """,
    ],
    "mysql": [
        f"""
        CREATE TRIGGER raises AFTER UPDATE ON inventories FOR EACH ROW
        BEGIN IF {_RAISED_ABOVE_CAPACITY} THEN {_NOTE}; END IF; END
        """
    ],
}
_RAISES = sa.text("SELECT inventory_id, used FROM raised_above_capacity")


def install_triggers(engine: sa.Engine) -> None:
    """Record every change that raises usage above the capacity, with triggers.

    A record is part of the recorded transaction, so a rollback removes it. Ratios must
    be multiples of 0.1.
    """
    name = engine.dialect.name
    with engine.begin() as conn:
        for statement in (_TABLE.format(key=_KEYS[name]), *_TRIGGERS[name]):
            conn.exec_driver_sql(statement)


def recorded_violations(engine: sa.Engine) -> list[str]:
    """Return a sentence for each record of the triggers."""
    with engine.connect() as conn:
        return [
            f"inventory {id_}: used was raised to {used}, above the capacity"
            for id_, used in conn.execute(_RAISES)
        ]


class InventoryState(typing.NamedTuple):
    """An inventory in one snapshot; ``allocated`` is the sum of its allocations."""

    id: int
    provider: str
    total: int
    reserved: int
    ratio: float
    used: int
    allocated: int

    @property
    def capacity(self) -> int:
        return (self.total - self.reserved) * round(self.ratio * 10) // 10


# A single statement reads one snapshot.
_INVENTORIES = sa.text("""
    SELECT i.id, p.uuid, i.total, i.reserved, i.allocation_ratio, i.used, (
        SELECT COALESCE(SUM(a.used), 0) FROM allocations a
        WHERE a.resource_provider_id = i.resource_provider_id
        AND a.resource_class_id = i.resource_class_id
    )
    FROM inventories i JOIN resource_providers p ON p.id = i.resource_provider_id
""")


class Monitor(background.Repeated):
    """Checks snapshots of several nodes in turn, until it is stopped.

    In each, ``used`` equals the sum of the allocations, and exceeds the capacity only
    at providers in ``lowered``, whose capacity an operator may lower below it.
    """

    def __init__(
        self,
        databases: collections.abc.Sequence[sa.Engine],
        lowered: collections.abc.Collection[str],
        pause_seconds: float = 0.1,
    ) -> None:
        super().__init__()
        self._databases = databases
        self._lowered = lowered
        self.pause_seconds = pause_seconds
        self.snapshots = 0
        # Snapshots in which the usage of a lowered provider exceeded its capacity.
        self.overcommitted = 0
        # Ids of inventories that were full in a snapshot.
        self.full: set[int] = set()

    def step(self) -> None:
        database = self._databases[self.snapshots % len(self._databases)]
        with database.connect() as conn:
            self._check([InventoryState(*row) for row in conn.execute(_INVENTORIES)])

    def _check(self, inventories: list[InventoryState]) -> None:
        self.snapshots += 1
        self.full |= {each.id for each in inventories if each.used >= each.capacity}
        over = [each for each in inventories if each.used > each.capacity]
        self.overcommitted += any(each.provider in self._lowered for each in over)
        self.violations += [
            f"above the capacity: {each}"
            for each in over
            if each.provider not in self._lowered
        ]
        self.violations += [
            f"not the sum: {each}"
            for each in inventories
            if each.used != each.allocated
        ]
