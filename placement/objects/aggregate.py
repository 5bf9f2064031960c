"""Aggregates: uuids that group providers.

An aggregate is stored once, under its canonical uuid. Clients expect to read a uuid
as they wrote it, so each membership stores the spelling if it differs.
"""

import collections.abc

import sqlalchemy as sa

from placement import uuids
from placement.db import batch, lists, tables, unique
from placement.objects.association import Associations
from placement.objects.resource_provider import ProviderChildren, ResourceProvider

_aggregates = tables.placement_aggregates
_memberships = tables.resource_provider_aggregates
MEMBERSHIPS = Associations(_memberships.c.aggregate_id)

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
    if _create_missing(conn, names, known):
        known, present = _find(conn, provider, names)
    spelled = {known[uuid]: spelling(uuid, wanted[uuid]) for uuid in names}
    # A membership whose spelling changes is deleted and inserted again.
    gone = dict(present.items() - spelled.items())
    new = dict(spelled.items() - present.items())
    steps = MEMBERSHIPS.change_steps(
        provider.id,
        gone.keys(),
        {id_: {"spelling": spelling} for id_, spelling in new.items()},
    )
    if steps:
        batch.run(conn, steps)
    return bool(steps)


def spelling(uuid: str, written: str) -> str | None:
    """Return what a membership stores of an aggregate's uuid as it was written."""
    return None if written == uuid else written


def find_ids(conn: sa.Connection, uuids: list[str]) -> dict[str, int]:
    """Return the ids of the existing aggregates among canonical ``uuids``, by uuid."""
    return {row[0]: row[1] for row in _IDS.execute(conn, {"uuids": uuids})}


def ensure_ids(conn: sa.Connection, uuids: list[str]) -> dict[str, int]:
    """Return the ids of aggregates by uuid; create those that do not exist."""
    known = find_ids(conn, uuids)
    return find_ids(conn, uuids) if _create_missing(conn, uuids, known) else known


def _create_missing(
    conn: sa.Connection, uuids: list[str], known: collections.abc.Container[str]
) -> bool:
    """Create the aggregates that are not ``known``; return whether there are any.

    One that another transaction creates at the same time is left to it, or, depending
    on the database, breaks the unique key and is retried.
    """
    rows = [{"uuid": uuid} for uuid in sorted(uuids) if uuid not in known]
    if rows:
        batch.run(conn, [lists.insert(_aggregates, rows, unique.skips_existing(conn))])
    return bool(rows)


_IDS = lists.Statement(
    lambda uuids: sa.select(_aggregates.c.uuid, _aggregates.c.id).where(
        _aggregates.c.uuid.in_(uuids)
    )
)


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
