"""Aggregates: uuids that group providers, and have no other property."""

import collections.abc

import sqlalchemy as sa

from placement.db import batch, lists, tables
from placement.objects.association import Associations
from placement.objects.resource_provider import Belongings, ResourceProvider

_aggregates = tables.placement_aggregates
_associations = tables.resource_provider_aggregates
_KIND = Associations(_associations.c.aggregate_id)


def get_all(conn: sa.Connection, uuid: str) -> tuple[int, list[str]]:
    """Return a provider's generation, and the uuids of its aggregates.

    They are ordered by their ids. Runs one statement.

    Raises ResourceProviderNotFound.
    """
    generation, rows = _OF_PROVIDER.read(conn, uuid)
    return generation, [row[0] for row in rows]


_OF_PROVIDER = Belongings(
    _aggregates.c.uuid,
    source=sa.join(
        _associations, _aggregates, _aggregates.c.id == _associations.c.aggregate_id
    ),
    owner=_associations.c.resource_provider_id,
    order=_aggregates.c.id,
)
_IDS = lists.Statement(
    lambda uuids: sa.select(_aggregates.c.uuid, _aggregates.c.id).where(
        lists.is_one_of(_aggregates.c.uuid, uuids)
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
