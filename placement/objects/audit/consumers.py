"""Facts about consumers: record, allocations, owner and generation."""

import typing

import sqlalchemy as sa

from placement.db import batch, checks, data_migrations, tables
from placement.objects import consumer
from placement.objects.audit.fact import (
    Fact,
    Findings,
    Keys,
    bad_generations,
    reset_generations,
)

if typing.TYPE_CHECKING:
    from placement.conf.settings import PlacementSettings

_allocations = tables.allocations
_consumers = tables.consumers
_projects = tables.projects
_users = tables.users
_types = tables.consumer_types


def _without_record() -> Findings:
    missing = checks.without_record()
    return sa.select(missing.c.consumer_id.label("consumer")).order_by("consumer")


def _create_records(
    conn: sa.Connection, uuids: Keys, settings: "PlacementSettings"
) -> int:
    missing = checks.without_record()
    still_missing = conn.scalars(
        sa.select(missing.c.consumer_id).where(missing.c.consumer_id.in_(uuids))
    ).all()
    data_migrations.create_consumers(conn, still_missing, settings)
    return len(still_missing)


def _without_allocations() -> Findings:
    return (
        sa.select(_consumers.c.uuid.label("consumer"), _consumers.c.generation)
        .outerjoin(_allocations, _allocations.c.consumer_id == _consumers.c.uuid)
        .where(_allocations.c.id.is_(None))
        .order_by(_consumers.c.uuid)
    )


def _delete_records(conn: sa.Connection, uuids: Keys, _settings: object) -> int:
    # A claim for one of them waits for the lock, and then creates the record again.
    locked = consumer.lock_all(conn, uuids)
    holders = set(
        conn.scalars(
            sa.select(_allocations.c.consumer_id)
            .where(_allocations.c.consumer_id.in_(uuids))
            .distinct()
        )
    )
    idle = [each for uuid, each in locked.items() if uuid not in holders]
    if steps := consumer.deleting(idle):
        batch.run(conn, steps)
    return len(idle)


def _without_owner() -> Findings:
    return (
        sa.select(
            _consumers.c.uuid.label("consumer"),
            _projects.c.external_id.label("project"),
            _users.c.external_id.label("user"),
            _types.c.name.label("consumer_type"),
        )
        .outerjoin(_projects, _projects.c.id == _consumers.c.project_id)
        .outerjoin(_users, _users.c.id == _consumers.c.user_id)
        .outerjoin(_types, _types.c.id == _consumers.c.consumer_type_id)
        .where(
            sa.or_(
                _projects.c.id.is_(None),
                _users.c.id.is_(None),
                # The type is optional.
                sa.and_(
                    _types.c.id.is_(None), _consumers.c.consumer_type_id.is_not(None)
                ),
            )
        )
        .order_by(_consumers.c.uuid)
    )


def _reset_generations(conn: sa.Connection, ids: Keys, _settings: object) -> int:
    return reset_generations(conn, _consumers, ids)


MISSING = Fact(
    "consumer_missing",
    "A consumer has allocations but no record.",
    "Creates the record, for the project and user of [placement] "
    "incomplete_consumer_project_id and incomplete_consumer_user_id.",
    _without_record(),
    "consumer",
    _create_records,
)
IDLE = Fact(
    "consumer_idle",
    "A consumer has a record but no allocations.",
    "Deletes the record.",
    _without_allocations(),
    "consumer",
    _delete_records,
)
GENERATION = Fact(
    "consumer_generation",
    "The generation of a consumer is negative, which no client can send.",
    "Sets it to 0.",
    bad_generations(_consumers, "consumer"),
    "id",
    _reset_generations,
)
OWNER = Fact(
    "owner_missing",
    "The project, user or type of a consumer does not exist.",
    "Replace the allocations of the consumer.",
    _without_owner(),
)
