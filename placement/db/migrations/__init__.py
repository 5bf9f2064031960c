"""The schema: brought to its newest form, told, or declared.

There are two chains of revisions. ``base`` is the one that every Placement knows,
recorded in ``alembic_version``; ``own`` adds what is ours and has a record of its
own, so that another Placement finds in ``alembic_version`` what it understands.
"""

import collections.abc
import contextlib
import os
import pathlib
import typing

import alembic.command
import alembic.config
import alembic.runtime.migration
import alembic.script
import alembic.util
import sqlalchemy as sa

from placement import exception
from placement.db import engine as engines
from placement.db import mariadb, reconcile, spelling, statistics

BASE = "base"
OWN = "own"

# The table in which each chain records where it is.
VERSION_TABLES = {BASE: "alembic_version", OWN: "placement_own_version"}

# Any number that others are unlikely to lock.
_LOCK = 7_784_278_100


def sync(
    engine: sa.Engine, revision: str = "head", report: reconcile.Report | None = None
) -> None:
    """Bring the schema to ``revision`` of the base chain, and all of ours.

    Ours are added at the head of the base chain only: they build on it. What
    belongs into our columns is put right then, whoever has written to the database
    before; ``report`` is told how far that is. So are uuids that are not stored in
    the canonical form. Large tables that were never analysed are analysed.

    Does nothing where nothing is missing. Of several processes that do this at
    once, one changes the schema and the others wait. Ended in the middle, it can
    be run again.
    """
    is_head = revision in ("head", _head(BASE))
    with _writing(engine) as conn:
        _lock(conn)
        alembic.command.upgrade(_config(BASE, conn), revision)
        if is_head:
            alembic.command.upgrade(_config(OWN, conn), "head")
        conn.commit()
    if is_head:
        reconcile.reconcile_all(engine, report)
        spelling.mend_all(engine)
        statistics.ensure(engine)


def version(engine: sa.Engine) -> str | None:
    """Return the revision of the base chain; None before the first."""
    with engine.connect() as conn:
        return _current(BASE, conn)


def stamp(engine: sa.Engine, revision: str) -> None:
    """Declare the base chain to be at ``revision``, without changing a table.

    Raises BadRequest when there is no such revision.
    """
    with _writing(engine) as conn:
        try:
            alembic.command.stamp(_config(BASE, conn), revision)
        except alembic.util.CommandError as unknown:
            raise exception.BadRequest(reason=unknown) from unknown
        conn.commit()


def require_current(engine: sa.Engine) -> None:
    """Make sure that the schema is the newest.

    Raises ConfigurationError, which says how to mend it.
    """
    with engine.connect() as conn:
        for chain in (BASE, OWN):
            found, head = _current(chain, conn), _head(chain)
            if found != head:
                name = engine.url.render_as_string()
                raise exception.ConfigurationError(
                    reason=f"The database {name} has {_schema(found)} and {head} is "
                    "needed: run `placement-manage db sync` first, or set "
                    "[placement_database] sync_on_startup."
                )


def is_current(conn: sa.Connection) -> bool:
    """The schema is the newest."""
    return all(_current(chain, conn) == _head(chain) for chain in (BASE, OWN))


@contextlib.contextmanager
def exclusive(engine: sa.Engine) -> collections.abc.Iterator[None]:
    """Keep other processes that migrate, or enter such a block, waiting.

    Those of another node of a Galera cluster do not wait. Nor does SQLite need it,
    which has one writer at a time.
    """
    if engine.dialect.name == "sqlite":
        yield
        return
    with engine.connect() as conn:
        # The block may need the only connection of the pool. Closing this one ends
        # the lock, which MariaDB keeps as long as the connection.
        conn.detach()
        _lock(conn)
        yield


def _schema(revision: str | None) -> str:
    return "no schema" if revision is None else f"the schema {revision}"


def _writing(engine: sa.Engine) -> sa.Connection:
    return engines.for_writing(engine.connect())


def _lock(conn: sa.Connection) -> None:
    """Wait for other processes that migrate; SQLite's write lock is enough."""
    if conn.dialect.name == "postgresql":
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    elif conn.dialect.name in mariadb.DIALECTS:
        # Ends with the connection; DDL would end anything shorter.
        conn.execute(sa.select(sa.func.get_lock(f"placement{_LOCK}", 3600)))


def _current(chain: str, conn: sa.Connection) -> str | None:
    context = alembic.runtime.migration.MigrationContext.configure(
        conn, opts={"version_table": VERSION_TABLES[chain]}
    )
    return context.get_current_revision()


def _head(chain: str) -> str | None:
    scripts = alembic.script.ScriptDirectory.from_config(_config(chain))
    return scripts.get_current_head()


def _config(chain: str, conn: sa.Connection | None = None) -> alembic.config.Config:
    config = alembic.config.Config(stdout=typing.cast(typing.TextIO, _NOWHERE))
    config.set_main_option(
        "script_location", str(pathlib.Path(__file__).parent / chain)
    )
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    config.attributes["version_table"] = VERSION_TABLES[chain]
    return config


# Alembic writes nothing there that is asked for here; it is open as long as we run.
_NOWHERE = open(os.devnull, "w")  # noqa: SIM115
