"""Look up the ids of the names and uuids in a request."""

import collections.abc
import dataclasses
import typing

import sqlalchemy as sa

from placement import exception
from placement.candidates.model import RequestGroup
from placement.candidates.sql import rows
from placement.candidates.sql.reader import Read, Reader
from placement.db import tables
from placement.db.names import Names
from placement.tracing.points import traced

SHARING = "MISC_SHARES_VIA_AGGREGATE"

# Up to this number each uuid is looked up on its own, which can be prefetched; more
# are looked up by one statement.
_SINGLE_MAX = 3

_Select = sa.Select[typing.Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Ids:
    """The ids of the names and uuids in a request.

    ``aggregates`` and ``trees`` lack unknown uuids. The id in ``trees`` is that of the
    root of the named provider.
    """

    resource_classes: dict[str, int]
    traits: dict[str, int]
    aggregates: dict[str, int]
    trees: dict[str, int]


@traced("candidates.read")
def look_up(
    reader: Reader,
    names: Names,
    groups: collections.abc.Sequence[RequestGroup],
    other_traits: collections.abc.Iterable[str] = (),
) -> Ids:
    """Return the ids of everything that ``groups`` and ``other_traits`` name.

    Names are checked before anything else is read, so that an unknown one is never
    hidden by an empty answer.

    Raises BadRequest for an unknown resource class or trait.
    """
    traits: set[str] = set(other_traits)
    for group in groups:
        traits |= group.forbidden.union(*group.required)
    classes = dict.fromkeys(name for group in groups for name in group.resources)
    conn = reader.conn
    try:
        class_ids = names.resource_class_ids(conn, classes, reader.names_revision)
    except exception.ResourceClassNotFound as unknown:
        raise exception.BadRequest(
            reason=f"Invalid resource class in resources parameter: {unknown}"
        ) from unknown
    try:
        trait_ids = names.trait_ids(conn, traits, reader.names_revision)
    except exception.TraitNotFound as unknown:
        raise exception.BadRequest(reason=unknown) from unknown
    return Ids(
        resource_classes=class_ids,
        traits=trait_ids,
        aggregates=_ids(reader, _AGGREGATE, _AGGREGATES, _aggregate_uuids(groups)),
        trees=_ids(reader, _ROOT, _ROOTS, _tree_uuids(groups)),
    )


def find_sharing_trait(reader: Reader, names: Names) -> int | None:
    """Return the id of the trait that sharing providers have, if it is stored."""
    try:
        conn = reader.conn
        return names.trait_ids(conn, [SHARING], reader.names_revision)[SHARING]
    except exception.TraitNotFound:
        return None


def prefetchable(groups: collections.abc.Sequence[RequestGroup]) -> list[Read]:
    """Return the single reads that ``look_up`` does for the uuids of ``groups``."""
    return [
        Read.of(of_one, uuid=uuid)
        for of_one, uuids in (
            (_AGGREGATE, _aggregate_uuids(groups)),
            (_ROOT, _tree_uuids(groups)),
        )
        if len(uuids) <= _SINGLE_MAX
        for uuid in sorted(uuids)
    ]


def has_uuids(groups: collections.abc.Iterable[RequestGroup]) -> bool:
    """Return whether ``groups`` name any aggregate or provider."""
    groups = list(groups)
    return bool(_aggregate_uuids(groups) or _tree_uuids(groups))


def _aggregate_uuids(groups: collections.abc.Iterable[RequestGroup]) -> set[str]:
    uuids: set[str] = set()
    for group in groups:
        uuids |= group.not_member_of.union(*group.member_of)
    return uuids


def _tree_uuids(groups: collections.abc.Iterable[RequestGroup]) -> set[str]:
    return {group.in_tree for group in groups if group.in_tree is not None}


def _ids(
    reader: Reader, of_one: _Select, of_many: _Select, uuids: set[str]
) -> dict[str, int]:
    """Return ids by uuid."""
    if len(uuids) > _SINGLE_MAX:
        return dict(rows.read(reader.conn, of_many, {"uuids": sorted(uuids)}))
    found = {uuid: reader.value(Read.of(of_one, uuid=uuid)) for uuid in sorted(uuids)}
    return {uuid: id_ for uuid, id_ in found.items() if id_ is not None}


def _of_one(table: sa.Table, column: sa.Column[int]) -> _Select:
    return sa.select(column).where(table.c.uuid == sa.bindparam("uuid"))


def _of_many(table: sa.Table, column: sa.Column[int]) -> _Select:
    uuids: sa.BindParameter[list[str]] = sa.bindparam("uuids", expanding=True)
    return sa.select(table.c.uuid, column).where(table.c.uuid.in_(uuids))


_aggregates, _providers = tables.placement_aggregates, tables.resource_providers
_AGGREGATE = _of_one(_aggregates, _aggregates.c.id)
_AGGREGATES = _of_many(_aggregates, _aggregates.c.id)
_ROOT = _of_one(_providers, _providers.c.root_provider_id)
_ROOTS = _of_many(_providers, _providers.c.root_provider_id)
