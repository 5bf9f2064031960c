"""Pages of consumers with what they hold, for callers that read many of them.

A consumer is a record; allocations without one, which other services may leave behind,
are not shown. The number of statements per page is constant.
"""

import collections.abc
import dataclasses
import datetime
import typing

import sqlalchemy as sa

from placement import uuids
from placement.db import lists, names, raw_rows, tables
from placement.objects import allocation

_allocations = tables.allocations
_consumers = tables.consumers
_holds = tables.holds
_projects = tables.projects
_providers = tables.resource_providers
_types = tables.consumer_types
_users = tables.users

# The ``after_id`` of the first page.
BEFORE_ALL = 0

Conditions = tuple[sa.ColumnElement[bool], ...]


class ConsumerFilters(typing.NamedTuple):
    """Which consumers are read: those that meet all conditions that are not None.

    ``provider`` and ``in_tree`` are a uuid or a name. A consumer holds something of the
    provider, the tree and the class; if several are given, one allocation meets all of
    them. Times are in UTC, without a zone. ``uuids`` are canonical.
    """

    project_id: str | None = None
    user_id: str | None = None
    consumer_type: str | None = None
    provider: str | None = None
    in_tree: str | None = None
    resource_class: str | None = None
    created_before: datetime.datetime | None = None
    updated_before: datetime.datetime | None = None
    uuids: tuple[str, ...] | None = None


class Share(typing.NamedTuple):
    """What a consumer holds of one provider."""

    name: str
    resources: dict[str, int]


@dataclasses.dataclass(slots=True)
class ConsumerDetails:
    """One consumer with what it holds, by provider uuid.

    Times are in UTC, without a zone; ``updated_at`` is that of the creation if the
    record was never updated. ``expires_at`` is that of its hold, in microseconds since
    1970. What another service has deleted is None.
    """

    id: int
    uuid: str
    generation: int
    project_id: str | None
    user_id: str | None
    consumer_type: str
    created_at: datetime.datetime | None
    updated_at: datetime.datetime | None
    expires_at: int | None
    allocations: dict[str, Share] = dataclasses.field(default_factory=dict)


def conditions(
    conn: sa.Connection, known_names: names.Names, filters: ConsumerFilters
) -> Conditions | None:
    """Return the conditions of ``filters``; None: nothing can match.

    Raises ResourceClassNotFound.
    """
    holding = _holding_conditions(conn, known_names, filters)
    if holding is None or filters.uuids == ():
        return None
    found: list[sa.ColumnElement[bool]] = []
    if holding:
        holders = sa.select(_allocations.c.consumer_id).where(*holding)
        found.append(_consumers.c.uuid.in_(holders))
    if filters.uuids is not None:
        found.append(_consumers.c.uuid.in_(filters.uuids))
    if filters.project_id is not None:
        project = _projects.c.external_id == filters.project_id
        found.append(_consumers.c.project_id == _id_where(_projects, project))
    if filters.user_id is not None:
        user = _users.c.external_id == filters.user_id
        found.append(_consumers.c.user_id == _id_where(_users, user))
    if filters.consumer_type == allocation.type_name(None):
        found.append(_consumers.c.consumer_type_id.is_(None))
    elif filters.consumer_type is not None:
        type_ = _types.c.name == filters.consumer_type
        found.append(_consumers.c.consumer_type_id == _id_where(_types, type_))
    if filters.created_before is not None:
        found.append(_consumers.c.created_at < filters.created_before)
    if filters.updated_before is not None:
        found.append(_updated_at < filters.updated_before)
    return tuple(found)


def _holding_conditions(
    conn: sa.Connection, known_names: names.Names, filters: ConsumerFilters
) -> list[sa.ColumnElement[bool]] | None:
    """Return the conditions on an allocation of the consumer; None: none can match."""
    holding: list[sa.ColumnElement[bool]] = []
    if filters.resource_class is not None:
        class_id = known_names.resource_class_id(conn, filters.resource_class)
        holding.append(_allocations.c.resource_class_id == class_id)
    if filters.provider is not None:
        provider = _find_provider(conn, filters.provider)
        if provider is None:
            return None
        holding.append(_allocations.c.resource_provider_id == provider.id)
    if filters.in_tree is not None:
        member = _find_provider(conn, filters.in_tree)
        if member is None:
            return None
        # Old records have no root.
        is_in_tree = sa.or_(
            _providers.c.root_provider_id == member.root_id,
            _providers.c.id == member.root_id,
        )
        tree = sa.select(_providers.c.id).where(is_in_tree)
        holding.append(_allocations.c.resource_provider_id.in_(tree))
    return holding


class _Place(typing.NamedTuple):
    id: int
    uuid: str
    root_id: int


def _find_provider(conn: sa.Connection, wanted: str) -> _Place | None:
    """Return the provider with this uuid, or else the one with this name."""
    uuid = uuids.canonical(wanted)
    select = sa.select(
        _providers.c.id,
        _providers.c.uuid,
        sa.func.coalesce(_providers.c.root_provider_id, _providers.c.id),
    ).where(sa.or_(_providers.c.uuid == uuid, _providers.c.name == wanted))
    found = [_Place(*row) for row in conn.execute(select)]
    found.sort(key=lambda each: each.uuid != uuid)
    return found[0] if found else None


def _id_where(
    table: sa.Table, condition: sa.ColumnElement[bool]
) -> sa.ScalarSelect[int]:
    return sa.select(table.c.id).where(condition).scalar_subquery()


def get_page(
    conn: sa.Connection,
    known_names: names.Names,
    wanted: Conditions | None,
    *,
    after_id: int,
    size: int,
) -> list[ConsumerDetails]:
    """Return the next ``size`` consumers that meet the conditions, by id.

    The caller provides a snapshot.
    """
    if wanted is None:
        return []
    select = _DETAILS.where(*wanted, _consumers.c.id > sa.bindparam("after_id"))
    rows = conn.execute(
        select.order_by(_consumers.c.id).limit(sa.bindparam("size")),
        {"after_id": after_id, "size": size},
    )
    return _with_allocations(conn, known_names, rows)


def each_page(
    conn: sa.Connection,
    known_names: names.Names,
    wanted: Conditions | None,
    size: int,
) -> collections.abc.Iterator[list[ConsumerDetails]]:
    """Yield all pages of consumers that are not empty; see ``get_page``."""
    after_id = BEFORE_ALL
    while True:
        page = get_page(conn, known_names, wanted, after_id=after_id, size=size)
        if page:
            yield page
        if len(page) < size:
            return
        after_id = page[-1].id


def get_some(
    conn: sa.Connection, known_names: names.Names, ids: collections.abc.Sequence[int]
) -> list[ConsumerDetails]:
    """Return the consumers with these ids, in the order of ids."""
    if not ids:
        return []
    rows = _SOME.execute(conn, {"ids": ids})
    return _with_allocations(conn, known_names, rows)


def _with_allocations(
    conn: sa.Connection,
    known_names: names.Names,
    rows: collections.abc.Iterable[typing.Any],
) -> list[ConsumerDetails]:
    page = [ConsumerDetails(*row) for row in rows]
    for each in page:
        each.consumer_type = allocation.type_name(each.consumer_type)
    if not page:
        return page
    by_uuid = {each.uuid: each for each in page}
    held = raw_rows.fetch(conn, _HELD, {"consumers": list(by_uuid)})
    classes = known_names.resource_classes(conn, {row[3] for row in held})
    for consumer, provider, name, class_id, used in held:
        share = by_uuid[consumer].allocations.setdefault(provider, Share(name, {}))
        # The schema allows several rows for the same provider and class.
        units = share.resources.get(classes[class_id], 0)
        share.resources[classes[class_id]] = units + used
    return page


_updated_at = sa.func.coalesce(_consumers.c.updated_at, _consumers.c.created_at)
_DETAILS = (
    sa.select(
        _consumers.c.id,
        _consumers.c.uuid,
        _consumers.c.generation,
        _projects.c.external_id,
        _users.c.external_id,
        _types.c.name,
        _consumers.c.created_at,
        _updated_at,
        _holds.c.expires_at,
    )
    .outerjoin_from(_consumers, _projects, _projects.c.id == _consumers.c.project_id)
    .outerjoin(_users, _users.c.id == _consumers.c.user_id)
    .outerjoin(_types, _types.c.id == _consumers.c.consumer_type_id)
    .outerjoin(_holds, _holds.c.consumer_id == _consumers.c.id)
)
_SOME = lists.Statement(
    lambda ids: _DETAILS.where(_consumers.c.id.in_(ids)).order_by(_consumers.c.id)
)
_HELD = (
    sa.select(
        _allocations.c.consumer_id,
        _providers.c.uuid,
        _providers.c.name,
        _allocations.c.resource_class_id,
        _allocations.c.used,
    )
    .join(_providers, _providers.c.id == _allocations.c.resource_provider_id)
    .where(_allocations.c.consumer_id.in_(sa.bindparam("consumers", expanding=True)))
    .order_by(_providers.c.id, _allocations.c.resource_class_id)
)
