"""What a database itself says of what is committed to it while claims are made."""

import collections.abc
import threading
import typing

import sqlalchemy as sa

# The triggers reckon in tenths, in whole numbers; the service does not.
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


def collect(engine: sa.Engine) -> None:
    """Let the database note every change that raises usage above the capacity.

    Notes are part of the transaction that they are about: of what is not committed,
    there are none. Ratios must be tenths.
    """
    name = engine.dialect.name
    with engine.begin() as conn:
        for statement in (_TABLE.format(key=_KEYS[name]), *_TRIGGERS[name]):
            conn.exec_driver_sql(statement)


def collected(engine: sa.Engine) -> list[str]:
    """Return a sentence for each note that there is."""
    with engine.connect() as conn:
        return [
            f"inventory {id_}: used was raised to {used}, above the capacity"
            for id_, used in conn.execute(_RAISES)
        ]


class Stock(typing.NamedTuple):
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


# One statement is one snapshot.
_STOCKS = sa.text("""
    SELECT i.id, p.uuid, i.total, i.reserved, i.allocation_ratio, i.used, (
        SELECT COALESCE(SUM(a.used), 0) FROM allocations a
        WHERE a.resource_provider_id = i.resource_provider_id
        AND a.resource_class_id = i.resource_class_id
    )
    FROM inventories i JOIN resource_providers p ON p.id = i.resource_provider_id
""")


class Watcher(threading.Thread):
    """Looks again and again, at each of several nodes in turn, until it is stopped.

    Usage is the sum of the allocations; it is above the capacity nowhere but at the
    providers ``lowered``, whose capacity an operator may take away.
    """

    def __init__(
        self,
        databases: collections.abc.Sequence[sa.Engine],
        lowered: collections.abc.Collection[str],
        pause_seconds: float = 0.1,
    ) -> None:
        super().__init__(daemon=True)
        self._databases = databases
        self._lowered = lowered
        self._pause_seconds = pause_seconds
        self._stopped = threading.Event()
        self.snapshots = 0
        # Those in which a lowered provider had given more than it has.
        self.overdrawn = 0
        # The inventories that were seen without room for another unit.
        self.full: set[int] = set()
        self.wrong: list[str] = []

    def __enter__(self) -> typing.Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self.join()

    def run(self) -> None:
        try:
            while not self._stopped.wait(self._pause_seconds):
                database = self._databases[self.snapshots % len(self._databases)]
                with database.connect() as conn:
                    self._look([Stock(*row) for row in conn.execute(_STOCKS)])
        except Exception as failure:
            self.wrong.append(f"the watcher ended with {failure!r}")

    def _look(self, stocks: list[Stock]) -> None:
        self.snapshots += 1
        self.full |= {each.id for each in stocks if each.used >= each.capacity}
        over = [each for each in stocks if each.used > each.capacity]
        self.overdrawn += any(each.provider in self._lowered for each in over)
        self.wrong += [
            f"above the capacity: {each}"
            for each in over
            if each.provider not in self._lowered
        ]
        self.wrong += [
            f"not the sum: {each}" for each in stocks if each.used != each.allocated
        ]
