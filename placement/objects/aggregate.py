"""Aggregates: uuids that group providers, and have no other property."""

import collections.abc

import sqlalchemy as sa

from placement.db import batch, lists, tables
from placement.objects.association import Associations
from placement.objects.resource_provider import ResourceProvider

_aggregates = tables.placement_aggregates
_associations = tables.resource_provider_aggregates
_KIND = Associations(_associations.c.aggregate_id)


def get_all_by_resource_provider(
    conn: sa.Connection, provider: ResourceProvider
) -> list[str]:
    """Return the uuids of the provider's aggregates, ordered by their ids."""
    return list(conn.scalars(_OF_PROVIDER, {"provider": provider.id}))


_OF_PROVIDER = (
    sa.select(_aggregates.c.uuid)
    .join(_associations, _associations.c.aggregate_id == _aggregates.c.id)
    .where(_associations.c.resource_provider_id == sa.bindparam("provider"))
    .order_by(_aggregates.c.id)
)
_IDS = lists.Statement(
    lambda uuids: sa.select(_aggregates.c.uuid, _aggregates.c.id).where(
        _aggregates.c.uuid.in_(uuids)
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
    present = _KIND.members(conn, provider.id)
    if steps := _KIND.replacing(provider.id, present, wanted):
        batch.run(conn, steps)


def _ensure(conn: sa.Connection, uuids: collections.abc.Sequence[str]) -> set[int]:
    """Return the ids of the aggregates, added where they are not known yet."""
    known: dict[str, int] = dict(_IDS.execute(conn, {"uuids": uuids}).all())
    unknown = [uuid for uuid in uuids if uuid not in known]
    if unknown:
        rows = [{"uuid": uuid} for uuid in unknown]
        batch.run(conn, [lists.insert(_aggregates, rows)])
        known = dict(_IDS.execute(conn, {"uuids": uuids}).all())
    return set(known.values())
