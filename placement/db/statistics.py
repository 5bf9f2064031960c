"""Whether the planner of the database knows anything about our tables.

A database that was restored or copied has no statistics before its first ANALYZE, which
autovacuum does on PostgreSQL within minutes where it is on. SQLite plans by fixed rules
until it is told otherwise, and is left alone.
"""

import collections.abc
import logging
import typing

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from placement.db import tables

LOG = logging.getLogger(__name__)

# No plan for a smaller table is a bad one.
ROWS_MIN = 10_000

_ANALYZE = {
    "postgresql": "ANALYZE {tables}",
    "mysql": "ANALYZE TABLE {tables}",
    "mariadb": "ANALYZE TABLE {tables}",
}

# One of these for each table.
_IS_LARGE = f"""
{ROWS_MIN} = (SELECT count(*) FROM (SELECT 1 FROM {{table}} LIMIT {ROWS_MIN}) AS few)
"""
_POSTGRESQL = f"""
SELECT '{{table}}' AS table_name FROM pg_class JOIN pg_namespace
    ON pg_namespace.oid = relnamespace
WHERE pg_class.oid = to_regclass('{{table}}') AND NOT EXISTS (
    SELECT FROM pg_stats WHERE schemaname = nspname AND tablename = relname
) AND {_IS_LARGE}
"""
# InnoDB makes statistics of a table that has none. But those it has stored may be from
# when the table was nearly empty, and it may be set not to make them again.
_MARIADB = f"""
SELECT '{{table}}' AS table_name FROM information_schema.tables
WHERE table_schema = DATABASE() AND tables.table_name = '{{table}}'
    AND table_rows < {ROWS_MIN // 10} AND {_IS_LARGE}
"""
_NONE = "SELECT NULL AS table_name WHERE 1 = 0"


class TablesWithout(sa.Executable, sa.ClauseElement):
    """Select ``table_name``: the names of large tables without statistics.

    The cost follows the tables, not their rows.
    """

    inherit_cache = True


@compiles(TablesWithout)
def _render_none(_element: object, _compiler: object, **_: object) -> str:
    return _NONE


@compiles(TablesWithout, "postgresql")
def _render_postgresql(_element: object, _compiler: object, **_: object) -> str:
    return _of_each_table(_POSTGRESQL)


@compiles(TablesWithout, "mysql")
@compiles(TablesWithout, "mariadb")
def _render_mariadb(_element: object, _compiler: object, **_: object) -> str:
    return _of_each_table(_MARIADB)


def _of_each_table(sql: str) -> str:
    names = sorted(tables.metadata.tables)
    return " UNION ALL ".join(sql.format(table=name).strip() for name in names)


def analyse(conn: sa.Connection, names: collections.abc.Collection[str]) -> int:
    """Let the database count what is in some tables; readers and writers go on.

    Returns how many tables these were.
    """
    analyze = _ANALYZE.get(conn.dialect.name)
    ours = sorted(tables.metadata.tables.keys() & set(names))
    if analyze is None or not ours:
        return 0
    conn.exec_driver_sql(analyze.format(tables=", ".join(ours))).close()
    return len(ours)


def ensure(engine: sa.Engine) -> None:
    """Analyse the large tables that never were; a statement where there is none.

    What the database does not let us analyse is left as it is, and the log says so:
    plans are slower without, and right.
    """
    try:
        with engine.begin() as conn:
            names = list(conn.execute(TablesWithout()).scalars())
            if names:
                LOG.info("Tables without statistics are analysed: %s", ", ".join(names))
                analyse(conn, names)
    except sa.exc.DBAPIError as failure:
        LOG.warning("The tables could not be analysed: %s", failure.orig)


def findings() -> "sa.Select[typing.Any]":
    """Return ``TablesWithout`` as what an audit asks."""
    return typing.cast("sa.Select[typing.Any]", TablesWithout())
