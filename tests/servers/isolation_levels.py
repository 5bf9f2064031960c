"""Set the default isolation level of a database server.

The service sets the level of each transaction, so the default must have no effect.
"""

import collections.abc
import contextlib
import typing

import pytest
import sqlalchemy as sa

from tests.servers import databases

_POSTGRESQL = ("read committed", "repeatable read", "serializable")
_MARIADB: dict[str, dict[str, str]] = {
    "repeatable read": {"tx_isolation": "REPEATABLE-READ"},
    "read committed": {"tx_isolation": "READ-COMMITTED"},
    "snapshots": {
        "tx_isolation": "REPEATABLE-READ",
        "innodb_snapshot_isolation": "ON",
    },
}

# Levels by kind of database, starting with the default of the server. SQLite has one.
LEVELS: dict[str, tuple[str, ...]] = {
    databases.SQLITE: (),
    databases.POSTGRESQL: _POSTGRESQL,
    databases.MARIADB: tuple(_MARIADB),
}


def check_others(
    server: databases.Databases,
    kind: str,
    check: collections.abc.Callable[[str, str], None],
) -> None:
    """Check a new database, by its URL and level, at each level but the default.

    Skips the test if there is none.
    """
    levels = LEVELS[kind][1:]
    if not levels:
        pytest.skip("has one isolation level")
    for level in levels:
        with server.new() as url, set_to(url, level):
            check(url, level)


@contextlib.contextmanager
def set_to(url: str, level: str) -> collections.abc.Iterator[None]:
    """Set the default level of new connections to a database until the block ends.

    On MariaDB the level applies to all databases of the server.
    """
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as conn:
            is_postgresql = conn.dialect.name == "postgresql"
            change = _postgresql_set_to if is_postgresql else _mariadb_set_to
            with change(conn, level):
                yield
    finally:
        engine.dispose()


@contextlib.contextmanager
def _postgresql_set_to(
    conn: sa.Connection, level: str
) -> collections.abc.Iterator[None]:
    database = f"ALTER DATABASE {conn.engine.url.database}"
    name = "default_transaction_isolation"
    conn.exec_driver_sql(f"{database} SET {name} = '{level}'")
    try:
        yield
    finally:
        conn.exec_driver_sql(f"{database} RESET {name}")


@contextlib.contextmanager
def _mariadb_set_to(conn: sa.Connection, level: str) -> collections.abc.Iterator[None]:
    wanted = _MARIADB[level]
    before: dict[str, typing.Any] = {
        name: conn.exec_driver_sql(f"SELECT @@GLOBAL.{name}").scalar_one()
        for name in wanted
    }
    _set_globally(conn, wanted)
    try:
        yield
    finally:
        _set_globally(conn, before)


def _set_globally(
    conn: sa.Connection, values: collections.abc.Mapping[str, typing.Any]
) -> None:
    for name, value in values.items():
        conn.exec_driver_sql(f"SET GLOBAL {name} = %s", (value,))
