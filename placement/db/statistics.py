"""Planner statistics: find large tables that have none, and analyze them.

A database that was restored or copied has no statistics before its first ANALYZE.
On PostgreSQL, autovacuum runs that within minutes if it is on. SQLite plans by
fixed rules without statistics, and is left alone.
"""

import collections.abc
import logging
import typing

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from placement.db import tables

LOG = logging.getLogger(__name__)

# Plans for smaller tables are good enough without statistics.
ROWS_MIN = 10_000

_ANALYZE = {
    "postgresql": "ANALYZE {tables}",
    "mysql": "ANALYZE TABLE {tables}",
    "mariadb": "ANALYZE TABLE {tables}",
}

# SQL for one table.
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
# InnoDB collects statistics for a table that has none. But stored ones can date from
# when the table was nearly empty, and their recalculation can be turned off.
_MARIADB = f"""
SELECT '{{table}}' AS table_name FROM information_schema.tables
WHERE table_schema = DATABASE() AND tables.table_name = '{{table}}'
    AND table_rows < {ROWS_MIN // 10} AND {_IS_LARGE}
"""
_NONE = "SELECT NULL AS table_name WHERE 1 = 0"


class TablesWithoutStatistics(sa.Executable, sa.ClauseElement):
    """Select ``table_name``: the names of large tables without statistics.

    The cost depends on the number of tables, not of rows.
    """

    inherit_cache = True


@compiles(TablesWithoutStatistics)
def _render_none(_element: object, _compiler: object, **_: object) -> str:
    return _NONE


@compiles(TablesWithoutStatistics, "postgresql")
def _render_postgresql(_element: object, _compiler: object, **_: object) -> str:
    return _of_each_table(_POSTGRESQL)


@compiles(TablesWithoutStatistics, "mysql")
@compiles(TablesWithoutStatistics, "mariadb")
def _render_mariadb(_element: object, _compiler: object, **_: object) -> str:
    return _of_each_table(_MARIADB)


def _of_each_table(sql: str) -> str:
    names = sorted(tables.metadata.tables)
    return " UNION ALL ".join(sql.format(table=name).strip() for name in names)


def analyze(conn: sa.Connection, names: collections.abc.Collection[str]) -> int:
    """Collect statistics for some tables; readers and writers are not blocked.

    Returns the number of tables.
    """
    analyze = _ANALYZE.get(conn.dialect.name)
    ours = sorted(tables.metadata.tables.keys() & set(names))
    if analyze is None or not ours:
        return 0
    conn.exec_driver_sql(analyze.format(tables=", ".join(ours))).close()
    return len(ours)


def ensure(engine: sa.Engine) -> None:
    """Analyze the large tables without statistics; one statement if there are none.

    A failure is logged and otherwise ignored: without statistics, queries are slower
    but correct.
    """
    try:
        with engine.begin() as conn:
            names = list(conn.execute(TablesWithoutStatistics()).scalars())
            if names:
                LOG.info("Analyzing tables without statistics: %s", ", ".join(names))
                analyze(conn, names)
    except sa.exc.DBAPIError as failure:
        LOG.warning(
            "Tables cannot be analyzed, and searches may be slow. Run ANALYZE as the "
            "owner of the tables: %s",
            failure.orig,
        )


def findings() -> "sa.Select[typing.Any]":
    """Return ``TablesWithoutStatistics``, typed as the findings of an audit."""
    return typing.cast("sa.Select[typing.Any]", TablesWithoutStatistics())
