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
    provider, rows = _OF_PROVIDER.read(conn, uuid)
    return provider.generation, [row[0] for row in rows]


_OF_PROVIDER = Belongings(
    _aggregates.c.uuid,
    source=sa.join(
        _associations, _aggregates, _aggregates.c.id == _associations.c.aggregate_id
    ),
    owner=_associations.c.resource_provider_id,
    order=_aggregates.c.id,
)


def replace_all(
    conn: sa.Connection,
    provider: ResourceProvider,
    uuids: collections.abc.Iterable[str],
) -> None:
    """Make ``uuids`` the provider's aggregates; unknown ones are added, for good.

    The caller has moved the provider's generation or revision.
    """
    wanted = sorted(set(uuids))
    known, present = _find(conn, provider, wanted)
    unknown = [uuid for uuid in wanted if uuid not in known]
    if unknown:
        rows = [{"uuid": uuid} for uuid in unknown]
        batch.run(conn, [lists.insert(_aggregates, rows)])
        known, present = _find(conn, provider, wanted)
    if steps := _KIND.replacing(provider.id, present, set(known.values())):
        batch.run(conn, steps)


def _find(
    conn: sa.Connection, provider: ResourceProvider, uuids: list[str]
) -> tuple[dict[str, int], set[int]]:
    """Return the ids of those aggregates that exist, and the ids of the provider's."""
    rows = _FIND.execute(conn, {"uuids": uuids}, {"provider": provider.id}).all()
    return (
        {uuid: id_ for is_member, uuid, id_ in rows if not is_member},
        {id_ for is_member, _, id_ in rows if is_member},
    )


_FIND = lists.Statement(
    lambda uuids: sa.union_all(
        sa.select(sa.literal_column("0"), _aggregates.c.uuid, _aggregates.c.id).where(
            lists.is_one_of(_aggregates.c.uuid, uuids)
        ),
        sa.select(
            sa.literal_column("1"),
            sa.literal_column("''"),
            _associations.c.aggregate_id,
        ).where(_associations.c.resource_provider_id == sa.bindparam("provider")),
    )
)
