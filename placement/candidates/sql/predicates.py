"""Conditions on an anchor in SQL.

They are necessary for a candidate, and nearly exact for a tree of one provider; the
rest is decided in ``solve`` from the providers themselves.

The plan must be the same without statistics, as in a restored database that was never
analysed. So there is one way to evaluate each condition: it is a scalar subquery, which
every database evaluates for one anchor at a time, so that a statement stops at its
LIMIT; and each subquery reads one table, by the columns of one of its indexes. With a
join in a subquery, PostgreSQL and MariaDB start at the wrong table and read all
inventories of a class for each anchor. Semi-joins become joins of whole tables. Counts
are compared by ">=", although they are never greater: PostgreSQL expects of "=" that
hardly any row meets it.
"""

import collections.abc
import typing

import sqlalchemy as sa

from placement.candidates.model import Amounts
from placement.candidates.query.plan import Group, Plan, Slot
from placement.db import predicates, tables

# How many slots, and `in:` sets of one group, become conditions of a statement.
CONDITIONS_MAX = 24

Condition = sa.ColumnElement[bool]
Select = sa.Select[typing.Any]

# By the index of a slot, the aggregates of sharing providers that can fill it.
Shared = collections.abc.Mapping[int, frozenset[int]]

_providers = tables.resource_providers
_inventories = tables.inventories
_traits = tables.resource_provider_traits
_aggregates = tables.resource_provider_aggregates

# Aliases are made once, because building their columns is expensive. A subquery lists
# its own, so that siblings may use the same one.
ROOT = _providers.alias("root")
_provider = _providers.alias("provider")
_member = _providers.alias("member")
_offer = _inventories.alias("offer")
_held_traits = _traits.alias("held_traits")
_held_aggregates = _aggregates.alias("held_aggregates")


def of_anchor(plan: Plan, shared: Shared) -> collections.abc.Iterator[Condition]:
    """Yield the conditions on a ROOT that can anchor a candidate."""
    # Not "IS NULL": without statistics PostgreSQL expects one row of 200 to meet it,
    # and sorts all roots instead of stopping at the LIMIT.
    yield sa.func.coalesce(ROOT.c.parent_provider_id, 0) < 1
    yield from of_root(plan, shared)
    yield from _supply_conditions(plan, shared)


def of_root(plan: Plan, shared: Shared) -> collections.abc.Iterator[Condition]:
    """Yield the conditions on ROOT itself, and on the roots that groups name."""
    if plan.root_required:
        yield _has_all_traits(ROOT.c.id, plan.root_required)
    if plan.root_forbidden:
        yield sa.not_(in_any(_traits, ROOT.c.id, plan.root_forbidden))
    for group in plan.groups:
        if group.is_spread and group.not_member_of:
            yield sa.not_(in_any(_aggregates, ROOT.c.id, group.not_member_of))
    own = (slot.group.root_id for slot in plan.slots if slot.index not in shared)
    for root_id in dict.fromkeys(own):
        if root_id is not None:
            yield ROOT.c.id == root_id
    for aggregates in own_aggregates(plan, shared)[:CONDITIONS_MAX]:
        yield shares(aggregates)


def own_groups(plan: Plan, shared: Shared) -> list[Group]:
    """The groups of which sharing providers can give nothing."""
    shared_groups = {plan.slots[index].group for index in shared}
    return [group for group in plan.groups if group not in shared_groups]


def own_aggregates(plan: Plan, shared: Shared) -> list[frozenset[int]]:
    """Return sets of aggregates; the anchor's tree must have a member of each set."""
    groups = own_groups(plan, shared)
    return list(dict.fromkeys(ids for group in groups for ids in group.member_of))


def _supply_conditions(
    plan: Plan, shared: Shared
) -> collections.abc.Iterator[Condition]:
    """One condition per group, and one per slot that may be filled from outside."""
    asked: set[tuple[typing.Any, ...]] = set()
    for slot in plan.slots[:CONDITIONS_MAX]:
        group = slot.group
        if slot.index in shared:
            own = _supplies(group, slot.amounts)
            yield sa.or_(own, shares(shared[slot.index]))
        elif not group.is_spread:
            # Groups that ask the same need the condition once.
            key = (group.amounts, group.required, group.forbidden, group.member_of)
            if (*key, group.not_member_of, group.root_id) not in asked:
                asked.add((*key, group.not_member_of, group.root_id))
                yield _supplies(group, slot.amounts)
    for group in plan.groups:
        if group.is_spread:
            yield from _spread_conditions(plan, group, shared)
    if plan.isolates and not any(
        slot.index in shared for slot in plan.slots if not slot.group.is_spread
    ):
        yield from _enough_providers(plan)


def _spread_conditions(
    plan: Plan, group: Group, shared: Shared
) -> collections.abc.Iterator[Condition]:
    slots = [slot for slot in plan.slots if slot.group is group]
    own = [slot for slot in slots if slot.index not in shared][:CONDITIONS_MAX]
    for amount in dict.fromkeys(slot.amounts[0] for slot in own):
        yield _supplies(group, (amount,))
    # A provider from outside may have any of the traits that are held together.
    if group.is_collective and len(own) == len(slots):
        for traits in group.required[:CONDITIONS_MAX]:
            yield _some_has_trait(traits, own)


def _supplies(group: Group, amounts: Amounts) -> Condition:
    """One provider of the anchor's tree gives all ``amounts``."""
    select = _of_tree(_provider).where(
        *matches(_provider, group), *(_offers(_provider, one) for one in amounts)
    )
    if group.root_id is not None and not group.is_spread:
        select = select.where(_provider.c.root_provider_id == group.root_id)
    return found(select, _provider)


def _some_has_trait(traits: frozenset[int], slots: list[Slot]) -> Condition:
    """A provider of the anchor's tree that can fill a slot has one of ``traits``."""
    amounts = dict.fromkeys(slot.amounts[0] for slot in slots)
    return found(
        _of_tree(_provider).where(
            in_any(_traits, _provider.c.id, traits),
            predicates.is_in_service(_provider),
            sa.or_(*(_offers(_provider, one) for one in amounts)),
        ),
        _provider,
    )


def shares(aggregates: frozenset[int]) -> Condition:
    """Some provider of the anchor's tree is in one of ``aggregates``."""
    return found(
        _of_tree(_member).where(in_any(_aggregates, _member.c.id, aggregates)),
        _member,
    )


def _of_tree(provider: sa.FromClause) -> Select:
    """Select the ids of the providers of the anchor's tree."""
    return sa.select(provider.c.id).where(provider.c.root_provider_id == ROOT.c.id)


def _offers(provider: sa.FromClause, amount: tuple[int, int]) -> Condition:
    """The provider has room for an amount of a class."""
    select = sa.select(_offer.c.resource_provider_id).where(
        _offer.c.resource_provider_id == provider.c.id, fits(_offer, *amount)
    )
    return found(select, _offer)


def _enough_providers(plan: Plan) -> collections.abc.Iterator[Condition]:
    """The anchor's tree has a provider for each of the groups that are isolated."""
    wanted = sum(not group.is_spread for group in plan.groups)
    if wanted > 1:
        count = sa.select(sa.func.count()).where(
            _member.c.root_provider_id == ROOT.c.id
        )
        yield scalar(count, _member) >= wanted


def matches(
    provider: sa.FromClause, group: Group
) -> collections.abc.Iterator[Condition]:
    """Yield the conditions on a provider itself, not on its inventory.

    For a collective group, the providers together have the required traits, so each
    of them is only checked for forbidden ones.
    """
    for conditions_of in OF_PROVIDER.values():
        yield from conditions_of(provider, group)


def _required(
    provider: sa.FromClause, group: Group
) -> collections.abc.Iterator[Condition]:
    if not group.is_collective and group.required:
        single = frozenset().union(*(ids for ids in group.required if len(ids) == 1))
        several = [ids for ids in group.required if len(ids) > 1][:CONDITIONS_MAX]
        if single:
            yield _has_all_traits(provider.c.id, single)
        for traits in several:
            yield in_any(_traits, provider.c.id, traits)


def _forbidden(
    provider: sa.FromClause, group: Group
) -> collections.abc.Iterator[Condition]:
    if group.forbidden:
        yield sa.not_(in_any(_traits, provider.c.id, group.forbidden))


def _member_of(
    provider: sa.FromClause, group: Group
) -> collections.abc.Iterator[Condition]:
    if group.member_of:
        member_of = _in_all_aggregates(provider.c.id, group)
        if group.is_spread:
            member_of = sa.or_(member_of, _in_all_aggregates(ROOT.c.id, group))
        yield member_of


def _not_member_of(
    provider: sa.FromClause, group: Group
) -> collections.abc.Iterator[Condition]:
    if group.not_member_of:
        yield sa.not_(in_any(_aggregates, provider.c.id, group.not_member_of))


def _state(provider: sa.FromClause, _: Group) -> collections.abc.Iterator[Condition]:
    yield predicates.is_in_service(provider)


# The twins of conditions in ``solve.conditions``, by their names; those on amounts are
# in ``db.predicates``. ``not_member_of`` of an anchor is in ``of_root``.
OF_PROVIDER: dict[
    str,
    collections.abc.Callable[
        [sa.FromClause, Group], collections.abc.Iterator[Condition]
    ],
] = {
    "required": _required,
    "forbidden": _forbidden,
    "member_of": _member_of,
    "not_member_of": _not_member_of,
    "state": _state,
}


def _in_all_aggregates(provider_id: sa.ColumnElement[int], group: Group) -> Condition:
    return sa.and_(
        *(
            in_any(_aggregates, provider_id, aggregates)
            for aggregates in group.member_of[:CONDITIONS_MAX]
        )
    )


def _has_all_traits(
    provider_id: sa.ColumnElement[int], traits: frozenset[int]
) -> Condition:
    if len(traits) == 1:
        return in_any(_traits, provider_id, traits)
    count = sa.select(sa.func.count()).where(
        _held_traits.c.resource_provider_id == provider_id,
        _held_traits.c.trait_id.in_(sorted(traits)),
    )
    return scalar(count, _held_traits) >= len(traits)


def in_any(
    table: sa.Table,
    provider_id: sa.ColumnElement[int],
    ids: frozenset[int] | None = None,
) -> Condition:
    """The provider has a row in ``table``, with one of ``ids`` if they are given."""
    held = _held_traits if table is _traits else _held_aggregates
    select = sa.select(held.c.resource_provider_id).where(
        held.c.resource_provider_id == provider_id
    )
    if ids is not None:
        column = held.c.trait_id if table is _traits else held.c.aggregate_id
        select = select.where(column.in_(sorted(ids)))
    return found(select, held)


_Int = int | sa.ColumnElement[int]


def fits(offer: sa.FromClause, resource_class_id: _Int, amount: _Int) -> Condition:
    """``offer`` is of the class and has room for the amount."""
    return sa.and_(
        offer.c.resource_class_id == resource_class_id,
        predicates.fits(offer, amount),
    )


def inventory_of(condition: Condition) -> Select:
    return sa.select(_inventories.c.resource_provider_id).where(condition)


def holders(column: sa.Column[int], ids: frozenset[int]) -> Select:
    """Select resource_provider_id of the providers with one of ``ids``."""
    table = column.table
    return sa.select(table.c.resource_provider_id).where(column.in_(sorted(ids)))


def roots(need: Select) -> Select:
    some = need.subquery("need")
    return sa.select(_providers.c.root_provider_id).join(
        some, some.c.resource_provider_id == _providers.c.id
    )


def found(select: Select, *own: sa.FromClause) -> Condition:
    """The select has a row; see ``_scalar``."""
    return scalar(select.limit(1), *own).is_not(None)


def scalar(select: Select, *own: sa.FromClause) -> sa.ScalarSelect[typing.Any]:
    """Ask ``select`` for each row around it; all but ``own`` is of those rows."""
    return select.correlate_except(*own).scalar_subquery()
