"""Reading allocations: by consumer, by provider, and usage by project.

Only ``claim`` and reshaping write them.
"""

import datetime
import typing

import sqlalchemy as sa

from placement.db import batch, tables
from placement.objects import consumer
from placement.objects.resource_provider import ProviderChildren

_allocations = tables.allocations
_consumers = tables.consumers
_providers = tables.resource_providers
_projects = tables.projects
_users = tables.users
_types = tables.consumer_types
_classes = tables.resource_classes


class ConsumerAllocation(typing.NamedTuple):
    """An allocation of one consumer, with the provider's uuid and generation."""

    provider_uuid: str
    provider_generation: int
    resource_class_id: int
    used: int
    modified: datetime.datetime | None


class ConsumerRecord(typing.NamedTuple):
    """A consumer's record with public names; the type may be None."""

    generation: int
    project_id: str
    user_id: str
    consumer_type: str | None


class ProviderAllocation(typing.NamedTuple):
    """An allocation from one provider, with the consumer's uuid and generation."""

    consumer: str
    consumer_generation: int | None
    resource_class: str
    used: int
    modified: datetime.datetime | None


_modified = sa.func.coalesce(_allocations.c.updated_at, _allocations.c.created_at)


_BY_CONSUMER = (
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
_CONSUMER = (
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
_BY_PROVIDER = ProviderChildren(
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


def get_all_by_consumer(conn: sa.Connection, uuid: str) -> list[ConsumerAllocation]:
    """Return the allocations of one consumer, ordered by provider and class."""
    rows = batch.run_one(conn, _BY_CONSUMER, {"consumer": uuid})
    return list(map(ConsumerAllocation._make, rows))


def find_consumer(conn: sa.Connection, uuid: str) -> ConsumerRecord | None:
    """Return the record of one consumer, or None."""
    row = batch.run_one(conn, _CONSUMER, {"consumer": uuid}).first()
    return None if row is None else ConsumerRecord._make(row)


def get_all_by_provider(
    conn: sa.Connection, uuid: str
) -> tuple[int, list[ProviderAllocation]]:
    """Return a provider's generation and its allocations, ordered by id.

    Runs one statement.

    Raises ResourceProviderNotFound.
    """
    provider, rows = _BY_PROVIDER.read(conn, uuid)
    return provider.generation, list(map(ProviderAllocation._make, rows))


class Usage(typing.NamedTuple):
    """Units of one class allocated to consumers of one type, which may be None."""

    consumer_type: str | None
    resource_class_id: int
    used: int


def get_usages(
    conn: sa.Connection, project_id: str, user_id: str | None
) -> tuple[list[Usage], dict[str | None, int]]:
    """Return a project's usage, and the number of its consumers by type.

    With ``user_id``, only consumers of that user count. Usage is ordered by type and
    class.
    """
    selected = (
        sa.select(_consumers.c.uuid, _types.c.name.label("type"))
        .join(_projects, _projects.c.id == _consumers.c.project_id)
        .outerjoin(_types, _types.c.id == _consumers.c.consumer_type_id)
        .where(_projects.c.external_id == project_id)
    )
    if user_id is not None:
        selected = selected.join(_users, _users.c.id == _consumers.c.user_id).where(
            _users.c.external_id == user_id
        )
    consumers = selected.cte("consumers_of_project")
    allocated = sa.join(
        consumers, _allocations, _allocations.c.consumer_id == consumers.c.uuid
    )
    usages = conn.execute(
        sa.select(
            consumers.c.type,
            _allocations.c.resource_class_id,
            sa.func.sum(_allocations.c.used),
        )
        .select_from(allocated)
        .group_by(consumers.c.type, _allocations.c.resource_class_id)
        .order_by(consumers.c.type, _allocations.c.resource_class_id)
    )
    counts = conn.execute(
        sa.select(
            consumers.c.type, sa.func.count(sa.distinct(_allocations.c.consumer_id))
        )
        .select_from(allocated)
        .group_by(consumers.c.type)
    )
    # MariaDB returns sums as Decimal.
    return (
        [Usage(type_, class_id, int(used)) for type_, class_id, used in usages],
        dict(counts.all()),
    )


def type_name(consumer_type: str | None) -> str:
    """Return the name that clients see for a type, which may be None."""
    return consumer.UNKNOWN_TYPE if consumer_type is None else consumer_type
