"""Aggregates: uuids that group providers.

An aggregate is stored once, under its canonical uuid. Clients expect to read a uuid
as they wrote it, so each membership stores the spelling if it differs.
"""

import collections.abc

import sqlalchemy as sa

from placement import uuids
from placement.db import batch, lists, tables
from placement.objects.association import Associations
from placement.objects.resource_provider import ProviderChildren, ResourceProvider

_aggregates = tables.placement_aggregates
_memberships = tables.resource_provider_aggregates
_MEMBERSHIPS = Associations(_memberships.c.aggregate_id)

# Longer spellings, such as with braces, are shown in canonical form.
_SPELLING_LENGTH_MAX = 36

# Uuids as clients wrote them, by canonical form.
Spellings = dict[str, str]


def spellings(given: collections.abc.Iterable[str]) -> Spellings:
    """Return the spelling of each aggregate in ``given``, in its order.

    If one uuid has several spellings, the first counts.
    """
    found: Spellings = {}
    for written in given:
        canonical = uuids.canonical_or_same(written)
        is_kept = len(written) <= _SPELLING_LENGTH_MAX
        found.setdefault(canonical, written if is_kept else canonical)
    return found


def get_all(conn: sa.Connection, uuid: str) -> tuple[int, list[str]]:
    """Return a provider's generation, and its aggregates as clients wrote them.

    They are ordered by their stored ids. Runs one statement.

    Raises ResourceProviderNotFound.
    """
    provider, rows = _OF_PROVIDER.read(conn, uuid)
    return provider.generation, [row[0] for row in rows]


# The uuid of an aggregate as a client wrote it for this provider.
AS_WRITTEN = sa.func.coalesce(_memberships.c.spelling, _aggregates.c.uuid)

_OF_PROVIDER = ProviderChildren(
    AS_WRITTEN,
    source=sa.join(
        _memberships, _aggregates, _aggregates.c.id == _memberships.c.aggregate_id
    ),
    owner=_memberships.c.resource_provider_id,
    order=_aggregates.c.id,
)


def replace_all(
    conn: sa.Connection, provider: ResourceProvider, wanted: Spellings
) -> bool:
    """Replace the provider's aggregates; create those that do not exist.

    The caller has locked the provider, and advances its generation or revision.

    Returns whether anything has changed.
    """
    names = sorted(wanted)
    known, present = _find(conn, provider, names)
    unknown = [uuid for uuid in names if uuid not in known]
    if unknown:
        rows = [{"uuid": uuid} for uuid in unknown]
        batch.run(conn, [lists.insert(_aggregates, rows)])
        known, present = _find(conn, provider, names)
    spelled = {
        known[uuid]: None if written == uuid else written
        for uuid, written in wanted.items()
    }
    # A membership whose spelling changes is deleted and inserted again.
    gone = dict(present.items() - spelled.items())
    new = dict(spelled.items() - present.items())
    steps = _MEMBERSHIPS.change_steps(
        provider.id,
        gone.keys(),
        {id_: {"spelling": spelling} for id_, spelling in new.items()},
    )
    if steps:
        batch.run(conn, steps)
    return bool(steps)


def _find(
    conn: sa.Connection, provider: ResourceProvider, names: list[str]
) -> tuple[dict[str, int], dict[int, str | None]]:
    """Return the ids of the existing aggregates among ``names``, by uuid.

    Also returns the spellings of the provider's aggregates, by their ids.
    """
    rows = _FIND.execute(conn, {"uuids": names}, {"provider": provider.id}).all()
    return (
        {text: id_ for is_member, text, id_ in rows if not is_member},
        {id_: text for is_member, text, id_ in rows if is_member},
    )


_FIND = lists.Statement(
    lambda uuids: sa.union_all(
        sa.select(sa.literal_column("0"), _aggregates.c.uuid, _aggregates.c.id).where(
            lists.is_one_of(_aggregates.c.uuid, uuids)
        ),
        sa.select(
            sa.literal_column("1"),
            _memberships.c.spelling,
            _memberships.c.aggregate_id,
        ).where(_memberships.c.resource_provider_id == sa.bindparam("provider")),
    )
)
