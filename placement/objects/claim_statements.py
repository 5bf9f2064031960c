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
_numbered = _providers.alias("numbered")
_types = tables.consumer_types
_users = tables.users

_TEXT = sa.Text()
_INT = sa.Integer()
_NOW = sa.cast(sa.bindparam("now"), sa.DateTime)


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
    ordered = _with_owner(wanted).order_by(sa.collate(wanted.c.consumers, "C"))
    return required(
        _count(_add_consumers(ordered)) == sa.bindparam("consumer_count", type_=_INT),
        _count(_add_allocations()) == sa.bindparam("amount_count", type_=_INT),
        sa.not_(is_holder),
        limit_statements.require(has_limits),
    )


def _with_owner(wanted: sa.FromClause) -> sa.Select[typing.Any]:
    """Select the columns of records for ``wanted``.

    wanted: a consumer, with the names of its project, user and type
    """
    return (
        sa.select(
            _NOW,
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


def _add_consumers(with_owner: sa.Select[typing.Any]) -> sa.CTE:
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
    return _insert_allocations(
        sa.select(
            _NOW,
            _providers.c.id,
            amounts.c.classes,
            amounts.c.holders,
            amounts.c.units,
        )
        .select_from(amounts)
        .join(_providers, _providers.c.uuid == amounts.c.providers)
    )


def _insert_allocations(wanted: sa.Select[typing.Any]) -> sa.CTE:
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


def _advance(condition: sa.ColumnElement[bool]) -> sa.Update:
    """Advance the generations of providers, and their revisions."""
    return (
        sa.update(_providers)
        .where(condition)
        .values(
            generation=sa.func.coalesce(_providers.c.generation, 0) + 1,
            updated_at=_NOW,
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
    reserved = _reserved(
        wanted.c.sizes,
        wanted.c.changes,
        _providers.c.uuid == wanted.c.providers,
        _inventories.c.resource_provider_id == _providers.c.id,
        _inventories.c.resource_class_id == wanted.c.classes,
        predicates.is_in_service(_providers),
    )
    return required(_count(reserved) == sa.bindparam("change_count", type_=_INT))


def _reserved(
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


def _place() -> sa.Select[typing.Any]:
    """Claim a host for a new consumer, if it is still the first one that fits.

    Does what ADD, ADVANCE and RESERVE do, for one consumer and one host, known by its
    id. It is the last one of ``Seen``; the other conditions are those. Requires that no
    project has limits. Selects the generation of the host.

    The database checks the definition of the host again once it has locked it, so
    nothing that a search looks at has changed when the claim is written.

    wanted: the units of a class
    advanced: the host
    """
    wanted = _rows("wanted", classes=_INT, units=_INT)
    host_id = sa.bindparam("host_id", type_=_INT)
    consumer = sa.cast(sa.bindparam("consumer"), _TEXT)
    added = _insert_allocations(
        sa.select(_NOW, host_id, wanted.c.classes, consumer, wanted.c.units)
    )
    is_same = revision.of_definition(_providers) == sa.bindparam(
        "definition", type_=sa.BigInteger
    )
    is_host = sa.and_(
        _providers.c.id == host_id, is_same, predicates.is_in_service(_providers)
    )
    advanced = _advance(is_host).returning(_providers.c.generation).cte("advanced")
    reserved = _reserved(
        wanted.c.units,
        wanted.c.units,
        _inventories.c.resource_provider_id == host_id,
        _inventories.c.resource_class_id == wanted.c.classes,
    )
    amount_count = sa.bindparam("amount_count", type_=_INT)
    owned = sa.select(
        consumer.label("consumers"),
        *(
            sa.cast(sa.bindparam(name), _TEXT).label(f"{name}s")
            for name in ("project", "user", "type")
        ),
    ).subquery("wanted")
    return required(
        _count(_add_consumers(_with_owner(owned))) == 1,
        _count(added) == amount_count,
        sa.not_(has_allocations(_allocations.c.consumer_id == consumer)),
        limit_statements.require(False),
        *_is_as_seen(),
        # In the order of locks.
        _count(advanced) == 1,
        _count(reserved) == amount_count,
        result=sa.select(advanced.c.generation).scalar_subquery(),
    )


def _is_as_seen() -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions that what was ``Seen`` is still so.

    found: the number of providers that are where those were seen, and how many of them
        are as they were seen
    """
    first = sa.bindparam("place", type_=sa.BigInteger) % sa.func.max(_numbered.c.id)
    root_id = _providers.c.root_provider_id
    is_full = _providers.c.id == sa.any_(_array("full", _INT))
    number = sa.case(
        (is_full, _providers.c.revision), else_=revision.of_definition(_providers)
    )
    position = sa.func.array_position(_array("ids", _INT), _providers.c.id)
    revisions = sa.sql.elements.Grouping(_array("revisions", sa.BigInteger()))
    seen_number = sa.type_coerce(revisions, postgresql.ARRAY(sa.BigInteger))[position]
    found = (
        sa.select(
            sa.func.count().label("all"),
            sa.func.count().filter(number == seen_number).label("same"),
        )
        .where(
            root_id > sa.select(first).scalar_subquery(),
            root_id <= sa.bindparam("host_id", type_=_INT),
        )
        .subquery("found")
    )
    host_count = sa.bindparam("host_count", type_=_INT)
    are_same = sa.select(
        sa.and_(found.c.all == host_count, found.c.same == host_count)
    ).scalar_subquery()
    traits = tables.resource_provider_traits
    is_shared = sa.exists().where(
        traits.c.trait_id == sa.bindparam("sharing_trait_id", type_=_INT)
    )
    names_revision = sa.bindparam("names_revision", type_=sa.BigInteger)
    return (
        are_same,
        names.REVISION.scalar_subquery() == names_revision,
        sa.not_(is_shared),
    )


ADD = _add(has_limits=False)
ADD_LIMITED = _add(has_limits=True)
RECORD = _record()
PLACE = _place()
LOCK = (
    sa.select(_providers.c.id)
    .where(_is_named())
    .order_by(_providers.c.id)
    .with_for_update()
)
ADVANCE = _advance(_is_named())
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
