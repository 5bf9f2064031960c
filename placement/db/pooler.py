"""Detect a pooler, such as PgBouncer, between the service and PostgreSQL.

In transaction mode a pooler runs each transaction in any of its sessions, which other
clients use in between. So a connection through a pooler leaves nothing in a session:
neither settings nor prepared statements.
"""

import typing

import sqlalchemy as sa

# Key in ``Connection.info``; only connections through a pooler have it.
_KEY = "placement_pooler"


class Pooler(typing.NamedTuple):
    """What a connection found; ``unset`` names settings that its session lacks."""

    unset: list[str]


def note(
    info: dict[typing.Any, typing.Any],
    announced: int,
    actual: int,
    unset: list[str],
) -> bool:
    """Note whether a new connection is through a pooler, and return it.

    ``announced`` is the process id that came with the login. A pooler announces a
    number of its own, by which clients cancel queries. ``actual`` is that of the
    session.
    """
    if announced == actual:
        return False
    info[_KEY] = Pooler(unset)
    return True


def find(conn: sa.Connection) -> Pooler | None:
    """Return what is known of the pooler; None without one."""
    return conn.info.get(_KEY)


def is_in(info: dict[typing.Any, typing.Any]) -> bool:
    """Return whether a connection with this ``info`` is through a pooler."""
    return _KEY in info
