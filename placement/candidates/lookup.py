"""What is stored for the names and uuids of a request."""

import collections.abc
import dataclasses
import typing

import sqlalchemy as sa

from placement import exception
from placement.candidates import rows
from placement.candidates.foresight import Reader
from placement.candidates.model import RequestGroup
from placement.db import tables
from placement.db.names import Names

SHARING = "MISC_SHARES_VIA_AGGREGATE"

# Of so many uuids each is asked for on its own; of more, all by one statement.
_FEW = 3

_Select = sa.Select[typing.Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Ids:
    """The ids of what a request names.

    ``aggregates`` and ``trees`` lack the uuids that nothing is stored for; the
    id in ``trees`` is the root's of the provider that is named.
    """

    resource_classes: dict[str, int]
    traits: dict[str, int]
    aggregates: dict[str, int]
    trees: dict[str, int]


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
    conn = reader.of_revisions()
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
        aggregates=_aggregate_ids(reader, groups),
        trees=_root_ids(reader, groups),
    )


def find_sharing_trait(reader: Reader, names: Names) -> int | None:
    """Return the id of the trait that sharing providers have, if it is stored."""
    try:
        conn = reader.of_revisions()
        return names.trait_ids(conn, [SHARING], reader.names_revision)[SHARING]
    except exception.TraitNotFound:
        # It may be stored at any time.
        reader.others()
        return None


def _aggregate_ids(
    reader: Reader, groups: collections.abc.Iterable[RequestGroup]
) -> dict[str, int]:
    uuids: set[str] = set()
    for group in groups:
        uuids |= group.not_member_of.union(*group.member_of)
    return _ids(reader, _AGGREGATE, _AGGREGATES, uuids)


def _root_ids(
    reader: Reader, groups: collections.abc.Iterable[RequestGroup]
) -> dict[str, int]:
    uuids = {group.in_tree for group in groups if group.in_tree is not None}
    return _ids(reader, _ROOT, _ROOTS, uuids)


def _ids(
    reader: Reader, of_one: _Select, of_many: _Select, uuids: set[str]
) -> dict[str, int]:
    """Return ids by uuid; a few are asked for as facts."""
    if len(uuids) > _FEW:
        return dict(rows.read(reader.others(), of_many, {"uuids": sorted(uuids)}))
    found = {uuid: reader.fact(of_one, {"uuid": uuid}) for uuid in sorted(uuids)}
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
