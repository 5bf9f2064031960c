"""INSERT of rows that another transaction may insert at the same time.

PostgreSQL writes every violation of a unique key to its log as an error, also one that
is handled. So it skips the row instead. The other databases log nothing, and raise the
violation, after which the transaction runs again.
"""

import typing

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from placement import exception
from placement.db import transaction


def insert(conn: sa.Connection, table: sa.Table) -> sa.Insert:
    """Return an INSERT that skips rows that exist, on PostgreSQL.

    It waits for a transaction that inserts the same row. Under READ COMMITTED, the next
    statement sees that row.
    """
    if skips_existing(conn):
        return postgresql.insert(table).on_conflict_do_nothing()
    return sa.insert(table)


def skips_existing(conn: sa.Connection) -> bool:
    return conn.dialect.name == "postgresql"


def insert_or_retry(conn: sa.Connection, table: sa.Table, **values: typing.Any) -> None:
    """Insert one row. Raises ``transaction.Retry`` if another transaction has."""
    if not conn.execute(insert(conn, table).values(**values)).rowcount:
        raise transaction.Retry(
            exception.ConcurrentUpdate(
                reason="Another thread concurrently inserted the data. Please retry."
            )
        )
