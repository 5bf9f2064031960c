"""End the sessions of a database server, or wait until one waits for a lock."""

import time

import sqlalchemy as sa

SECONDS = 10
BLOCKED_SECONDS = 60

_OWN = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT CONNECTION_ID()"}
_OTHERS = {
    "postgresql": (
        "SELECT pid FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ),
    "mysql": (
        "SELECT id FROM information_schema.processlist "
        "WHERE db = DATABASE() AND id <> CONNECTION_ID()"
    ),
}
_BLOCKED = {
    "postgresql": (
        "SELECT COUNT(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ),
    # Of the whole server. The table of transactions shows them with a delay.
    "mysql": (
        "SELECT CAST(variable_value AS INTEGER) FROM information_schema.global_status "
        "WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS'"
    ),
}
_END = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}


def own(conn: sa.Connection) -> int:
    """Return the id of the session of ``conn``."""
    number: int = conn.execute(sa.text(_OWN[conn.dialect.name])).scalar_one()
    return number


def end(url: str, number: int) -> None:
    """End a session, and wait until it is gone."""
    engine = sa.create_engine(url)
    with engine.connect() as conn:
        end_from(conn, [number])
    engine.dispose()


def end_all(url: str) -> int:
    """End all sessions of the database at ``url``; return their number."""
    engine = sa.create_engine(url)
    with engine.connect() as conn:
        found = _others(conn)
        end_from(conn, found)
    engine.dispose()
    return len(found)


def _others(conn: sa.Connection) -> list[int]:
    return list(conn.scalars(sa.text(_OTHERS[conn.dialect.name])))


def end_from(conn: sa.Connection, numbers: list[int]) -> None:
    """End sessions from the session of ``conn``, and wait until they are gone."""
    for number in numbers:
        conn.execute(sa.text(_END[conn.dialect.name].format(number)))
    deadline = time.monotonic() + SECONDS
    while set(numbers) & set(_others(conn)):
        conn.rollback()
        if time.monotonic() > deadline:
            raise RuntimeError("a session did not end")
        time.sleep(0.01)


def wait_until_blocked(engine: sa.Engine) -> None:
    """Wait until a session of the database waits for a lock.

    Raises RuntimeError after a minute.
    """
    blocked = sa.text(_BLOCKED[engine.dialect.name])
    deadline = time.monotonic() + BLOCKED_SECONDS
    with engine.connect() as conn:
        while not conn.execute(blocked).scalar_one():
            # PostgreSQL shows the activity as of the first look in a transaction.
            conn.rollback()
            if time.monotonic() > deadline:
                raise RuntimeError("no session waits for a lock")
            time.sleep(0.01)
