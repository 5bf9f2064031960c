"""The engine's questions to the database."""

import collections.abc

import sqlalchemy as sa

from placement.candidates import conditions
from placement.candidates.conditions import CONDITIONS_MAX, ROOT, Select, Shared
from placement.candidates.plan import Group, Plan
from placement.candidates.views import is_one_of
from placement.db import tables

_providers = tables.resource_providers
_inventories = tables.inventories
_traits = tables.resource_provider_traits
_aggregates = tables.resource_provider_aggregates
_sharer = _providers.alias("sharer")


def members_after() -> Select:
    """Select (root id, id, revision) of the next ``size`` providers, tree by tree.

    ``size`` and ``after``, the root that they follow, are parameters.
    """
    return _MEMBERS_AFTER


def members_of(root_ids: collections.abc.Sequence[int]) -> Select:
    """Select (root id, id, revision) of all providers of some trees."""
    return _MEMBERS.where(is_one_of(_providers.c.root_provider_id, root_ids))


def members_of_one() -> Select:
    """Select (root id, id, revision) of all providers of the tree ``root_id``."""
    return _MEMBERS_OF_ONE


def members_among(roots: Select) -> Select:
    """Select, as ``members_after``, trees with the ids that ``roots`` selects.

    ``size`` is how many trees. All that ``roots`` selects is read each time.
    """
    root_id = _providers.c.root_provider_id
    few = (
        roots.where(root_id > sa.bindparam("after"))
        .limit(sa.bindparam("size", type_=sa.Integer))
        .subquery("few")
    )
    return _MEMBERS.join(few, few.c.root_provider_id == root_id)


def roots_among(need: Select) -> Select:
    """Select what ``members_among`` does, where no provider has a parent.

    ``need`` selects what the roots must have. As each of them is all of its tree,
    providers are looked for once, which takes about half as long.
    """
    (holder_id,) = need.selected_columns
    following = need.where(holder_id > sa.bindparam("after"))
    return (
        _MEMBERS.where(_providers.c.id.in_(following))
        .order_by(None)
        .order_by(_providers.c.id)
        .limit(sa.bindparam("size", type_=sa.Integer))
    )


def any_nested() -> Select:
    """Select one row if any provider has a parent."""
    return _ANY_NESTED


def any_sharing() -> Select:
    """Select one row if any provider has the trait ``sharing_trait_id``."""
    return _ANY_SHARING


def sharing_trees() -> Select:
    """Select (root id, id, revision) of the trees of sharing providers.

    Those are in some aggregate and have the trait ``sharing_trait_id``, which is a
    parameter. The cost follows how many there are.
    """
    return _SHARING_TREES


def anchors(plan: Plan, shared: Shared, after: int, size: int) -> Select:
    """Select the ids of the next ``size`` roots that may anchor a candidate.

    They ascend. ``shared`` has, by the index of a slot, the aggregates of sharing
    providers that can fill it. The cost follows the roots that are looked at until
    ``size`` are found.
    """
    anchors = _anchors(plan, shared).where(ROOT.c.id > after)
    return anchors.order_by(ROOT.c.id).limit(size)


def anchors_among(
    plan: Plan, shared: Shared, roots: collections.abc.Sequence[int]
) -> Select:
    """Select, as ``anchors``, those of some roots, in any order."""
    return _anchors(plan, shared).where(is_one_of(ROOT.c.id, roots))


def anchors_of_residues(
    plan: Plan,
    shared: Shared,
    modulus: int,
    residues: collections.abc.Sequence[int],
) -> Select:
    """Select, as ``anchors``, all roots with one of ``residues`` modulo ``modulus``.

    That is a sample in which every root has the same chance. All roots are looked
    at, but the conditions are asked of the sample only.
    """
    return (
        _anchors(plan, shared)
        .where(is_one_of(ROOT.c.id % sa.literal(modulus, sa.Integer), residues))
        .order_by(ROOT.c.id)
    )


def greatest_id() -> Select:
    """Select the greatest id of a provider."""
    return sa.select(sa.func.max(_providers.c.id))


def rarity(needs: collections.abc.Sequence[Select], few: int) -> Select:
    """Select, in one row, how many rows each of ``needs`` has, up to ``few`` + 1."""
    counts = []
    for index, need in enumerate(needs):
        some = need.limit(few + 1).subquery(f"need_{index}")
        counts.append(sa.select(sa.func.count()).select_from(some).scalar_subquery())
    return sa.select(*(count.label(f"n{i}") for i, count in enumerate(counts)))


def roots_of(need: Select) -> Select:
    """Select the roots of the providers that one of the needs selects."""
    return conditions.roots(need).distinct().order_by(_providers.c.root_provider_id)


def needs(plan: Plan, shared: Shared) -> list[Select]:
    """Return what every anchor needs in its own tree, each need on its own.

    Each selects resource_provider_id of the providers that meet one need: those
    with room for one amount, with one of a set of traits, in one of a set of
    aggregates. What sharing providers may give is not among them.
    """
    found: list[Select] = []
    own = [slot for slot in plan.slots if slot.index not in shared]
    for resource_class_id, amount in sorted({a for s in own for a in s.amounts}):
        found.append(
            conditions.inventory_of(
                conditions.fits(_inventories, resource_class_id, amount)
            )
        )
    own_groups = conditions.own_groups(plan, shared)
    trait_sets = [traits for group in own_groups for traits in group.required]
    trait_sets += [frozenset([trait_id]) for trait_id in sorted(plan.root_required)]
    for traits in dict.fromkeys(trait_sets):
        found.append(conditions.holders(_traits.c.trait_id, traits))
    for aggregates in conditions.own_aggregates(plan, shared):
        found.append(conditions.holders(_aggregates.c.aggregate_id, aggregates))
    return found[:CONDITIONS_MAX]


def providers(group: Group, name: str | None = None, uuid: str | None = None) -> Select:
    """Select the id of every provider that matches a suffixed ``group``.

    None is no filter.

    All of the group is a condition here; nothing is left to be decided.
    """
    provider = _providers.alias("provider")
    wanted = [
        *(
            conditions.inventory_of(conditions.fits(_inventories, *one))
            for one in group.amounts
        ),
        *(conditions.holders(_traits.c.trait_id, traits) for traits in group.required),
        *(
            conditions.holders(_aggregates.c.aggregate_id, ids)
            for ids in group.member_of
        ),
    ]
    select = sa.select(provider.c.id).where(*(provider.c.id.in_(one) for one in wanted))
    if group.forbidden:
        select = select.where(
            sa.not_(conditions.in_any(_traits, provider.c.id, group.forbidden))
        )
    if group.not_member_of:
        select = select.where(
            sa.not_(conditions.in_any(_aggregates, provider.c.id, group.not_member_of))
        )
    if group.root_id is not None:
        select = select.where(provider.c.root_provider_id == group.root_id)
    if name is not None:
        select = select.where(provider.c.name == name)
    if uuid is not None:
        select = select.where(provider.c.uuid == uuid)
    return select


def _anchors(plan: Plan, shared: Shared) -> Select:
    return sa.select(ROOT.c.id).where(*conditions.of_anchor(plan, shared))


_MEMBERS: Select = sa.select(
    _providers.c.root_provider_id, _providers.c.id, _providers.c.revision
).order_by(_providers.c.root_provider_id, _providers.c.id)
_MEMBERS_AFTER: Select = _MEMBERS.where(
    _providers.c.root_provider_id > sa.bindparam("after")
).limit(sa.bindparam("size", type_=sa.Integer))
_MEMBERS_OF_ONE: Select = _MEMBERS.where(
    _providers.c.root_provider_id == sa.bindparam("root_id")
)
# In the order of an index: without statistics PostgreSQL expects many such rows, and
# reads the whole table to find none.
_ANY_SHARING: Select = (
    sa.select(_traits.c.resource_provider_id)
    .where(_traits.c.trait_id == sa.bindparam("sharing_trait_id"))
    .order_by(_traits.c.trait_id, _traits.c.resource_provider_id)
    .limit(1)
)
# Not "IS NOT NULL", for which SQLite looks at all.
_ANY_NESTED: Select = (
    sa.select(_providers.c.id)
    .where(_providers.c.parent_provider_id > 0)
    .order_by(_providers.c.parent_provider_id)
    .limit(1)
)
_SHARING_TREES: Select = _MEMBERS.where(
    _providers.c.root_provider_id.in_(
        sa.select(_sharer.c.root_provider_id)
        .join(_traits, _traits.c.resource_provider_id == _sharer.c.id)
        .where(_traits.c.trait_id == sa.bindparam("sharing_trait_id"))
        .where(conditions.in_any(_aggregates, _sharer.c.id))
    )
)
