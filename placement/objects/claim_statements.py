"""The statements of ``claim_pipeline``, with lists of values as array parameters.

A statement that cannot do all of its work fails, see ``batch.required``. Providers
are locked in the order of their ids before any of them is changed; the caller leaves
out the lock where there is only one.
"""

import typing

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from placement.db import names, predicates, revision, tables
from placement.db.arrays import array as _array
from placement.db.arrays import count as _count
from placement.db.arrays import rows as _rows
from placement.db.batch import required
from placement.objects import change, limit_statements
from placement.objects.consumer import has_allocations

_allocations = tables.allocations
_consumers = tables.consumers
_inventories = tables.inventories
_projects = tables.projects
_providers = tables.resource_providers
_types = tables.consumer_types
_users = tables.users

_TEXT = sa.Text()
_INT = sa.Integer()
NOW = sa.cast(sa.bindparam("now"), sa.DateTime)


def _add(has_limits: bool) -> sa.Select[typing.Any]:
    """Insert the consumers' records and their allocations, all of them.

    Requires that some project has limits, or that none has.

    consumers_added: an inserted record; none for a consumer that has one
    allocations_added: an inserted allocation
    """
    # Older services could have consumers without a record.
    is_holder = has_allocations(
        _allocations.c.consumer_id == sa.any_(_array("consumers", _TEXT))
    )
    wanted = _rows("wanted", consumers=_TEXT, projects=_TEXT, users=_TEXT, types=_TEXT)
    # The order in which ``claim_transaction`` inserts them.
    ordered = with_owner(wanted).order_by(sa.collate(wanted.c.consumers, "C"))
    return required(
        _count(add_consumers(ordered)) == sa.bindparam("consumer_count", type_=_INT),
        _count(_add_allocations()) == sa.bindparam("amount_count", type_=_INT),
        sa.not_(is_holder),
        limit_statements.require(has_limits),
    )


def with_owner(wanted: sa.FromClause) -> sa.Select[typing.Any]:
    """Select the columns of records for ``wanted``.

    wanted: a consumer, with the names of its project, user and type
    """
    return (
        sa.select(
            NOW,
            wanted.c.consumers,
            sa.literal_column("1"),
            _projects.c.id,
            _users.c.id,
            _types.c.id,
        )
        .select_from(wanted)
        .join(_projects, _projects.c.external_id == wanted.c.projects)
        .join(_users, _users.c.external_id == wanted.c.users)
        .outerjoin(_types, _types.c.name == wanted.c.types)
        .where(sa.or_(wanted.c.types.is_(None), _types.c.id.is_not(None)))
    )


def add_consumers(with_owner: sa.Select[typing.Any]) -> sa.CTE:
    """Insert records of consumers; none for one that has a record."""
    columns = _consumers.c
    return (
        postgresql.insert(_consumers)
        .from_select(
            [
                columns.created_at,
                columns.uuid,
                columns.generation,
                columns.project_id,
                columns.user_id,
                columns.consumer_type_id,
            ],
            with_owner,
            include_defaults=False,
        )
        .on_conflict_do_nothing(index_elements=[columns.uuid])
        .returning(columns.id)
        .cte("consumers_added")
    )


def _add_allocations() -> sa.CTE:
    """Insert allocations for ``amounts``: units of a provider and class."""
    amounts = _rows("amounts", holders=_TEXT, providers=_TEXT, classes=_INT, units=_INT)
    return insert_allocations(
        sa.select(
            NOW,
            _providers.c.id,
            amounts.c.classes,
            amounts.c.holders,
            amounts.c.units,
        )
        .select_from(amounts)
        .join(_providers, _providers.c.uuid == amounts.c.providers)
    )


def insert_allocations(wanted: sa.Select[typing.Any]) -> sa.CTE:
    """Insert allocations: created at, provider id, class id, consumer and units."""
    columns = _allocations.c
    return (
        sa.insert(_allocations)
        .from_select(
            [
                columns.created_at,
                columns.resource_provider_id,
                columns.resource_class_id,
                columns.consumer_id,
                columns.used,
            ],
            wanted,
            include_defaults=False,
        )
        .returning(columns.id)
        .cte("allocations_added")
    )


def advance(condition: sa.ColumnElement[bool]) -> sa.Update:
    """Advance the generations of providers, and their revisions."""
    return (
        sa.update(_providers)
        .where(condition)
        .values(
            generation=sa.func.coalesce(_providers.c.generation, 0) + 1,
            updated_at=NOW,
            **revision.usage_changed(_providers),
        )
    )


def _is_named() -> sa.ColumnElement[bool]:
    return _providers.c.uuid == sa.any_(_array("providers", _TEXT))


def _reserve() -> sa.Select[typing.Any]:
    """Add to ``used`` of inventories, all of which must have room and be in service.

    wanted: the units to reserve in an inventory, and the size of each amount
    reserved: an inventory that was updated
    """
    wanted = _rows(
        "wanted", providers=_TEXT, classes=_INT, changes=sa.BigInteger(), sizes=_INT
    )
    reserved = reserve_where(
        wanted.c.sizes,
        wanted.c.changes,
        _providers.c.uuid == wanted.c.providers,
        _inventories.c.resource_provider_id == _providers.c.id,
        _inventories.c.resource_class_id == wanted.c.classes,
        predicates.is_in_service(_providers),
    )
    return required(_count(reserved) == sa.bindparam("change_count", type_=_INT))


def reserve_where(
    size: sa.ColumnElement[int],
    change: sa.ColumnElement[int],
    *conditions: sa.ColumnElement[bool],
) -> sa.CTE:
    """Add a change to ``used`` of inventories that have room for it."""
    return (
        sa.update(_inventories)
        .where(
            *conditions,
            predicates.allows_amount(_inventories, size),
            predicates.has_room(_inventories, change),
        )
        .values(
            used=_inventories.c.used + change,
            # What is used is not part of the inventory whose change clients see.
            updated_at=_inventories.c.updated_at,
        )
        .returning(_inventories.c.id)
        .cte("reserved")
    )


def _require_names() -> sa.Select[typing.Any]:
    """Require that classes have the names by which their ids were found.

    wanted: a class id and the claimed name
    named: a class that has this name
    """
    wanted = _rows("wanted", classes=_INT, names=_TEXT)
    named = (
        sa.select(wanted.c.classes)
        .where(names.has_name(wanted.c.classes, wanted.c.names))
        .cte("named")
    )
    return required(_count(named) == sa.bindparam("class_count", type_=_INT))


def _record() -> sa.Insert:
    """Record for the feed that new consumers, at generation 1, have allocations."""
    changed = _rows("changed", consumers=_TEXT)
    return change.insert_from(
        tables.changes.c.consumer_uuid,
        sa.select(changed.c.consumers, sa.literal_column("1")),
        sa.literal_column(f"'{change.ALLOCATIONS}'", _TEXT),
    )


ADD = _add(has_limits=False)
ADD_LIMITED = _add(has_limits=True)
RECORD = _record()
LOCK = (
    sa.select(_providers.c.id)
    .where(_is_named())
    .order_by(_providers.c.id)
    .with_for_update()
)
ADVANCE = advance(_is_named())
RESERVE = _reserve()
GENERATIONS = sa.select(_providers.c.uuid, _providers.c.generation).where(_is_named())
REQUIRE_NAMES = _require_names()


_CONSUMER: sa.BindParameter[str] = sa.bindparam("consumer")


def _delete_consumer(has_limits: bool) -> sa.Select[typing.Any]:
    """Delete the consumer's record, which locks its allocations for this writer.

    Requires that some project has limits, or that none has.
    """
    deleted = (
        sa.delete(_consumers)
        .where(_consumers.c.uuid == _CONSUMER)
        .returning(_consumers.c.id)
        .cte("deleted")
    )
    return required(_count(deleted) == 1, limit_statements.require(has_limits))


def _free() -> sa.Select[typing.Any]:
    """Delete the consumer's allocations, at least one, and free their units.

    deleted: an allocation that was deleted
    units: the units to free in an inventory
    freed: an inventory that was updated; other services could delete one that had
        allocations
    """
    columns = _allocations.c
    deleted = (
        sa.delete(_allocations)
        .where(columns.consumer_id == _CONSUMER)
        .returning(
            columns.resource_provider_id, columns.resource_class_id, columns.used
        )
        .cte("deleted")
    )
    units = (
        sa.select(
            deleted.c.resource_provider_id,
            deleted.c.resource_class_id,
            sa.func.sum(deleted.c.used).label("units"),
        )
        .group_by(deleted.c.resource_provider_id, deleted.c.resource_class_id)
        .cte("units")
    )
    freed = (
        sa.update(_inventories)
        .where(
            _inventories.c.resource_provider_id == units.c.resource_provider_id,
            _inventories.c.resource_class_id == units.c.resource_class_id,
        )
        .values(
            used=_inventories.c.used - units.c.units,
            updated_at=_inventories.c.updated_at,
        )
        .returning(_inventories.c.id)
        .cte("freed")
    )
    return required(_count(deleted) > 0).add_cte(freed)


_IS_ALLOCATED = _providers.c.id.in_(
    sa.select(_allocations.c.resource_provider_id).where(
        _allocations.c.consumer_id == _CONSUMER
    )
)
DELETE_CONSUMER = _delete_consumer(has_limits=False)
DELETE_LIMITED_CONSUMER = _delete_consumer(has_limits=True)
LOCK_CONSUMER = (
    sa.select(_consumers.c.id).where(_consumers.c.uuid == _CONSUMER).with_for_update()
)
LOCK_ALLOCATED = (
    sa.select(_providers.c.id)
    .where(_IS_ALLOCATED)
    .order_by(_providers.c.id)
    .with_for_update()
)
ADVANCE_REVISIONS = (
    sa.update(_providers)
    .where(_IS_ALLOCATED)
    .values(
        updated_at=_providers.c.updated_at,
        **revision.usage_changed(_providers),
    )
)
FREE = _free()
