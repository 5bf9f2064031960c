"""The SQL that is sent, kept beside the tests and read in review.

Run with PLACEMENT_UPDATE_SQL=1 to rewrite the files after an intended change.
"""

import os
import pathlib

import sqlalchemy as sa
from sqlalchemy.dialects import registry

DIALECTS = {
    "postgresql": "postgresql.psycopg2",
    "mariadb": "mysql.pymysql",
    "sqlite": "sqlite.pysqlite",
}


def assert_sql(
    directory: pathlib.Path, statement: sa.Executable, name: str, dialect: str
) -> None:
    """Compare what a statement compiles to with its file in ``directory``."""
    path = directory / f"{name}.{dialect}.sql"
    compiled = statement.compile(
        dialect=registry.load(DIALECTS[dialect])(),
        compile_kwargs={"render_postcompile": True},
    )
    sql = "".join(line.rstrip() + "\n" for line in str(compiled).splitlines())
    if os.environ.get("PLACEMENT_UPDATE_SQL"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(sql)
    assert sql == path.read_text()
