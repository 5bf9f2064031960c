"""What is stored for the names and uuids of a request."""

import collections.abc
import dataclasses
import typing

import sqlalchemy as sa

from placement import exception
from placement.candidates import rows
from placement.candidates.model import RequestGroup
from placement.db import tables
from placement.db.names import Names

SHARING = "MISC_SHARES_VIA_AGGREGATE"


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
    conn: sa.Connection,
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
    try:
        class_ids = names.resource_class_ids(conn, classes)
    except exception.ResourceClassNotFound as unknown:
        raise exception.BadRequest(
            reason=f"Invalid resource class in resources parameter: {unknown}"
        ) from unknown
    try:
        trait_ids = names.trait_ids(conn, traits)
    except exception.TraitNotFound as unknown:
        raise exception.BadRequest(reason=unknown) from unknown
    return Ids(
        resource_classes=class_ids,
        traits=trait_ids,
        aggregates=_aggregate_ids(conn, groups),
        trees=_root_ids(conn, groups),
    )


def find_sharing_trait(conn: sa.Connection, names: Names) -> int | None:
    """Return the id of the trait that sharing providers have, if it is stored."""
    try:
        return names.trait_ids(conn, [SHARING])[SHARING]
    except exception.TraitNotFound:
        return None


def _aggregate_ids(
    conn: sa.Connection, groups: collections.abc.Iterable[RequestGroup]
) -> dict[str, int]:
    uuids: set[str] = set()
    for group in groups:
        uuids |= group.not_member_of.union(*group.member_of)
    if not uuids:
        return {}
    return dict(rows.read(conn, _AGGREGATES, {"uuids": sorted(uuids)}))


def _root_ids(
    conn: sa.Connection, groups: collections.abc.Iterable[RequestGroup]
) -> dict[str, int]:
    uuids = {group.in_tree for group in groups if group.in_tree is not None}
    if not uuids:
        return {}
    return dict(rows.read(conn, _ROOTS, {"uuids": sorted(uuids)}))


def _by_uuid(
    table: sa.Table, column: sa.Column[int]
) -> "sa.Select[tuple[typing.Any, int]]":
    uuids: sa.BindParameter[list[str]] = sa.bindparam("uuids", expanding=True)
    return sa.select(table.c.uuid, column).where(table.c.uuid.in_(uuids))


_AGGREGATES = _by_uuid(tables.placement_aggregates, tables.placement_aggregates.c.id)
_ROOTS = _by_uuid(
    tables.resource_providers, tables.resource_providers.c.root_provider_id
)
