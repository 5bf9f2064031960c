"""What a server of databases may be set to that transactions are isolated by.

The service asks for what it needs, so that none of it makes a difference to it.
"""

import collections.abc
import contextlib
import typing

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

# By kind of database, what it comes with first; SQLite has but one.
LEVELS: dict[str, tuple[str, ...]] = {
    databases.SQLITE: (),
    databases.POSTGRESQL: _POSTGRESQL,
    databases.MARIADB: tuple(_MARIADB),
}


@contextlib.contextmanager
def set_to(url: str, level: str) -> collections.abc.Iterator[None]:
    """Let all new connections to a database begin with ``level``, until the block ends.

    Of MariaDB it is the server that is set, for all of its databases.
    """
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as conn:
            is_postgresql = conn.dialect.name == "postgresql"
            change = _of_postgresql if is_postgresql else _of_mariadb
            with change(conn, level):
                yield
    finally:
        engine.dispose()


@contextlib.contextmanager
def _of_postgresql(conn: sa.Connection, level: str) -> collections.abc.Iterator[None]:
    database = f"ALTER DATABASE {conn.engine.url.database}"
    name = "default_transaction_isolation"
    conn.exec_driver_sql(f"{database} SET {name} = '{level}'")
    try:
        yield
    finally:
        conn.exec_driver_sql(f"{database} RESET {name}")


@contextlib.contextmanager
def _of_mariadb(conn: sa.Connection, level: str) -> collections.abc.Iterator[None]:
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
