"""Audit a database, and read all its rows."""

import types
import typing

import sqlalchemy as sa

from placement.cmd import audit as command
from placement.db import tables, transaction
from tests.functional.audit.inconsistencies import Document

# The owner of consumers whose record is missing.
OWNER = "nobody"
SETTINGS: typing.Any = types.SimpleNamespace(
    incomplete_consumer_project_id=OWNER, incomplete_consumer_user_id=OWNER
)


def findings(engine: sa.Engine) -> list[tuple[str, Document]]:
    """Return the findings of an audit: the name of the fact, and the details."""
    with transaction.snapshot(engine) as conn:
        return [(fact.name, details) for fact, details in command.findings(conn)]


def repair(engine: sa.Engine) -> dict[str, int]:
    """Repair what can be repaired; return the number of repairs by fact."""
    return command.repair(engine, SETTINGS)


def content(engine: sa.Engine) -> dict[str, list[typing.Any]]:
    """Return all rows, in the order of their primary key, by table."""
    with engine.connect() as conn:
        return {
            name: list(conn.execute(sa.select(table).order_by(*table.primary_key)))
            for name, table in tables.metadata.tables.items()
        }
