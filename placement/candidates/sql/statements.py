"""The statements of a search.

``members`` in a name means rows of (root id, id, revision), one for each provider of
whole trees, in ascending order.
"""

import collections.abc
import enum
import functools
import typing

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from placement.candidates.query.plan import Group, Plan
from placement.candidates.sql import predicates
from placement.candidates.sql.predicates import CONDITIONS_MAX, ROOT, Select, Shared
from placement.candidates.sql.reader import Read
from placement.db import tables

_Ids = collections.abc.Sequence[int]

# Up to this number, the ids of a need are parameters of their own, so that the
# statement is the same for all needs with as many ids.
_SINGLE_IDS_MAX = 8

_providers = tables.resource_providers
_inventories = tables.inventories
_traits = tables.resource_provider_traits
_aggregates = tables.resource_provider_aggregates
_sharer = _providers.alias("sharer")


def is_one_of(column: sa.ColumnElement[int], ids: _Ids) -> sa.ColumnElement[bool]:
    """``column`` is among ``ids``, which are written into the statement.

    Every database limits the number of parameters, and none that of literals.
    """
    return column.in_(
        sa.bindparam(None, list(ids), expanding=True, literal_execute=True)
    )


class NeedKind(enum.Enum):
    """What a need asks of a provider."""

    ROOM = enum.auto()
    TRAIT = enum.auto()
    AGGREGATE = enum.auto()


class Need(typing.NamedTuple):
    """A condition that some provider of every anchor's own tree has to meet.

    ROOM: (resource class id, amount). TRAIT, AGGREGATE: one of these ids.
    """

    kind: NeedKind
    ids: tuple[int, ...]

    def parameters(self) -> dict[str, typing.Any]:
        """Return the parameters of ``holders``."""
        if self.kind is NeedKind.ROOM:
            return dict(zip(("resource_class_id", "amount"), self.ids, strict=True))
        if len(self.ids) > _SINGLE_IDS_MAX:
            return {"ids": self.ids}
        return {_single(number): id_ for number, id_ in enumerate(self.ids)}

    @property
    def holders(self) -> "_Holders":
        """Return the kind of the statements about providers that meet the need."""
        count = len(self.ids)
        return _Holders(self.kind, count if count <= _SINGLE_IDS_MAX else None)


def needs(plan: Plan, shared: Shared) -> list[Need]:
    """Return the needs of a plan; not those that sharing providers may serve."""
    own = [slot for slot in plan.slots if slot.index not in shared]
    found = [
        Need(NeedKind.ROOM, amount)
        for amount in sorted({amount for slot in own for amount in slot.amounts})
    ]
    own_groups = predicates.own_groups(plan, shared)
    trait_sets = [traits for group in own_groups for traits in group.required]
    trait_sets += [frozenset([trait_id]) for trait_id in sorted(plan.root_required)]
    for traits in dict.fromkeys(trait_sets):
        found.append(Need(NeedKind.TRAIT, tuple(sorted(traits))))
    for aggregates in predicates.own_aggregates(plan, shared):
        found.append(Need(NeedKind.AGGREGATE, tuple(sorted(aggregates))))
    return found[:CONDITIONS_MAX]


def count(need: Need, count_max: int) -> Read:
    """Count the providers that meet a need, up to ``count_max``."""
    return Read.of(_count(need.holders), most=count_max, **need.parameters())


def roots(need: Need) -> Read:
    """Select the roots of all providers that meet a need, ascending."""
    return Read.of(_roots(need.holders), **need.parameters())


def members_after(root_id: int, provider_count: int) -> Read:
    """Select the members of the trees whose roots follow ``root_id``.

    At most ``provider_count`` rows, so that the last tree may be incomplete.
    """
    return Read.of(_MEMBERS_AFTER, after=root_id, size=provider_count)


def all_members() -> Read:
    """Select the members of all trees, in any order."""
    return Read.of(_ALL_MEMBERS)


def members_from(place: int, provider_count: int) -> Read:
    """Do what ``members_after`` does, for the id ``place`` modulo the greatest id."""
    return Read.of(_MEMBERS_FROM, place=place, size=provider_count)


def members_of(root_ids: _Ids) -> Select:
    """Select the members of trees by their roots."""
    return _MEMBERS.where(is_one_of(_providers.c.root_provider_id, root_ids))


def members_of_one(root_id: int) -> Read:
    """Select the members of one tree."""
    return Read.of(_MEMBERS_OF_ONE, root_id=root_id)


def members_with(need: Need, after: int, tree_count: int, is_flat: bool) -> Read:
    """Select the members of trees that meet a need, whose roots follow ``after``.

    ``is_flat``: no provider has a parent. Then each root is all of its tree, and
    providers are looked up once, which takes about half the time.
    """
    select = (_members_with_flat if is_flat else _members_with)(need.holders)
    return Read.of(select, after=after, size=tree_count, **need.parameters())


def any_nested() -> Read:
    """Select one row if any provider has a parent."""
    return Read.of(_ANY_NESTED)


def any_sharing(sharing_trait_id: int) -> Read:
    """Select one row if any provider has the trait of sharing providers."""
    return Read.of(_ANY_SHARING, sharing_trait_id=sharing_trait_id)


def sharing_members(sharing_trait_id: int) -> Read:
    """Select the members of the trees of sharing providers that have aggregates.

    The cost follows the number of sharing providers.
    """
    return Read.of(_SHARING_MEMBERS, sharing_trait_id=sharing_trait_id)


def anchors(plan: Plan, shared: Shared, after: int, size: int) -> Select:
    """Select the ids of the next ``size`` roots that may anchor a candidate.

    They ascend. ``shared`` has, by the index of a slot, the aggregates of sharing
    providers that can fill it. The cost follows the number of roots that are read
    until ``size`` are found.
    """
    anchors = _anchors(plan, shared).where(ROOT.c.id > after)
    return anchors.order_by(ROOT.c.id).limit(size)


def anchors_of_residues(
    plan: Plan, shared: Shared, modulus: int, residues: _Ids
) -> Select:
    """Select, as ``anchors``, all roots with one of ``residues`` modulo ``modulus``.

    That is a sample in which every root has the same chance. All roots are read, but
    the conditions are evaluated for the sample only.
    """
    return (
        _anchors(plan, shared)
        .where(is_one_of(ROOT.c.id % sa.literal(modulus, sa.Integer), residues))
        .order_by(ROOT.c.id)
    )


def greatest_id() -> Read:
    """Select the greatest id of a provider."""
    return Read.of(_GREATEST_ID)


def providers(group: Group, name: str | None = None, uuid: str | None = None) -> Select:
    """Select the id of every provider that matches a suffixed ``group``.

    None is no filter. The statement decides all of the group.
    """
    provider = _providers.alias("provider")
    wanted = [
        *(
            predicates.inventory_of(predicates.fits(_inventories, *one))
            for one in group.amounts
        ),
        *(predicates.holders(_traits.c.trait_id, traits) for traits in group.required),
        *(
            predicates.holders(_aggregates.c.aggregate_id, ids)
            for ids in group.member_of
        ),
    ]
    select = sa.select(provider.c.id).where(*(provider.c.id.in_(one) for one in wanted))
    if group.forbidden:
        select = select.where(
            sa.not_(predicates.in_any(_traits, provider.c.id, group.forbidden))
        )
    if group.not_member_of:
        select = select.where(
            sa.not_(predicates.in_any(_aggregates, provider.c.id, group.not_member_of))
        )
    if group.root_id is not None:
        select = select.where(provider.c.root_provider_id == group.root_id)
    if name is not None:
        select = select.where(provider.c.name == name)
    if uuid is not None:
        select = select.where(provider.c.uuid == uuid)
    return select


def _anchors(plan: Plan, shared: Shared) -> Select:
    return sa.select(ROOT.c.id).where(*predicates.of_anchor(plan, shared))


def _single(number: int) -> str:
    return f"need_{number}"


def _int(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.Integer)


_GREATEST_ID: Select = sa.select(sa.func.max(_providers.c.id))
_MEMBERS: Select = sa.select(
    _providers.c.root_provider_id, _providers.c.id, _providers.c.revision
).order_by(_providers.c.root_provider_id, _providers.c.id)
# PostgreSQL would read all of an index to have the order.
_ALL_MEMBERS: Select = _MEMBERS.order_by(None)
_MEMBERS_AFTER: Select = _MEMBERS.where(
    _providers.c.root_provider_id > sa.bindparam("after")
).limit(_int("size"))
_numbered = _providers.alias("numbered")
_MEMBERS_FROM: Select = _MEMBERS.where(
    _providers.c.root_provider_id
    > sa.select(
        sa.bindparam("place", type_=sa.BigInteger) % sa.func.max(_numbered.c.id)
    ).scalar_subquery()
).limit(_int("size"))
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
# Not "IS NOT NULL", for which SQLite reads all rows.
_ANY_NESTED: Select = (
    sa.select(_providers.c.id)
    .where(_providers.c.parent_provider_id > 0)
    .order_by(_providers.c.parent_provider_id)
    .limit(1)
)
_SHARING_MEMBERS: Select = _MEMBERS.where(
    _providers.c.root_provider_id.in_(
        sa.select(_sharer.c.root_provider_id)
        .join(_traits, _traits.c.resource_provider_id == _sharer.c.id)
        .where(_traits.c.trait_id == sa.bindparam("sharing_trait_id"))
        .where(predicates.in_any(_aggregates, _sharer.c.id))
    )
)


class _IsOneOf(sa.sql.functions.FunctionElement[typing.Any]):
    """A column is among the few values that a subquery selects.

    On PostgreSQL the values are read first, as an array. The planner would join the
    subquery instead, in the order of the column and for the sake of a LIMIT: it expects
    to read a tenth of both tables, and reads them completely.
    """

    inherit_cache = True


@compiles(_IsOneOf)
def _is_one_of(element: _IsOneOf, compiler: typing.Any, **given: typing.Any) -> str:
    column, values = [compiler.process(each, **given) for each in element.clauses]
    if compiler.dialect.name == "postgresql":
        return f"{column} = ANY (ARRAY{values})"
    return f"{column} IN {values}"


class _Holders(typing.NamedTuple):
    """A kind of needs with the same statement for the providers that meet them.

    ``id_count`` is the number of ids, which are parameters of their own; None: they are
    one expanding parameter.
    """

    kind: NeedKind
    id_count: int | None

    def select(self) -> Select:
        """Select resource_provider_id of the providers that meet a need."""
        if self.kind is NeedKind.ROOM:
            return predicates.inventory_of(
                predicates.fits(_inventories, _int("resource_class_id"), _int("amount"))
            )
        column = (
            _traits.c.trait_id
            if self.kind is NeedKind.TRAIT
            else _aggregates.c.aggregate_id
        )
        ids: typing.Any = sa.bindparam("ids", expanding=True, type_=sa.Integer)
        if self.id_count is not None:
            ids = [_int(_single(number)) for number in range(self.id_count)]
        return sa.select(column.table.c.resource_provider_id).where(column.in_(ids))


@functools.cache
def _count(holders: _Holders) -> Select:
    some = holders.select().limit(_int("most")).subquery("some")
    return sa.select(sa.func.count()).select_from(some)


@functools.cache
def _roots(holders: _Holders) -> Select:
    root_id = _providers.c.root_provider_id
    return predicates.roots(holders.select()).distinct().order_by(root_id)


@functools.cache
def _members_with(holders: _Holders) -> Select:
    root_id = _providers.c.root_provider_id
    few = (
        _roots(holders)
        .where(root_id > sa.bindparam("after"))
        .limit(_int("size"))
        .subquery("few")
    )
    return _MEMBERS.join(few, few.c.root_provider_id == root_id)


@functools.cache
def _members_with_flat(holders: _Holders) -> Select:
    return (
        _MEMBERS.where(
            _IsOneOf(_providers.c.id, holders.select().scalar_subquery()),
            _providers.c.id > sa.bindparam("after"),
        )
        .order_by(None)
        .order_by(_providers.c.id)
        .limit(_int("size"))
    )
