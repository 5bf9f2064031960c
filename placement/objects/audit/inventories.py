"""Facts about inventories and allocations: usage, capacity, and what they refer to."""

import sqlalchemy as sa

from placement.db import predicates, reconcile, tables
from placement.objects.audit.fact import (
    Fact,
    Findings,
    Keys,
    delete_without_provider,
    provider_uuid,
    without_provider,
)

_providers = tables.resource_providers
_inventories = tables.inventories
_allocations = tables.allocations
_classes = tables.resource_classes


def _wrong_used() -> Findings:
    wrong = reconcile.miscounted().subquery("miscounted")
    return (
        sa.select(
            provider_uuid(),
            wrong.c.provider_id,
            _classes.c.name.label("resource_class"),
            _inventories.c.used,
            wrong.c.units.label("allocated"),
        )
        .select_from(wrong)
        .join(_inventories, _inventories.c.id == wrong.c.id)
        .join(_providers, _providers.c.id == wrong.c.provider_id)
        .outerjoin(_classes, _classes.c.id == _inventories.c.resource_class_id)
        .order_by(_inventories.c.resource_provider_id, _inventories.c.resource_class_id)
    )


def _reconcile(conn: sa.Connection, provider_ids: Keys, _settings: object) -> int:
    return reconcile.reconcile_providers(conn, sorted(set(provider_ids)))


def _over_capacity() -> Findings:
    sums = reconcile.allocated()
    return (
        sa.select(
            provider_uuid(),
            _classes.c.name.label("resource_class"),
            sums.c.units.label("allocated"),
            predicates.capacity(_inventories).label("capacity"),
        )
        .select_from(_inventories)
        .join(sums, _are_of_same_inventory(sums, _inventories))
        .join(_providers, _providers.c.id == _inventories.c.resource_provider_id)
        .outerjoin(_classes, _classes.c.id == _inventories.c.resource_class_id)
        .where(sums.c.units > 0, sums.c.units > predicates.capacity(_inventories))
        .order_by(_inventories.c.resource_provider_id, _inventories.c.resource_class_id)
    )


def _allocations_without_inventory() -> Findings:
    sums = reconcile.allocated()
    return (
        sa.select(
            provider_uuid(),
            _classes.c.name.label("resource_class"),
            sums.c.units.label("allocated"),
        )
        .select_from(sums)
        .join(_providers, _providers.c.id == sums.c.resource_provider_id)
        .outerjoin(_inventories, _are_of_same_inventory(sums, _inventories))
        .outerjoin(_classes, _classes.c.id == sums.c.resource_class_id)
        .where(_inventories.c.id.is_(None))
        .order_by(sums.c.resource_provider_id, sums.c.resource_class_id)
    )


def _are_of_same_inventory(
    sums: sa.FromClause, inventories: sa.FromClause
) -> sa.ColumnElement[bool]:
    return sa.and_(
        sums.c.resource_provider_id == inventories.c.resource_provider_id,
        sums.c.resource_class_id == inventories.c.resource_class_id,
    )


def _duplicate_allocations() -> Findings:
    key = (
        _allocations.c.consumer_id,
        _allocations.c.resource_provider_id,
        _allocations.c.resource_class_id,
    )
    duplicates = (
        sa.select(*key, sa.func.count().label("times"))
        .group_by(*key)
        .having(sa.func.count() > 1)
        .subquery("duplicates")
    )
    return (
        sa.select(
            duplicates.c.consumer_id.label("consumer"),
            provider_uuid(),
            _classes.c.name.label("resource_class"),
            duplicates.c.times,
        )
        .select_from(duplicates)
        .outerjoin(_providers, _providers.c.id == duplicates.c.resource_provider_id)
        .outerjoin(_classes, _classes.c.id == duplicates.c.resource_class_id)
        .order_by(*duplicates.c[:3])
    )


def _empty_allocations() -> Findings:
    return (
        sa.select(
            _allocations.c.consumer_id.label("consumer"),
            provider_uuid(),
            _classes.c.name.label("resource_class"),
            _allocations.c.used,
        )
        .outerjoin(_providers, _providers.c.id == _allocations.c.resource_provider_id)
        .outerjoin(_classes, _classes.c.id == _allocations.c.resource_class_id)
        .where(_allocations.c.used < 1)
        .order_by(_allocations.c.id)
    )


def _unknown_classes() -> Findings:
    used_classes = sa.union(
        sa.select(_inventories.c.resource_class_id),
        sa.select(_allocations.c.resource_class_id),
    ).subquery("used_classes")
    return (
        sa.select(used_classes.c.resource_class_id)
        .outerjoin(_classes, _classes.c.id == used_classes.c.resource_class_id)
        .where(_classes.c.id.is_(None))
        .order_by(used_classes.c.resource_class_id)
    )


USED = Fact(
    "used",
    "The used units of an inventory are not the sum of its allocations.",
    "Sets them to the sum.",
    _wrong_used(),
    "provider_id",
    _reconcile,
)
INVENTORY = Fact(
    "inventory_of_nobody",
    "An inventory belongs to a provider that does not exist.",
    "Deletes the inventory.",
    without_provider(
        _inventories, _inventories.c.resource_class_id, _inventories.c.total
    ),
    "provider_id",
    delete_without_provider(_inventories),
)
OVER_CAPACITY = Fact(
    "over_capacity",
    "More is allocated than the capacity of the inventory.",
    "Move consumers to other providers, or increase the inventory.",
    _over_capacity(),
)
INVENTORY_MISSING = Fact(
    "inventory_missing",
    "A provider has allocations of a class for which it has no inventory.",
    "Create the inventory, or move the consumers to other providers.",
    _allocations_without_inventory(),
)
ALLOCATION = Fact(
    "allocation_of_nobody",
    "A consumer has an allocation from a provider that does not exist.",
    "Replace the allocations of the consumer.",
    without_provider(
        _allocations,
        _allocations.c.consumer_id.label("consumer"),
        _allocations.c.resource_class_id,
        _allocations.c.used,
    ),
)
DUPLICATE = Fact(
    "allocation_doubled",
    "A consumer has several allocations of one class from one provider, and only one "
    "of them is shown.",
    "Replace the allocations of the consumer.",
    _duplicate_allocations(),
)
EMPTY = Fact(
    "allocation_empty",
    "An allocation has zero or fewer units.",
    "Replace the allocations of the consumer.",
    _empty_allocations(),
)
CLASS_MISSING = Fact(
    "class_missing",
    "Inventories or allocations refer to a resource class that does not exist.",
    "Insert the class into resource_classes under this id, or delete them.",
    _unknown_classes(),
)
