"""Aggregates: uuids that group providers, and have no other property.

An aggregate is stored once, by its canonical uuid. Clients expect to read a uuid as
they wrote it, so each association keeps its spelling where that is another.
"""

import collections.abc

import sqlalchemy as sa

from placement import uuids
from placement.db import batch, lists, tables
from placement.objects.association import Associations
from placement.objects.resource_provider import ProviderChildren, ResourceProvider

_aggregates = tables.placement_aggregates
_associations = tables.resource_provider_aggregates
_KIND = Associations(_associations.c.aggregate_id)

# Longer spellings, such as with braces, are not kept.
_SPELLING_LENGTH_MAX = 36

# How the uuids are shown, by their canonical form.
Spellings = dict[str, str]


def spellings(given: collections.abc.Iterable[str]) -> Spellings:
    """Return the aggregates that ``given`` names, in its order.

    Of several spellings of one uuid the first is shown.
    """
    shown: Spellings = {}
    for written in given:
        canonical = uuids.canonical_or_same(written)
        is_kept = len(written) <= _SPELLING_LENGTH_MAX
        shown.setdefault(canonical, written if is_kept else canonical)
    return shown


def get_all(conn: sa.Connection, uuid: str) -> tuple[int, list[str]]:
    """Return a provider's generation, and the uuids of its aggregates as written.

    They are ordered by their ids. Runs one statement.

    Raises ResourceProviderNotFound.
    """
    provider, rows = _OF_PROVIDER.read(conn, uuid)
    return provider.generation, [row[0] for row in rows]


# The uuid of an aggregate, as it was written for the provider.
AS_WRITTEN = sa.func.coalesce(_associations.c.spelling, _aggregates.c.uuid)

_OF_PROVIDER = ProviderChildren(
    AS_WRITTEN,
    source=sa.join(
        _associations, _aggregates, _aggregates.c.id == _associations.c.aggregate_id
    ),
    owner=_associations.c.resource_provider_id,
    order=_aggregates.c.id,
)


def replace_all(
    conn: sa.Connection, provider: ResourceProvider, wanted: Spellings
) -> bool:
    """Make ``wanted`` the provider's aggregates; unknown ones are added, for good.

    The caller has locked the provider, and moves its generation or revision.

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
    # One that is written otherwise now is deleted and added.
    gone = dict(present.items() - spelled.items())
    new = dict(spelled.items() - present.items())
    steps = _KIND.changing(
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
    """Return the ids of those aggregates that exist, and the provider's spellings.

    The spellings are by the ids of the provider's aggregates.
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
            _associations.c.spelling,
            _associations.c.aggregate_id,
        ).where(_associations.c.resource_provider_id == sa.bindparam("provider")),
    )
)
