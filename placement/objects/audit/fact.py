"""A fact: what every consistent database satisfies, and how to repair it."""

import collections.abc
import dataclasses
import typing

import sqlalchemy as sa

from placement.db import tables

if typing.TYPE_CHECKING:
    from placement.conf.settings import PlacementSettings

_providers = tables.resource_providers

Findings = sa.Select[typing.Any]
Keys = collections.abc.Sequence[typing.Any]
Repair = collections.abc.Callable[[sa.Connection, Keys, "PlacementSettings"], int]


@dataclasses.dataclass(frozen=True)
class Fact:
    """A statement about the stored data that holds unless something is broken.

    ``broken`` describes a finding, and ``advice`` its repair, to operators.
    ``findings`` selects one row per finding. Its columns describe the subject: uuids
    and names, stored ids where there are none, and amounts in units.

    ``repair`` takes values of the column ``key`` of some findings and returns how many
    findings it has repaired. It is None if there is no single right repair.
    """

    name: str
    broken: str
    advice: str
    findings: Findings
    key: str = ""
    repair: Repair | None = None


def provider_uuid() -> sa.Label[str]:
    """Return the column that names the provider of a finding."""
    return _providers.c.uuid.label("provider")


def without_provider(
    table: sa.Table, *columns: sa.ColumnElement[typing.Any]
) -> Findings:
    """Select the rows of a table that refer to a provider that does not exist."""
    return (
        sa.select(table.c.resource_provider_id.label("provider_id"), *columns)
        .select_from(table)
        .outerjoin(_providers, _providers.c.id == table.c.resource_provider_id)
        .where(_providers.c.id.is_(None))
        .order_by(table.c.resource_provider_id, *columns)
    )


def delete_without_provider(table: sa.Table) -> Repair:
    """Return the repair of ``without_provider``, which deletes the rows."""

    def delete(conn: sa.Connection, provider_ids: Keys, _settings: object) -> int:
        present = sa.select(_providers.c.id).where(_providers.c.id.in_(provider_ids))
        column = table.c.resource_provider_id
        missing = sorted(set(provider_ids).difference(conn.scalars(present)))
        return conn.execute(sa.delete(table).where(column.in_(missing))).rowcount

    return delete


def bad_generations(table: sa.Table, name: str) -> Findings:
    """Select the records whose generation is missing or negative."""
    return (
        sa.select(table.c.uuid.label(name), table.c.id, table.c.generation)
        .where(_has_bad_generation(table))
        .order_by(table.c.id)
    )


def reset_generations(
    conn: sa.Connection, table: sa.Table, ids: Keys, **more: sa.ColumnElement[int]
) -> int:
    """Set the bad generations among some records to 0, and the columns ``more``.

    Returns the number of records changed.
    """
    return conn.execute(
        sa.update(table)
        .where(table.c.id.in_(ids), _has_bad_generation(table))
        .values(generation=0, updated_at=table.c.updated_at, **more)
    ).rowcount


def _has_bad_generation(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.func.coalesce(table.c.generation, -1) < 0
