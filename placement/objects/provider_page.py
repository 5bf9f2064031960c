"""Pages of providers with their inventories, traits, aggregates and allocations.

For callers that read a whole cloud: the number of statements per page is constant.
"""

import collections.abc
import dataclasses
import typing

import sqlalchemy as sa

from placement.db import names, raw_rows, tables
from placement.objects import aggregate, inventory

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

# The most ids of a range that are read for each provider of the page in it.
_RANGE_FACTOR = 2

_Rows = collections.abc.Iterable[tuple[typing.Any, ...]]
_Amounts = dict[str, int]


@dataclasses.dataclass(slots=True)
class ProviderDetails:
    """One provider with the requested details; the others are empty.

    ``inventories`` are by resource class, and then by ``inventory.CLIENT_FIELDS``,
    ``capacity`` and ``used``. ``allocations`` are by consumer and then by resource
    class. Traits and aggregates are ordered by their stored ids; uuids of aggregates
    are as clients wrote them. Providers of one page with the same traits share the
    tuple.
    """

    id: int
    uuid: str
    name: str
    generation: int
    parent_provider_uuid: str | None
    root_provider_uuid: str
    state: int
    inventories: dict[str, dict[str, int | float]] = dataclasses.field(
        default_factory=dict
    )
    traits: tuple[str, ...] = ()
    aggregates: list[str] = dataclasses.field(default_factory=list)
    allocations: dict[str, _Amounts] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """Which providers are read, in order of their ids.

    ``ids`` selects the ids of those that match; None: nothing matches. ``uuids`` are
    canonical. They and ``states`` are no filter if None.
    """

    ids: "sa.Select[tuple[int]] | None"
    uuids: collections.abc.Collection[str] | None = None
    is_only_roots: bool = False
    states: collections.abc.Collection[int] | None = None


def get_page(
    conn: sa.Connection,
    known_names: names.Names,
    selection: Selection,
    include: collections.abc.Container[str],
    *,
    after_id: int,
    size: int,
) -> list[ProviderDetails]:
    """Return the next ``size`` providers of ``selection``, from the id ``after_id`` on.

    Runs one statement for the providers, and one for each member of ``include``, plus
    those that read names that are not cached. If the providers are few of many, one
    for each member per 1,000 of them. The caller provides a snapshot.
    """
    if selection.ids is None or selection.uuids == ():
        return []
    select = _PROVIDERS
    if selection.ids.whereclause is not None:
        select = select.where(_providers.c.id.in_(selection.ids))
    if selection.uuids is not None:
        select = select.where(_providers.c.uuid.in_(selection.uuids))
    if selection.is_only_roots:
        select = select.where(_providers.c.parent_provider_id.is_(None))
    if selection.states is not None:
        select = select.where(_providers.c.state.in_(selection.states))
    found = conn.execute(select, {"after_id": after_id, "size": size})
    page = [ProviderDetails(*row) for row in found]
    _attach(conn, known_names, page, include)
    return page


def each_page(
    conn: sa.Connection,
    known_names: names.Names,
    selection: Selection,
    include: collections.abc.Container[str],
    size: int,
) -> collections.abc.Iterator[list[ProviderDetails]]:
    """Yield all pages of ``selection`` that are not empty; see ``get_page``."""
    after_id = BEFORE_ALL
    while True:
        page = get_page(
            conn, known_names, selection, include, after_id=after_id, size=size
        )
        if page:
            yield page
        if len(page) < size:
            return
        after_id = page[-1].id


# The ``after_id`` of the first page.
BEFORE_ALL = -1


def find(
    conn: sa.Connection,
    known_names: names.Names,
    wanted: str,
    uuid: str | None,
    include: collections.abc.Container[str],
) -> ProviderDetails | None:
    """Return the provider with this canonical uuid, or else the one named ``wanted``.

    The caller provides a snapshot.
    """
    rows = conn.execute(_FIND, {"name": wanted, "uuid": uuid}).all()
    # At most two: of one the name is the uuid of the other.
    found = sorted(rows, key=lambda row: row[1] != uuid)[:1]
    page = [ProviderDetails(*row) for row in found]
    _attach(conn, known_names, page, include)
    return page[0] if page else None


def _attach(
    conn: sa.Connection,
    known_names: names.Names,
    page: list[ProviderDetails],
    include: collections.abc.Container[str],
) -> None:
    by_id = {each.id: each for each in page}
    for name, part in _PARTS.items():
        if name in include and page:
            part.attach(conn, known_names, by_id, part.rows(conn, list(by_id)))


_ByID = dict[int, ProviderDetails]


def _attach_inventories(
    conn: sa.Connection, known_names: names.Names, providers: _ByID, rows: _Rows
) -> None:
    found = [row for row in rows if row[0] in providers]
    classes = known_names.resource_classes(conn, {row[1] for row in found})
    capacity_of = inventory.capacity_of
    for id_, class_id, total, reserved, minimum, maximum, step, ratio, used in found:
        providers[id_].inventories[classes[class_id]] = {
            "total": total,
            "reserved": reserved,
            "min_unit": minimum,
            "max_unit": maximum,
            "step_size": step,
            "allocation_ratio": ratio,
            "capacity": capacity_of(total, reserved, ratio),
            "used": used,
        }


def _attach_traits(
    conn: sa.Connection, known_names: names.Names, providers: _ByID, rows: _Rows
) -> None:
    found = [row for row in rows if row[0] in providers]
    lists = {text: sorted(map(int, text.split(","))) for _, text in found}
    traits = known_names.traits(conn, {id_ for ids in lists.values() for id_ in ids})
    named = {text: tuple(traits[id_] for id_ in ids) for text, ids in lists.items()}
    for provider_id, text in found:
        providers[provider_id].traits = named[text]


def _attach_aggregates(
    _conn: sa.Connection, _names: names.Names, providers: _ByID, rows: _Rows
) -> None:
    for provider_id, uuid in rows:
        if provider_id in providers:
            providers[provider_id].aggregates.append(uuid)


def _attach_allocations(
    conn: sa.Connection, known_names: names.Names, providers: _ByID, rows: _Rows
) -> None:
    found = [row for row in rows if row[0] in providers]
    classes = known_names.resource_classes(conn, {row[2] for row in found})
    for provider_id, consumer, class_id, used in found:
        amounts = providers[provider_id].allocations.setdefault(consumer, {})
        # The schema allows several rows for the same consumer and class.
        amounts[classes[class_id]] = amounts.get(classes[class_id], 0) + used


class _Part:
    """What a member of ``include`` adds to providers.

    ``select`` selects an id of a provider, which is the column ``owner``, and values.
    """

    def __init__(
        self,
        select: "sa.Select[typing.Any]",
        owner: sa.ColumnElement[int],
        attach: collections.abc.Callable[
            [sa.Connection, names.Names, _ByID, _Rows], None
        ],
    ) -> None:
        self.attach = attach
        self._in_range = select.where(
            owner.between(sa.bindparam("first"), sa.bindparam("last"))
        )
        self._in_list = select.where(
            owner.in_(sa.bindparam("providers", expanding=True))
        )

    def rows(self, conn: sa.Connection, ids: list[int]) -> _Rows:
        """Yield the rows of the providers with these ascending ids, and of others.

        The other providers have ids between these.
        """
        first, last = ids[0], ids[-1]
        # A range is a short statement, however many providers there are.
        if last - first < _RANGE_FACTOR * len(ids):
            yield from raw_rows.fetch(
                conn, self._in_range, {"first": first, "last": last}
            )
            return
        for start in range(0, len(ids), _IDS_PER_STATEMENT):
            some = ids[start : start + _IDS_PER_STATEMENT]
            yield from raw_rows.fetch(conn, self._in_list, {"providers": some})


def _uuid_of(alias: sa.FromClause) -> sa.ColumnElement[str]:
    uuid: sa.ColumnElement[str] = alias.c.uuid
    return uuid


_parents = _providers.alias("parents")
_roots = _providers.alias("roots")
_PLACES = (
    sa.select(
        _providers.c.id,
        _providers.c.uuid,
        _providers.c.name,
        sa.func.coalesce(_providers.c.generation, 0),
        _uuid_of(_parents),
        sa.func.coalesce(_uuid_of(_roots), _providers.c.uuid),
        _providers.c.state,
    )
    .outerjoin_from(_providers, _roots, _roots.c.id == _providers.c.root_provider_id)
    .outerjoin(_parents, _parents.c.id == _providers.c.parent_provider_id)
)
_PROVIDERS = (
    _PLACES.where(_providers.c.id > sa.bindparam("after_id"))
    .order_by(_providers.c.id)
    .limit(sa.bindparam("size"))
)
_FIND = _PLACES.where(
    sa.or_(
        _providers.c.name == sa.bindparam("name"),
        _providers.c.uuid == sa.bindparam("uuid"),
    )
)

_PARTS = {
    INVENTORIES: _Part(
        sa.select(
            _inventories.c.resource_provider_id,
            _inventories.c.resource_class_id,
            *(_inventories.c[name] for name in inventory.CLIENT_FIELDS),
            _inventories.c.used,
        ).order_by(_inventories.c.resource_class_id),
        _inventories.c.resource_provider_id,
        _attach_inventories,
    ),
    # One row per provider, because most providers have many traits.
    TRAITS: _Part(
        sa.select(
            _provider_traits.c.resource_provider_id,
            sa.func.aggregate_strings(
                sa.cast(_provider_traits.c.trait_id, sa.String), ","
            ),
        ).group_by(_provider_traits.c.resource_provider_id),
        _provider_traits.c.resource_provider_id,
        _attach_traits,
    ),
    AGGREGATES: _Part(
        sa.select(_provider_aggregates.c.resource_provider_id, aggregate.AS_WRITTEN)
        .join(_aggregates, _aggregates.c.id == _provider_aggregates.c.aggregate_id)
        .order_by(_aggregates.c.id),
        _provider_aggregates.c.resource_provider_id,
        _attach_aggregates,
    ),
    ALLOCATIONS: _Part(
        sa.select(
            _allocations.c.resource_provider_id,
            _allocations.c.consumer_id,
            _allocations.c.resource_class_id,
            _allocations.c.used,
        ).order_by(_allocations.c.id),
        _allocations.c.resource_provider_id,
        _attach_allocations,
    ),
}
