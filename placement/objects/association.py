"""What a provider is associated with: rows that are pairs of ids."""

import collections.abc
import typing

import sqlalchemy as sa


def replace_all(
    conn: sa.Connection,
    member: sa.Column[typing.Any],
    provider_id: int,
    wanted: collections.abc.Set[int],
) -> bool:
    """Make ``wanted`` all that the provider is associated with.

    ``member`` is the column of the other id, in a table that has the provider's
    as ``resource_provider_id``. The caller keeps other writers away.

    Returns whether that changed anything.
    """
    table = member.table
    is_providers = table.c.resource_provider_id == provider_id
    present = set(conn.scalars(sa.select(member).where(is_providers)))
    gone, new = sorted(present - wanted), sorted(wanted - present)
    if gone:
        conn.execute(sa.delete(table).where(is_providers, member.in_(gone)))
    if new:
        rows = [{"resource_provider_id": provider_id, member.name: id_} for id_ in new]
        conn.execute(sa.insert(table), rows)
    return bool(gone or new)
