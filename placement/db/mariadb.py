"""Connections to MariaDB: session settings, Galera, and how transactions begin."""

import socket
import typing

import sqlalchemy as sa
from sqlalchemy import event

from placement.db import tables

# SQLAlchemy's names of the dialect; which one applies depends on the URL.
DIALECTS = ("mysql", "mariadb")

# Driver arguments, unless the URL sets them.
DEFAULTS = {"connect_timeout": 10}
# For a check of a server that must not take long.
PROBE = {"connect_timeout": 1, "read_timeout": 2, "write_timeout": 2}
# Driver arguments whatever the URL sets: names can have any characters.
ALWAYS = {"charset": "utf8mb4", "use_unicode": True}

# Execution option of a connection whose next transaction reads one snapshot.
READS = "placement_mariadb_reads"

# Key in ``Connection.info`` of a connection to a node of a Galera cluster.
_CLUSTER = "placement_of_cluster"

# Modes that change what a statement means, and modes that include one of these. Modes
# that only decide which values are refused stay as configured.
_FOREIGN_SQL_MODES = frozenset(
    (
        *("ANSI", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL"),
        *("MYSQL323", "MYSQL40", "NO_FIELD_OPTIONS", "NO_KEY_OPTIONS"),
        *("NO_TABLE_OPTIONS", "ANSI_QUOTES", "EMPTY_STRING_IS_NULL"),
        *("HIGH_NOT_PRECEDENCE", "IGNORE_SPACE", "NO_BACKSLASH_ESCAPES"),
        *("NO_UNSIGNED_SUBTRACTION", "PAD_CHAR_TO_FULL_LENGTH", "PIPES_AS_CONCAT"),
        *("REAL_AS_FLOAT", "SIMULTANEOUS_ASSIGNMENT"),
    )
)

KEEPALIVE = {
    socket.TCP_KEEPIDLE: 10,
    socket.TCP_KEEPINTVL: 5,
    socket.TCP_KEEPCNT: 3,
    socket.TCP_USER_TIMEOUT: 30_000,
}

# A session starts with the settings of the server and the URL. Some of them would
# commit more than one transaction, hide rows, truncate lists, refuse statements, skip
# checks, or create tables without transactions.
_SET_SESSION = """
SET NAMES utf8mb4,
    SESSION sql_mode = %s,
    completion_type = 'NO_CHAIN',
    default_storage_engine = InnoDB,
    foreign_key_checks = 1,
    group_concat_max_len = 4294967295,
    unique_checks = 1,
    sql_big_selects = 1,
    sql_safe_updates = 0,
    sql_select_limit = 18446744073709551615
"""


def exact_collation(dialect: sa.Dialect) -> str:
    """Return the collation of MariaDB, or MySQL, that compares text exactly."""
    if getattr(dialect, "is_mariadb", False):
        return tables.EXACT_COLLATION
    return "utf8mb4_0900_bin"


def is_cluster_node(conn: sa.Connection) -> bool:
    """Return whether the connection is to a node of a Galera cluster."""
    return _CLUSTER in conn.info


def listen(engine: sa.Engine, sql_mode: str) -> None:
    """Set up each new connection, and begin transactions as their purpose requires.

    An empty ``sql_mode`` stands for the mode of the server.
    """
    # Inserted first: SQLAlchemy reads from the session how to quote.
    event.listen(engine, "connect", _set_up(sql_mode), insert=True)
    event.listen(engine, "begin", _begin)


def _set_up(sql_mode: str) -> typing.Callable[..., None]:
    def connected(connection: typing.Any, record: typing.Any) -> None:
        _set_keepalive(connection)
        with connection.cursor() as cursor:
            mode = sql_mode
            if not mode:
                cursor.execute("SELECT @@SESSION.sql_mode")
                (mode,) = cursor.fetchone()
            cursor.execute(_SET_SESSION, (_usable_sql_mode(mode),))
            cursor.execute("SET SESSION TRANSACTION READ WRITE")
            cursor.execute("SHOW VARIABLES WHERE variable_name = 'wsrep_on'")
            if cursor.fetchone() == ("wsrep_on", "ON"):
                record.info[_CLUSTER] = True
                # Readers (1) and the first statement of writers (2, 4) wait until
                # this node has applied what other nodes have acknowledged.
                cursor.execute("SET SESSION wsrep_sync_wait = 7")

    return connected


def _usable_sql_mode(mode: str) -> str:
    """Return ``mode`` without the modes that change what our statements mean."""
    names = [name.strip() for name in mode.split(",")]
    usable = [name for name in names if name.upper() not in _FOREIGN_SQL_MODES]
    # Without this mode an INSERT of the id 0, that of VCPU, takes the next free id.
    return ",".join([*filter(None, usable), "NO_AUTO_VALUE_ON_ZERO"])


def _set_keepalive(connection: typing.Any) -> None:
    """Let the kernel detect a server that is gone, as libpq does for PostgreSQL.

    A read timeout would also end long statements such as migrations.
    """
    # PyMySQL has no option for it, and other drivers have no such attribute.
    opened: socket.socket | None = getattr(connection, "_sock", None)
    if opened and opened.family in (socket.AF_INET, socket.AF_INET6):
        for option, value in KEEPALIVE.items():
            opened.setsockopt(socket.IPPROTO_TCP, option, value)


def _begin(conn: sa.Connection) -> None:
    # For this transaction only: cheaper than changing the session and back.
    if conn.get_execution_options().get(READS):
        conn.exec_driver_sql(
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        )
