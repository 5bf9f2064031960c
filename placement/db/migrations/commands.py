"""Commands of Alembic, on the connection that the caller has opened and commits."""

import os
import pathlib
import typing

import alembic.command
import alembic.config
import alembic.script
import alembic.util
import sqlalchemy as sa

from placement import exception


def upgrade(chain: str, version_table: str, conn: sa.Connection, revision: str) -> None:
    """Upgrade the schema to ``revision`` of a chain."""
    alembic.command.upgrade(_config(chain, version_table, conn), revision)


def stamp(chain: str, version_table: str, conn: sa.Connection, revision: str) -> None:
    """Record ``revision`` for a chain, without changing a table.

    Raises BadRequest when the revision does not exist.
    """
    try:
        alembic.command.stamp(_config(chain, version_table, conn), revision)
    except alembic.util.CommandError as unknown:
        raise exception.BadRequest(reason=unknown) from unknown


def head(chain: str) -> str | None:
    """Return the newest revision of a chain, from the files of its revisions."""
    scripts = alembic.script.ScriptDirectory.from_config(_config(chain))
    return scripts.get_current_head()


def _config(
    chain: str, version_table: str | None = None, conn: sa.Connection | None = None
) -> alembic.config.Config:
    config = alembic.config.Config(stdout=typing.cast(typing.TextIO, _DEVNULL))
    config.set_main_option(
        "script_location", str(pathlib.Path(__file__).parent / chain)
    )
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    config.attributes["version_table"] = version_table
    return config


# For the output of Alembic commands; open as long as the process runs.
_DEVNULL = open(os.devnull, "w")  # noqa: SIM115 - never closed
