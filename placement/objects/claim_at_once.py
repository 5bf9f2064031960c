"""Claims and releases as one text, which decides by itself and does all or nothing.

For a database that takes several statements at once and begins and ends a transaction
for them. Nothing is read before: whether it can be done is required by the statements,
which are the same for any number of consumers and amounts. What they refuse is for
``claim`` to do, or to tell why it cannot be done. Rows are locked in its order.
"""

import collections.abc
import typing

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from placement import exception
from placement.db import names, predicates, revision, tables
from placement.db.batch import Step, required
from placement.objects.claim import Claim
from placement.objects.consumer import UNCHECKED, Owner, holds_any

_allocations = tables.allocations
_consumers = tables.consumers
_inventories = tables.inventories
_projects = tables.projects
_providers = tables.resource_providers
_types = tables.consumer_types
_users = tables.users

# Longer ones are rare, and would be planned as if they were short.
_ROWS_MAX = 100

_OWNERS_MAX = 10_000


class KnownOwners:
    """Owners whose names a process knows to be stored; no service takes them away."""

    def __init__(self) -> None:
        self._owners: set[Owner] = set()

    def has_all(self, claims: collections.abc.Iterable[Claim]) -> bool:
        return all(claim.owner in self._owners for claim in claims)

    def note(self, claims: collections.abc.Iterable[Claim]) -> None:
        """Add the owners of claims that were made."""
        if len(self._owners) > _OWNERS_MAX:
            self._owners = set()
        self._owners.update(claim.owner for claim in claims if claim.amounts)


def claiming(
    conn: sa.Connection,
    known_names: names.Names,
    known_owners: KnownOwners,
    claims: collections.abc.Sequence[Claim],
) -> list[Step] | None:
    """Return how consumers that are new come to hold what is claimed.

    None for claims that cannot be made so: for owners who may be new as well, of
    consumers that are there or get nothing, and of amounts of several sizes of one
    inventory.
    """
    amounts = [(claim.consumer, each) for claim in claims for each in claim.amounts]
    if len(amounts) > _ROWS_MAX or not all(map(_may_be_new, claims)):
        return None
    if not known_owners.has_all(claims):
        return None
    try:
        classes = known_names.resource_class_ids(
            conn, dict.fromkeys(each.resource_class for _, each in amounts)
        )
    except exception.ResourceClassNotFound:
        return None
    changes: dict[tuple[str, int], list[int]] = {}
    for _, each in amounts:
        key = each.provider_uuid, classes[each.resource_class]
        changes.setdefault(key, []).append(each.units)
    if not all(map(_is_of_one_size, changes.values())):
        return None
    now = tables.utcnow()
    ordered = sorted(claims, key=lambda claim: claim.consumer)
    providers = sorted({uuid for uuid, _ in changes})
    keys = sorted(changes)
    return [
        Step(
            _ADD,
            {
                "now": now,
                "consumers": [claim.consumer for claim in ordered],
                "projects": [claim.owner.project_id for claim in ordered],
                "users": [claim.owner.user_id for claim in ordered],
                "types": [claim.owner.consumer_type for claim in ordered],
                "consumer_count": len(ordered),
                "holders": [consumer for consumer, _ in amounts],
                "providers": [each.provider_uuid for _, each in amounts],
                "classes": [classes[each.resource_class] for _, each in amounts],
                "units": [each.units for _, each in amounts],
                "amount_count": len(amounts),
            },
        ),
        *([Step(_LOCK, {"providers": providers})] if len(providers) > 1 else []),
        Step(_ADVANCE, {"providers": providers, "now": now}),
        Step(
            _TAKE,
            {
                "providers": [uuid for uuid, _ in keys],
                "classes": [class_id for _, class_id in keys],
                "changes": [sum(changes[key]) for key in keys],
                "sizes": [changes[key][0] for key in keys],
                "change_count": len(keys),
            },
        ),
        *_requiring_names(classes),
    ]


def releasing(uuid: str) -> list[Step]:
    """Return how a consumer, which has a record, gives up all that it holds."""
    steps = (_DELETE_CONSUMER, _LOCK_HELD, _SHOW_USAGE, _GIVE_BACK)
    return [Step(statement, {"consumer": uuid}) for statement in steps]


def _requiring_names(classes: dict[str, int]) -> list[Step]:
    """Return what requires that custom classes have the names that were claimed.

    Their ids were read before the transaction. It comes after units were taken of
    them, because a class that has inventories cannot be deleted.
    """
    customs = list(filter(names.is_custom, classes))
    if not customs:
        return []
    values = {
        "classes": [classes[name] for name in customs],
        "names": customs,
        "class_count": len(customs),
    }
    return [Step(_REQUIRE_NAMES, values)]


def _may_be_new(claim: Claim) -> bool:
    return bool(claim.amounts) and claim.generation in (None, UNCHECKED)


def _is_of_one_size(sizes: list[int]) -> bool:
    return len(set(sizes)) == 1 and sum(sizes) <= predicates.MAX_INT


_Type = sa.types.TypeEngine[typing.Any]


def _list(name: str, type_: _Type) -> sa.ColumnElement[typing.Any]:
    """Return the parameter ``name``, which is a list of values."""
    return sa.cast(sa.bindparam(name), postgresql.ARRAY(type_))


def _rows(name: str, **columns: _Type) -> sa.TableValuedAlias:
    """Return rows of parameters, which are lists of the same length, by column."""
    lists = [_list(column, type_) for column, type_ in columns.items()]
    typed = [sa.column(column, type_) for column, type_ in columns.items()]
    return sa.func.unnest(*lists).table_valued(*typed).render_derived(name=name)


def _count(cte: sa.CTE) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(cte).scalar_subquery()


_TEXT = sa.Text()
_INT = sa.Integer()
_NOW = sa.cast(sa.bindparam("now"), sa.DateTime)


def _add() -> sa.Select[typing.Any]:
    """Add the records of consumers, and what they hold.

    asked: a consumer that is to be, with the names of its owner
    added: a record; of a consumer that has one already there is none
    amounts: what a consumer is to hold of a provider and class
    held: an allocation
    """
    asked = _rows("asked", consumers=_TEXT, projects=_TEXT, users=_TEXT, types=_TEXT)
    with_owner = (
        sa.select(
            _NOW,
            asked.c.consumers,
            sa.literal_column("1"),
            _projects.c.id,
            _users.c.id,
            _types.c.id,
        )
        .select_from(asked)
        .join(_projects, _projects.c.external_id == asked.c.projects)
        .join(_users, _users.c.external_id == asked.c.users)
        .outerjoin(_types, _types.c.name == asked.c.types)
        .where(sa.or_(asked.c.types.is_(None), _types.c.id.is_not(None)))
        # In the order in which ``claim`` adds them, too.
        .order_by(sa.collate(asked.c.consumers, "C"))
    )
    columns = _consumers.c
    added = (
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
        .cte("added")
    )
    amounts = _rows("amounts", holders=_TEXT, providers=_TEXT, classes=_INT, units=_INT)
    held = (
        sa.insert(_allocations)
        .from_select(
            [
                _allocations.c.created_at,
                _allocations.c.resource_provider_id,
                _allocations.c.resource_class_id,
                _allocations.c.consumer_id,
                _allocations.c.used,
            ],
            sa.select(
                _NOW,
                _providers.c.id,
                amounts.c.classes,
                amounts.c.holders,
                amounts.c.units,
            )
            .select_from(amounts)
            .join(_providers, _providers.c.uuid == amounts.c.providers),
            include_defaults=False,
        )
        .returning(_allocations.c.id)
        .cte("held")
    )
    # Of a consumer without a record, which older services could have.
    holds_already = holds_any(
        _allocations.c.consumer_id == sa.any_(_list("consumers", _TEXT))
    )
    return required(
        _count(added) == sa.bindparam("consumer_count", type_=_INT),
        _count(held) == sa.bindparam("amount_count", type_=_INT),
        sa.not_(holds_already),
    )


def _is_named() -> sa.ColumnElement[bool]:
    return _providers.c.uuid == sa.any_(_list("providers", _TEXT))


def _take() -> sa.Select[typing.Any]:
    """Move ``used`` of inventories, all of which have to have room.

    wanted: how many units more an inventory is to give, in amounts of one size
    taken: an inventory that has given them
    """
    wanted = _rows(
        "wanted", providers=_TEXT, classes=_INT, changes=sa.BigInteger(), sizes=_INT
    )
    taken = (
        sa.update(_inventories)
        .where(
            _providers.c.uuid == wanted.c.providers,
            _inventories.c.resource_provider_id == _providers.c.id,
            _inventories.c.resource_class_id == wanted.c.classes,
            predicates.allows_amount(_inventories, wanted.c.sizes),
            predicates.has_room(_inventories, wanted.c.changes),
        )
        .values(
            used=_inventories.c.used + wanted.c.changes,
            # Not a change of the offer, which is what the record is about.
            updated_at=_inventories.c.updated_at,
        )
        .returning(_inventories.c.id)
        .cte("taken")
    )
    return required(_count(taken) == sa.bindparam("change_count", type_=_INT))


def _require_names() -> sa.Select[typing.Any]:
    """Require that classes have the names by which their ids were found.

    named: a class that does
    """
    asked = _rows("asked", classes=_INT, names=_TEXT)
    named = (
        sa.select(asked.c.classes)
        .where(names.has_name(asked.c.classes, asked.c.names))
        .cte("named")
    )
    return required(_count(named) == sa.bindparam("class_count", type_=_INT))


_ADD = _add()
_LOCK = (
    sa.select(_providers.c.id)
    .where(_is_named())
    .order_by(_providers.c.id)
    .with_for_update()
)
_ADVANCE = (
    sa.update(_providers)
    .where(_is_named())
    .values(
        generation=sa.func.coalesce(_providers.c.generation, 0) + 1,
        revision=revision.next_of(_providers.c.revision),
        updated_at=_NOW,
    )
)
_TAKE = _take()
_REQUIRE_NAMES = _require_names()


_CONSUMER: sa.BindParameter[str] = sa.bindparam("consumer")


def _delete_consumer() -> sa.Select[typing.Any]:
    """Take the record away, which keeps other writers from what it holds."""
    gone = (
        sa.delete(_consumers)
        .where(_consumers.c.uuid == _CONSUMER)
        .returning(_consumers.c.id)
        .cte("gone")
    )
    return required(_count(gone) == 1)


def _give_back() -> sa.Select[typing.Any]:
    """Take away what the consumer holds, which is something, and give it back.

    gone: an allocation that was there
    units: how many units an inventory gets back
    given_back: an inventory that got them; it may be gone, where that was possible
    """
    columns = _allocations.c
    gone = (
        sa.delete(_allocations)
        .where(columns.consumer_id == _CONSUMER)
        .returning(
            columns.resource_provider_id, columns.resource_class_id, columns.used
        )
        .cte("gone")
    )
    units = (
        sa.select(
            gone.c.resource_provider_id,
            gone.c.resource_class_id,
            sa.func.sum(gone.c.used).label("units"),
        )
        .group_by(gone.c.resource_provider_id, gone.c.resource_class_id)
        .cte("units")
    )
    given_back = (
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
        .cte("given_back")
    )
    return required(_count(gone) > 0).add_cte(given_back)


_HELD_OF = _providers.c.id.in_(
    sa.select(_allocations.c.resource_provider_id).where(
        _allocations.c.consumer_id == _CONSUMER
    )
)
_DELETE_CONSUMER = _delete_consumer()
_LOCK_HELD = (
    sa.select(_providers.c.id)
    .where(_HELD_OF)
    .order_by(_providers.c.id)
    .with_for_update()
)
_SHOW_USAGE = (
    sa.update(_providers)
    .where(_HELD_OF)
    .values(
        revision=revision.next_of(_providers.c.revision),
        updated_at=_providers.c.updated_at,
    )
)
_GIVE_BACK = _give_back()
