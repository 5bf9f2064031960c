"""Schema migrations: upgrade, show and stamp the version of the schema.

There are two chains of revisions. ``base`` is that of OpenStack's Placement, recorded
in ``alembic_version``. ``own`` adds our columns and is recorded in a table of its own,
so that the other service still knows the revision in ``alembic_version``.
"""

import collections.abc
import contextlib

import sqlalchemy as sa

from placement import exception
from placement.db import engine as engines
from placement.db import mariadb, reconcile, spelling, statistics, usage_counters

BASE = "base"
OWN = "own"

# The newest revision of each chain, which Alembic would find, too. But the service only
# compares it when it starts, and to load Alembic takes a tenth of that time.
HEADS = {BASE: "a082b8bb98d0", OWN: "0005"}

# The version table of each chain.
VERSION_TABLES = {BASE: "alembic_version", OWN: "placement_own_version"}

# Key of the advisory lock; arbitrary, so that other programs do not use it.
_LOCK = 7_784_278_100


def sync(
    engine: sa.Engine, revision: str = "head", report: reconcile.Report | None = None
) -> None:
    """Upgrade the schema to ``revision`` of the base chain.

    At the head of that chain, this also upgrades the own chain, reconciles our
    columns with what other services wrote, rewrites uuids in canonical form, and
    analyzes large tables without statistics. ``report`` is called with the progress
    of reconciling.

    If several processes do this at the same time, one changes the schema and the
    others wait. Safe to interrupt and to repeat.
    """
    from placement.db.migrations import commands  # noqa: PLC0415 - slow

    is_head = revision in ("head", HEADS[BASE])
    with _connect_for_writing(engine) as conn:
        _lock(conn)
        commands.upgrade(BASE, VERSION_TABLES[BASE], conn, revision)
        if is_head:
            commands.upgrade(OWN, VERSION_TABLES[OWN], conn, "head")
        conn.commit()
    if is_head:
        reconcile.reconcile_all(engine, report)
        spelling.canonicalize_all(engine)
        usage_counters.reconcile_all(engine)
        statistics.ensure(engine)


def version(engine: sa.Engine) -> str | None:
    """Return the revision of the base chain, or None for an empty database."""
    with engine.connect() as conn:
        return _current(BASE, conn)


def stamp(engine: sa.Engine, revision: str) -> None:
    """Record ``revision`` for the base chain, without changing a table.

    Raises BadRequest when the revision does not exist.
    """
    from placement.db.migrations import commands  # noqa: PLC0415 - slow

    with _connect_for_writing(engine) as conn:
        commands.stamp(BASE, VERSION_TABLES[BASE], conn, revision)
        conn.commit()


def require_current(engine: sa.Engine) -> None:
    """Require the newest schema.

    Raises ConfigurationError, whose message says how to upgrade.
    """
    with engine.connect() as conn:
        for chain in (BASE, OWN):
            found, head = _current(chain, conn), HEADS[chain]
            if found != head:
                name = engine.url.render_as_string()
                raise exception.ConfigurationError(
                    reason=f"The database {name} has {_schema(found)} and {head} is "
                    "needed: run `placement-manage db sync` first, or set "
                    "[placement_database] sync_on_startup."
                )


def is_current(conn: sa.Connection) -> bool:
    """Return whether the schema is the newest."""
    return all(_current(chain, conn) == head for chain, head in HEADS.items())


@contextlib.contextmanager
def exclusive(engine: sa.Engine) -> collections.abc.Iterator[None]:
    """Hold the lock of migrations, so that other processes wait.

    The lock does not reach other nodes of a Galera cluster. SQLite needs none, because
    it has one writer at a time.
    """
    if engine.dialect.name == "sqlite":
        yield
        return
    with engine.connect() as conn:
        # The block may need the only connection of the pool. Detached, this one is
        # closed afterwards, which releases the lock on MariaDB.
        conn.detach()
        _lock(conn)
        yield


def _schema(revision: str | None) -> str:
    return "no schema" if revision is None else f"the schema {revision}"


def _connect_for_writing(engine: sa.Engine) -> sa.Connection:
    return engines.for_writing(engine.connect())


def _lock(conn: sa.Connection) -> None:
    """Wait for other processes that migrate; on SQLite, the write lock does that."""
    if conn.dialect.name == "postgresql":
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    elif conn.dialect.name in mariadb.DIALECTS:
        # Held until the connection is closed: DDL would release a row lock.
        conn.execute(sa.select(sa.func.get_lock(f"placement{_LOCK}", 3600)))


def _current(chain: str, conn: sa.Connection) -> str | None:
    # Not by Alembic, which logs two lines each time: health checks ask often.
    name = VERSION_TABLES[chain]
    if not sa.inspect(conn).has_table(name):
        return None
    version: sa.ColumnClause[str] = sa.column("version_num")
    return conn.scalars(sa.select(version).select_from(sa.table(name))).one_or_none()
