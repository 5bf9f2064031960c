"""The engine's questions to the database.

Conditions here are necessary for a candidate, and for a tree of one provider they
are nearly exact; what is left is decided on the providers themselves. Conditions on
an anchor are scalar subqueries with LIMIT 1, which every database answers one
anchor at a time: then the statement stops at its own LIMIT. Written as semi-joins
they are turned into joins of whole tables wherever statistics mislead.
"""

import collections.abc
import typing

import sqlalchemy as sa

from placement.candidates.model import Amounts
from placement.candidates.plan import Group, Plan, Slot
from placement.candidates.views import is_one_of
from placement.db import predicates, tables

# How many slots, and `in:` sets of one group, become conditions of a statement.
CONDITIONS_MAX = 24

_providers = tables.resource_providers
_inventories = tables.inventories
_traits = tables.resource_provider_traits
_aggregates = tables.resource_provider_aggregates

# Aliases are made once, because their columns are dear to make. A subquery names
# those that are its own, so that siblings may have the same one.
_root = _providers.alias("root")
_child = _providers.alias("child")
_provider = _providers.alias("provider")
_member = _providers.alias("member")
_offer = _inventories.alias("offer")
_held_traits = _traits.alias("held_traits")
_held_aggregates = _aggregates.alias("held_aggregates")

_Condition = sa.ColumnElement[bool]
_Select = sa.Select[typing.Any]
_Shared = collections.abc.Mapping[int, frozenset[int]]


def trees(root_ids: collections.abc.Sequence[int]) -> _Select:
    """Select (id, root_provider_id, revision) of all providers of some trees."""
    return (
        sa.select(_providers.c.id, _providers.c.root_provider_id, _providers.c.revision)
        .where(is_one_of(_providers.c.root_provider_id, root_ids))
        .order_by(_providers.c.root_provider_id, _providers.c.id)
    )


def sharing_trees() -> _Select:
    """Select (id, root_provider_id, revision) of the trees of sharing providers.

    Those are in some aggregate and have the trait ``sharing_trait_id``, which is a
    parameter. The cost follows how many there are.
    """
    return _SHARING_TREES


def anchors(
    plan: Plan,
    shared: _Shared,
    after: int,
    size: int,
    among: collections.abc.Sequence[int] | None = None,
) -> _Select:
    """Select the next ``size`` roots, ascending, that may anchor a candidate.

    ``shared`` has, by the index of a slot, the aggregates of sharing providers that
    can fill it. ``among`` are the only roots that can be meant, if few are known.

    Yields (id, revision, has_children). The cost follows the roots that are looked
    at until ``size`` are found.
    """
    return (
        _anchors(plan, shared)
        .where(_root.c.id > after)
        .where(*([] if among is None else [is_one_of(_root.c.id, among)]))
        .order_by(_root.c.id)
        .limit(size)
    )


def anchors_of_residues(
    plan: Plan,
    shared: _Shared,
    modulus: int,
    residues: collections.abc.Sequence[int],
    among: collections.abc.Sequence[int] | None = None,
) -> _Select:
    """Select, as ``anchors``, all roots with one of ``residues`` modulo ``modulus``.

    That is a sample in which every root has the same chance. All roots are looked
    at, but the conditions are asked of the sample only.
    """
    return (
        _anchors(plan, shared)
        .where(is_one_of(_root.c.id % sa.literal(modulus, sa.Integer), residues))
        .where(*([] if among is None else [is_one_of(_root.c.id, among)]))
        .order_by(_root.c.id)
    )


def greatest_id() -> _Select:
    """Select the greatest id of a provider."""
    return sa.select(sa.func.max(_providers.c.id))


def rarity(needs: collections.abc.Sequence[_Select], few: int) -> _Select:
    """Select, in one row, how many rows each of ``needs`` has, up to ``few`` + 1."""
    counts = []
    for index, need in enumerate(needs):
        some = need.limit(few + 1).subquery(f"need_{index}")
        counts.append(sa.select(sa.func.count()).select_from(some).scalar_subquery())
    return sa.select(*(count.label(f"n{i}") for i, count in enumerate(counts)))


def roots_of(need: _Select) -> _Select:
    """Select the roots of the providers that one of the needs selects."""
    return _roots(need).distinct().order_by(_providers.c.root_provider_id)


def needs(plan: Plan, shared: _Shared) -> list[_Select]:
    """Return what every anchor needs in its own tree, each need on its own.

    Each selects resource_provider_id of the providers that meet one need: those
    with room for one amount, with one of a set of traits, in one of a set of
    aggregates. What sharing providers may give is not among them.
    """
    found: list[_Select] = []
    own = [slot for slot in plan.slots if slot.index not in shared]
    for resource_class_id, amount in sorted({a for s in own for a in s.amounts}):
        found.append(_inventory_of(_fits(_inventories, resource_class_id, amount)))
    own_groups = _own_groups(plan, shared)
    trait_sets = [traits for group in own_groups for traits in group.required]
    trait_sets += [frozenset([trait_id]) for trait_id in sorted(plan.root_required)]
    for traits in dict.fromkeys(trait_sets):
        found.append(_holders(_traits.c.trait_id, traits))
    for aggregates in _own_aggregates(plan, shared):
        found.append(_holders(_aggregates.c.aggregate_id, aggregates))
    return found[:CONDITIONS_MAX]


def providers(
    group: Group, name: str | None = None, uuid: str | None = None
) -> _Select:
    """Select the id of every provider that matches a suffixed ``group``.

    None is no filter.

    All of the group is a condition here; nothing is left to be decided.
    """
    provider = _providers.alias("provider")
    wanted = [
        *(_inventory_of(_fits(_inventories, *one)) for one in group.amounts),
        *(_holders(_traits.c.trait_id, traits) for traits in group.required),
        *(_holders(_aggregates.c.aggregate_id, ids) for ids in group.member_of),
    ]
    select = sa.select(provider.c.id).where(*(provider.c.id.in_(one) for one in wanted))
    if group.forbidden:
        select = select.where(sa.not_(_in_any(_traits, provider.c.id, group.forbidden)))
    if group.not_member_of:
        select = select.where(
            sa.not_(_in_any(_aggregates, provider.c.id, group.not_member_of))
        )
    if group.root_id is not None:
        select = select.where(provider.c.root_provider_id == group.root_id)
    if name is not None:
        select = select.where(provider.c.name == name)
    if uuid is not None:
        select = select.where(provider.c.uuid == uuid)
    return select


def _anchors(plan: Plan, shared: _Shared) -> _Select:
    has_children = _found(
        sa.select(_child.c.id).where(_child.c.parent_provider_id == _root.c.id), _child
    )
    return (
        sa.select(_root.c.id, _root.c.revision, has_children.label("has_children"))
        .where(_root.c.parent_provider_id.is_(None))
        .where(*_root_conditions(plan, shared))
        .where(*_supply_conditions(plan, shared))
    )


def _root_conditions(
    plan: Plan, shared: _Shared
) -> collections.abc.Iterator[_Condition]:
    if plan.root_required:
        yield _has_all_traits(_root.c.id, plan.root_required)
    if plan.root_forbidden:
        yield sa.not_(_in_any(_traits, _root.c.id, plan.root_forbidden))
    for group in plan.groups:
        if group.is_spread and group.not_member_of:
            yield sa.not_(_in_any(_aggregates, _root.c.id, group.not_member_of))
    own = (slot.group.root_id for slot in plan.slots if slot.index not in shared)
    for root_id in dict.fromkeys(own):
        if root_id is not None:
            yield _root.c.id == root_id
    # Aggregates are small beside the fleet: a join may well begin at them.
    for aggregates in _own_aggregates(plan, shared)[:CONDITIONS_MAX]:
        yield _root.c.id.in_(_roots(_holders(_aggregates.c.aggregate_id, aggregates)))


def _own_groups(plan: Plan, shared: _Shared) -> list[Group]:
    """The groups of which sharing providers can give nothing."""
    shared_groups = {plan.slots[index].group for index in shared}
    return [group for group in plan.groups if group not in shared_groups]


def _own_aggregates(plan: Plan, shared: _Shared) -> list[frozenset[int]]:
    """The sets of aggregates that somebody in the anchor's tree is in one of."""
    groups = _own_groups(plan, shared)
    return list(dict.fromkeys(ids for group in groups for ids in group.member_of))


def _supply_conditions(
    plan: Plan, shared: _Shared
) -> collections.abc.Iterator[_Condition]:
    """One condition per group, and one per slot that may be filled from outside."""
    asked: set[tuple[typing.Any, ...]] = set()
    for slot in plan.slots[:CONDITIONS_MAX]:
        group = slot.group
        if slot.index in shared:
            own = _supplies(group, slot.amounts, spread=False)
            yield sa.or_(own, _shares(shared[slot.index]))
        elif not group.is_spread:
            # Groups that ask the same need the condition once.
            key = (group.amounts, group.required, group.forbidden, group.member_of)
            if (*key, group.not_member_of, group.root_id) not in asked:
                asked.add((*key, group.not_member_of, group.root_id))
                yield _supplies(group, slot.amounts, spread=False)
    for group in plan.groups:
        if group.is_spread:
            yield from _spread_conditions(plan, group, shared)
    if plan.isolates and not any(
        slot.index in shared for slot in plan.slots if not slot.group.is_spread
    ):
        yield from _enough_providers(plan)


def _spread_conditions(
    plan: Plan, group: Group, shared: _Shared
) -> collections.abc.Iterator[_Condition]:
    slots = [slot for slot in plan.slots if slot.group is group]
    own = [slot for slot in slots if slot.index not in shared][:CONDITIONS_MAX]
    if own:
        amounts = tuple(slot.amounts[0] for slot in own)
        yield _supplies(group, amounts, spread=True)
    # A provider from outside may have any of the traits that are held together.
    if group.is_collective and len(own) == len(slots):
        for traits in group.required[:CONDITIONS_MAX]:
            yield _some_has_trait(group, traits, own)


def _supplies(group: Group, amounts: Amounts, spread: bool) -> _Condition:
    """Providers of the anchor's tree give ``amounts``: one all, or ``spread``."""
    select = sa.select(_provider.c.id).where(
        _provider.c.root_provider_id == _root.c.id, *_matches(_provider, group)
    )
    if group.root_id is not None and not group.is_spread:
        select = select.where(_provider.c.root_provider_id == group.root_id)
    if not amounts:
        return _found(select, _provider)
    select = select.join(_offer, _offer.c.resource_provider_id == _provider.c.id).where(
        _fits_any(_offer, amounts)
    )
    if len(amounts) == 1:
        return _found(select, _provider, _offer)
    if not spread:
        select = select.group_by(_provider.c.id)
        return _found(select.having(sa.func.count() >= len(amounts)), _provider, _offer)
    classes = select.with_only_columns(
        sa.func.count(sa.distinct(_offer.c.resource_class_id))
    )
    return _scalar(classes, _provider, _offer) >= len(amounts)


def _some_has_trait(
    group: Group, traits: frozenset[int], slots: list[Slot]
) -> _Condition:
    """A provider of the anchor's tree that can fill a slot has one of ``traits``."""
    amounts = tuple(slot.amounts[0] for slot in slots)
    return _found(
        sa.select(_provider.c.id)
        .join(_offer, _offer.c.resource_provider_id == _provider.c.id)
        .where(
            _provider.c.root_provider_id == _root.c.id,
            _in_any(_traits, _provider.c.id, traits),
            _fits_any(_offer, amounts),
        ),
        _provider,
        _offer,
    )


def _shares(aggregates: frozenset[int]) -> _Condition:
    """Some provider of the anchor's tree is in one of ``aggregates``."""
    return _found(
        sa.select(_member.c.id)
        .join(_aggregates, _aggregates.c.resource_provider_id == _member.c.id)
        .where(
            _member.c.root_provider_id == _root.c.id,
            _aggregates.c.aggregate_id.in_(sorted(aggregates)),
        ),
        _member,
        _aggregates,
    )


def _enough_providers(plan: Plan) -> collections.abc.Iterator[_Condition]:
    """The anchor's tree has a provider for each of the groups that are isolated."""
    wanted = sum(not group.is_spread for group in plan.groups)
    if wanted > 1:
        count = sa.select(sa.func.count()).where(
            _member.c.root_provider_id == _root.c.id
        )
        yield _scalar(count, _member) >= wanted


def _matches(
    provider: sa.FromClause, group: Group
) -> collections.abc.Iterator[_Condition]:
    """The provider's traits and aggregates are right, whatever it offers.

    Where traits are held together only the forbidden ones are asked for.
    """
    if not group.is_collective and group.required:
        single = frozenset().union(*(ids for ids in group.required if len(ids) == 1))
        several = [ids for ids in group.required if len(ids) > 1][:CONDITIONS_MAX]
        if single:
            yield _has_all_traits(provider.c.id, single)
        for traits in several:
            yield _in_any(_traits, provider.c.id, traits)
    if group.forbidden:
        yield sa.not_(_in_any(_traits, provider.c.id, group.forbidden))
    if group.member_of:
        member_of = _in_all_aggregates(provider.c.id, group)
        if group.is_spread:
            member_of = sa.or_(member_of, _in_all_aggregates(_root.c.id, group))
        yield member_of
    if group.not_member_of:
        yield sa.not_(_in_any(_aggregates, provider.c.id, group.not_member_of))


def _in_all_aggregates(provider_id: sa.ColumnElement[int], group: Group) -> _Condition:
    return sa.and_(
        *(
            _in_any(_aggregates, provider_id, aggregates)
            for aggregates in group.member_of[:CONDITIONS_MAX]
        )
    )


def _has_all_traits(
    provider_id: sa.ColumnElement[int], traits: frozenset[int]
) -> _Condition:
    if len(traits) == 1:
        return _in_any(_traits, provider_id, traits)
    count = sa.select(sa.func.count()).where(
        _held_traits.c.resource_provider_id == provider_id,
        _held_traits.c.trait_id.in_(sorted(traits)),
    )
    return _scalar(count, _held_traits) >= len(traits)


def _in_any(
    table: sa.Table,
    provider_id: sa.ColumnElement[int],
    ids: frozenset[int] | None = None,
) -> _Condition:
    """The provider has a row in ``table``, with one of ``ids`` if they are given."""
    held = _held_traits if table is _traits else _held_aggregates
    select = sa.select(held.c.resource_provider_id).where(
        held.c.resource_provider_id == provider_id
    )
    if ids is not None:
        column = held.c.trait_id if table is _traits else held.c.aggregate_id
        select = select.where(column.in_(sorted(ids)))
    return _found(select, held)


def _fits(offer: sa.FromClause, resource_class_id: int, amount: int) -> _Condition:
    return sa.and_(
        offer.c.resource_class_id == resource_class_id,
        predicates.fits(offer, amount),
    )


def _fits_any(offer: sa.FromClause, amounts: Amounts) -> _Condition:
    if len(amounts) == 1:
        return _fits(offer, *amounts[0])
    return sa.and_(
        offer.c.resource_class_id.in_([class_id for class_id, _ in amounts]),
        sa.or_(*(_fits(offer, *one) for one in amounts)),
    )


def _inventory_of(condition: _Condition) -> _Select:
    return sa.select(_inventories.c.resource_provider_id).where(condition)


def _holders(column: sa.Column[int], ids: frozenset[int]) -> _Select:
    """Select resource_provider_id of the providers with one of ``ids``."""
    table = column.table
    return sa.select(table.c.resource_provider_id).where(column.in_(sorted(ids)))


def _roots(need: _Select) -> _Select:
    some = need.subquery("need")
    return sa.select(_providers.c.root_provider_id).join(
        some, some.c.resource_provider_id == _providers.c.id
    )


def _found(select: _Select, *own: sa.FromClause) -> _Condition:
    """The select has a row; see ``_scalar``."""
    return _scalar(select.limit(1), *own).is_not(None)


def _scalar(select: _Select, *own: sa.FromClause) -> sa.ScalarSelect[typing.Any]:
    """Ask ``select`` for each row around it; all but ``own`` is of those rows."""
    return select.correlate_except(*own).scalar_subquery()


_SHARING_TREES: _Select = (
    sa.select(_providers.c.id, _providers.c.root_provider_id, _providers.c.revision)
    .where(
        _providers.c.root_provider_id.in_(
            sa.select(_member.c.root_provider_id)
            .join(_traits, _traits.c.resource_provider_id == _member.c.id)
            .where(_traits.c.trait_id == sa.bindparam("sharing_trait_id"))
            .where(_in_any(_aggregates, _member.c.id))
        )
    )
    .order_by(_providers.c.root_provider_id, _providers.c.id)
)
