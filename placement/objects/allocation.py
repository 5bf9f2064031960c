"""Allocations, as they are read: what consumers hold, and of whom.

They are written by ``claim`` and ``claim_at_once`` alone.
"""

import datetime
import typing

import sqlalchemy as sa

from placement.db import batch, tables
from placement.objects import consumer
from placement.objects.resource_provider import Belongings

_allocations = tables.allocations
_consumers = tables.consumers
_providers = tables.resource_providers
_projects = tables.projects
_users = tables.users
_types = tables.consumer_types
_classes = tables.resource_classes


class Holding(typing.NamedTuple):
    """An allocation of one consumer, with what is shown of its provider."""

    provider_uuid: str
    provider_generation: int
    resource_class_id: int
    used: int
    modified: datetime.datetime | None


class Holder(typing.NamedTuple):
    """A consumer's record, with public names. The type is None if it has none."""

    generation: int
    project_id: str
    user_id: str
    consumer_type: str | None


class Share(typing.NamedTuple):
    """An allocation of one provider, with what is shown of its consumer."""

    consumer: str
    consumer_generation: int | None
    resource_class: str
    used: int
    modified: datetime.datetime | None


_modified = sa.func.coalesce(_allocations.c.updated_at, _allocations.c.created_at)


_HOLDINGS = (
    sa.select(
        _providers.c.uuid,
        sa.func.coalesce(_providers.c.generation, 0),
        _allocations.c.resource_class_id,
        _allocations.c.used,
        _modified,
    )
    .join(_providers, _providers.c.id == _allocations.c.resource_provider_id)
    .where(_allocations.c.consumer_id == sa.bindparam("consumer"))
    .order_by(_providers.c.id, _allocations.c.resource_class_id)
)
_HOLDER = (
    sa.select(
        _consumers.c.generation,
        _projects.c.external_id,
        _users.c.external_id,
        _types.c.name,
    )
    .join(_projects, _projects.c.id == _consumers.c.project_id)
    .join(_users, _users.c.id == _consumers.c.user_id)
    .outerjoin(_types, _types.c.id == _consumers.c.consumer_type_id)
    .where(_consumers.c.uuid == sa.bindparam("consumer"))
)
_SHARES = Belongings(
    _allocations.c.consumer_id,
    _consumers.c.generation,
    _classes.c.name,
    _allocations.c.used,
    _modified,
    source=sa.join(
        _allocations, _classes, _classes.c.id == _allocations.c.resource_class_id
    ).outerjoin(_consumers, _consumers.c.uuid == _allocations.c.consumer_id),
    owner=_allocations.c.resource_provider_id,
    order=_allocations.c.id,
)


def get_holdings(conn: sa.Connection, uuid: str) -> list[Holding]:
    """Return what one consumer holds, ordered by provider and class."""
    held = batch.run_one(conn, _HOLDINGS, {"consumer": uuid})
    return list(map(Holding._make, held))


def find_holder(conn: sa.Connection, uuid: str) -> Holder | None:
    """Return the record of one consumer, or None."""
    row = batch.run_one(conn, _HOLDER, {"consumer": uuid}).first()
    return None if row is None else Holder._make(row)


def get_shares(conn: sa.Connection, uuid: str) -> tuple[int, list[Share]]:
    """Return a provider's generation, and what is allocated of it.

    Shares are ordered by the allocations' ids. Runs one statement.

    Raises ResourceProviderNotFound.
    """
    provider, rows = _SHARES.read(conn, uuid)
    return provider.generation, list(map(Share._make, rows))


class Usage(typing.NamedTuple):
    """Units of one class that consumers of one type hold; the type may be None."""

    consumer_type: str | None
    resource_class_id: int
    used: int


def get_usages(
    conn: sa.Connection, project_id: str, user_id: str | None
) -> tuple[list[Usage], dict[str | None, int]]:
    """Return what a project's consumers hold, and how many they are by type.

    With ``user_id`` only that user's consumers count. Usages are ordered by type
    and class.
    """
    mine = (
        sa.select(_consumers.c.uuid, _types.c.name.label("type"))
        .join(_projects, _projects.c.id == _consumers.c.project_id)
        .outerjoin(_types, _types.c.id == _consumers.c.consumer_type_id)
        .where(_projects.c.external_id == project_id)
    )
    if user_id is not None:
        mine = mine.join(_users, _users.c.id == _consumers.c.user_id).where(
            _users.c.external_id == user_id
        )
    consumers = mine.cte("consumers_of_project")
    held = sa.join(
        consumers, _allocations, _allocations.c.consumer_id == consumers.c.uuid
    )
    usages = conn.execute(
        sa.select(
            consumers.c.type,
            _allocations.c.resource_class_id,
            sa.func.sum(_allocations.c.used),
        )
        .select_from(held)
        .group_by(consumers.c.type, _allocations.c.resource_class_id)
        .order_by(consumers.c.type, _allocations.c.resource_class_id)
    )
    counts = conn.execute(
        sa.select(
            consumers.c.type, sa.func.count(sa.distinct(_allocations.c.consumer_id))
        )
        .select_from(held)
        .group_by(consumers.c.type)
    )
    # MariaDB's sums are decimals.
    return (
        [Usage(type_, class_id, int(used)) for type_, class_id, used in usages],
        dict(counts.all()),
    )


def type_name(consumer_type: str | None) -> str:
    """Return the name under which a type is shown."""
    return consumer.UNKNOWN_TYPE if consumer_type is None else consumer_type
