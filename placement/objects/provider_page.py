"""Pages of providers with their inventories, traits, aggregates and allocations.

For callers that read a whole cloud: the number of statements per page is constant.
"""

import collections.abc
import dataclasses
import typing

import sqlalchemy as sa

from placement.db import names, tables
from placement.objects import aggregate, inventory
from placement.objects.inventory import Inventory

_providers = tables.resource_providers
_inventories = tables.inventories
_provider_traits = tables.resource_provider_traits
_provider_aggregates = tables.resource_provider_aggregates
_aggregates = tables.placement_aggregates
_allocations = tables.allocations

# Members of ``include``.
INVENTORIES = "inventories"
TRAITS = "traits"
AGGREGATES = "aggregates"
ALLOCATIONS = "allocations"

# SQLite allows 32,766 parameters per statement.
_IDS_PER_STATEMENT = 1000

_Rows = collections.abc.Iterable[tuple[typing.Any, ...]]
_Amounts = dict[str, int]


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderDetails:
    """One provider with the requested details; the others are empty.

    ``inventories`` are by resource class, ``allocations`` by consumer and then by
    resource class. Traits and aggregates are ordered by their stored ids; uuids of
    aggregates are as clients wrote them.
    """

    id: int
    uuid: str
    name: str
    generation: int
    parent_provider_uuid: str | None
    root_provider_uuid: str
    inventories: dict[str, Inventory] = dataclasses.field(default_factory=dict)
    traits: list[str] = dataclasses.field(default_factory=list)
    aggregates: list[str] = dataclasses.field(default_factory=list)
    allocations: dict[str, _Amounts] = dataclasses.field(default_factory=dict)


def get_page(
    conn: sa.Connection,
    known_names: names.Names,
    ids: "sa.Select[tuple[int]]",
    include: collections.abc.Container[str],
    *,
    is_only_roots: bool,
    after_id: int,
    size: int,
) -> list[ProviderDetails]:
    """Return the next ``size`` providers that ``ids`` selects, ordered by id.

    The page starts after the id ``after_id``; with ``is_only_roots`` it has roots
    only. Runs one statement for the providers, and per 1,000 of them one for each
    member of ``include``, plus those that read names that are not cached. The caller
    provides a snapshot.
    """
    select = _PROVIDERS.where(_providers.c.id.in_(ids))
    if is_only_roots:
        select = select.where(_providers.c.parent_provider_id.is_(None))
    found = conn.execute(select, {"after_id": after_id, "size": size})
    page = [ProviderDetails(*row) for row in found]
    for start in range(0, len(page), _IDS_PER_STATEMENT):
        some = {each.id: each for each in page[start : start + _IDS_PER_STATEMENT]}
        for name, (statement, attach) in _PARTS.items():
            if name in include:
                attach(conn, known_names, some, _rows(conn, statement, some))
    return page


def _rows(
    conn: sa.Connection,
    statement: "sa.Select[typing.Any]",
    providers: collections.abc.Iterable[int],
) -> list[tuple[typing.Any, ...]]:
    found = conn.execute(statement, {"providers": list(providers)})
    return [tuple(row) for row in found]


_ByID = dict[int, ProviderDetails]


def _attach_inventories(
    conn: sa.Connection, known_names: names.Names, providers: _ByID, rows: _Rows
) -> None:
    found = [(provider_id, Inventory(*columns)) for provider_id, *columns in rows]
    classes = known_names.resource_classes(
        conn, {each.resource_class_id for _, each in found}
    )
    for provider_id, each in found:
        name = classes[each.resource_class_id]
        providers[provider_id].inventories[name] = each


def _attach_traits(
    conn: sa.Connection, known_names: names.Names, providers: _ByID, rows: _Rows
) -> None:
    found = list(rows)
    traits = known_names.traits(conn, {trait_id for _, trait_id in found})
    for provider_id, trait_id in found:
        providers[provider_id].traits.append(traits[trait_id])


def _attach_aggregates(
    _conn: sa.Connection, _names: names.Names, providers: _ByID, rows: _Rows
) -> None:
    for provider_id, uuid in rows:
        providers[provider_id].aggregates.append(uuid)


def _attach_allocations(
    conn: sa.Connection, known_names: names.Names, providers: _ByID, rows: _Rows
) -> None:
    found = list(rows)
    classes = known_names.resource_classes(
        conn, {class_id for _, _, class_id, _ in found}
    )
    for provider_id, consumer, class_id, used in found:
        amounts = providers[provider_id].allocations.setdefault(consumer, {})
        # The schema allows several rows for the same consumer and class.
        amounts[classes[class_id]] = amounts.get(classes[class_id], 0) + used


def _of_providers(
    select: "sa.Select[typing.Any]", provider_id: sa.ColumnElement[int]
) -> "sa.Select[typing.Any]":
    return select.where(provider_id.in_(sa.bindparam("providers", expanding=True)))


def _uuid_of(alias: sa.FromClause) -> sa.ColumnElement[str]:
    uuid: sa.ColumnElement[str] = alias.c.uuid
    return uuid


_parents = _providers.alias("parents")
_roots = _providers.alias("roots")
_PROVIDERS = (
    sa.select(
        _providers.c.id,
        _providers.c.uuid,
        _providers.c.name,
        sa.func.coalesce(_providers.c.generation, 0),
        _uuid_of(_parents),
        sa.func.coalesce(_uuid_of(_roots), _providers.c.uuid),
    )
    .outerjoin_from(_providers, _roots, _roots.c.id == _providers.c.root_provider_id)
    .outerjoin(_parents, _parents.c.id == _providers.c.parent_provider_id)
    .where(_providers.c.id > sa.bindparam("after_id"))
    .order_by(_providers.c.id)
    .limit(sa.bindparam("size"))
)

# For each member of ``include``: its statement, and what adds the rows to providers.
_PARTS = {
    INVENTORIES: (
        _of_providers(
            sa.select(_inventories.c.resource_provider_id, *inventory.COLUMNS).order_by(
                _inventories.c.resource_class_id
            ),
            _inventories.c.resource_provider_id,
        ),
        _attach_inventories,
    ),
    TRAITS: (
        _of_providers(
            sa.select(
                _provider_traits.c.resource_provider_id, _provider_traits.c.trait_id
            ).order_by(_provider_traits.c.trait_id),
            _provider_traits.c.resource_provider_id,
        ),
        _attach_traits,
    ),
    AGGREGATES: (
        _of_providers(
            sa.select(_provider_aggregates.c.resource_provider_id, aggregate.AS_WRITTEN)
            .join(_aggregates, _aggregates.c.id == _provider_aggregates.c.aggregate_id)
            .order_by(_aggregates.c.id),
            _provider_aggregates.c.resource_provider_id,
        ),
        _attach_aggregates,
    ),
    ALLOCATIONS: (
        _of_providers(
            sa.select(
                _allocations.c.resource_provider_id,
                _allocations.c.consumer_id,
                _allocations.c.resource_class_id,
                _allocations.c.used,
            ).order_by(_allocations.c.id),
            _allocations.c.resource_provider_id,
        ),
        _attach_allocations,
    ),
}
