"""Aggregates: uuids that group providers, and have no other property."""

import collections.abc

import sqlalchemy as sa

from placement.db import tables
from placement.objects import association
from placement.objects.resource_provider import ResourceProvider

_aggregates = tables.placement_aggregates
_associations = tables.resource_provider_aggregates


def get_all_by_resource_provider(
    conn: sa.Connection, provider: ResourceProvider
) -> list[str]:
    """Return the uuids of the provider's aggregates, ordered by their ids."""
    return list(
        conn.scalars(
            sa.select(_aggregates.c.uuid)
            .join(_associations, _associations.c.aggregate_id == _aggregates.c.id)
            .where(_associations.c.resource_provider_id == provider.id)
            .order_by(_aggregates.c.id)
        )
    )


def replace_all(
    conn: sa.Connection,
    provider: ResourceProvider,
    uuids: collections.abc.Iterable[str],
) -> None:
    """Make ``uuids`` the provider's aggregates; unknown ones are added, for good.

    The caller has moved the provider's generation or revision.
    """
    wanted = _ensure(conn, sorted(set(uuids)))
    association.replace_all(conn, _associations.c.aggregate_id, provider.id, wanted)


def _ensure(conn: sa.Connection, uuids: collections.abc.Sequence[str]) -> set[int]:
    """Return the ids of the aggregates, added where they are not known yet."""
    select = sa.select(_aggregates.c.uuid, _aggregates.c.id).where(
        _aggregates.c.uuid.in_(uuids)
    )
    known = dict(conn.execute(select).all())
    unknown = [uuid for uuid in uuids if uuid not in known]
    if unknown:
        conn.execute(sa.insert(_aggregates), [{"uuid": uuid} for uuid in unknown])
        known = dict(conn.execute(select).all())
    return set(known.values())
