"""The request in stored ids, cut into slots that one provider each fills."""

import collections.abc
import dataclasses
import typing

from placement.candidates.model import Amounts, RequestGroup, SearchRequest
from placement.candidates.query.resolve import Ids
from placement.candidates.trait_bits import TraitBits
from placement.db import predicates

# No provider has this id.
_NOWHERE = 0


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Group:
    """One request group in ids; see ``RequestGroup``.

    ``root_id`` is the root of the tree that the group has to be in, or None. A
    group without suffix is ``spread``: each class may come from another provider.
    """

    suffix: str
    amounts: Amounts
    required: tuple[frozenset[int], ...]
    forbidden: frozenset[int]
    member_of: tuple[frozenset[int], ...]
    not_member_of: frozenset[int]
    root_id: int | None
    # Each set of ``required`` as bits.
    required_bits: tuple[int, ...]
    forbidden_bits: int
    is_spread: bool
    # Several providers together may have the required traits.
    is_collective: bool
    # Of an explanation, in which providers that are not in service have room: whether
    # they may be chosen. In a search they have no room.
    any_state: bool | None = None


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """What one provider has to give: a suffixed group, or one class of the unsuffixed.

    Slots of one ``kind`` have the same conditions. The provider has all bits of
    ``all_of`` and some of each of ``any_of``; both are empty where several slots hold
    the traits together.
    """

    index: int
    kind: int
    group: Group
    amounts: Amounts
    all_of: int
    any_of: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """One search.

    ``slots`` are those of the groups, in their order. ``subtrees`` has the indexes
    of slots that need a common ancestor among them. ``total`` is the sum of all slots;
    ``repeats``: several slots ask for the same class.
    """

    groups: tuple[Group, ...]
    slots: tuple[Slot, ...]
    isolates: bool
    subtrees: tuple[tuple[int, ...], ...]
    root_required: frozenset[int]
    root_forbidden: frozenset[int]
    # Both as bits.
    root_required_bits: int
    root_forbidden_bits: int
    total: Amounts
    repeats: bool


def plan(request: SearchRequest, ids: Ids, bits: TraitBits) -> Plan | None:
    """Turn a request into slots. None: nothing that is stored can match it."""
    if any(mismatch(group, ids) is not None for group in request.groups):
        return None
    return plan_all(request, ids, bits)


def plan_all(request: SearchRequest, ids: Ids, bits: TraitBits) -> Plan:
    """Turn a request into slots, also one that nothing stored can match.

    What is unknown becomes a condition that no provider meets.
    """
    groups = tuple(_group(group, ids, bits) for group in request.groups)
    slots = _slots(_parts(groups))
    of_suffix = {slot.group.suffix: slot.index for slot in slots}
    total = _sum(slots)
    root_required = _known(request.root_required, ids.traits)
    root_forbidden = _known(request.root_forbidden, ids.traits)
    return Plan(
        groups=groups,
        slots=slots,
        isolates=request.isolates,
        subtrees=tuple(
            tuple(sorted(of_suffix[suffix] for suffix in suffixes))
            for suffixes in request.same_subtree
            if len(suffixes) > 1
        ),
        root_required=root_required,
        root_forbidden=root_forbidden,
        root_required_bits=bits.of(root_required),
        root_forbidden_bits=bits.of(root_forbidden),
        total=total,
        repeats=_repeats(slots, total),
    )


def with_parts(
    plan: Plan, parts: collections.abc.Iterable[tuple[Group, Amounts]]
) -> Plan:
    """Return the plan with other slots: a group and amounts for each.

    The slots of one group may have different conditions then. ``subtrees`` stay.
    """
    slots = _slots(parts)
    total = _sum(slots)
    return dataclasses.replace(
        plan,
        groups=tuple(dict.fromkeys(slot.group for slot in slots)),
        slots=slots,
        total=total,
        repeats=_repeats(slots, total),
    )


def plan_group(group: RequestGroup, ids: Ids, bits: TraitBits) -> Group | None:
    """Turn a group into ids. None: nothing that is stored can match it.

    ``mismatch`` returns the reason.
    """
    return None if mismatch(group, ids) is not None else _group(group, ids, bits)


def _group(group: RequestGroup, ids: Ids, bits: TraitBits) -> Group:
    member_of = tuple(_known(uuids, ids.aggregates) for uuids in group.member_of)
    required = tuple(_known(names, ids.traits) for names in group.required)
    forbidden = _known(group.forbidden, ids.traits)
    return Group(
        suffix=group.suffix,
        amounts=tuple(
            sorted(
                (ids.resource_classes[name], amount)
                for name, amount in group.resources.items()
            )
        ),
        required=required,
        forbidden=forbidden,
        member_of=member_of,
        not_member_of=_known(group.not_member_of, ids.aggregates),
        root_id=(
            None if group.in_tree is None else ids.trees.get(group.in_tree, _NOWHERE)
        ),
        required_bits=tuple(bits.of(traits) for traits in required),
        forbidden_bits=bits.of(forbidden),
        is_spread=group.suffix == "",
        is_collective=group.suffix == "" and len(group.resources) > 1,
    )


class Mismatch(typing.NamedTuple):
    """A filter of a group that nothing stored can match.

    ``rule`` is its name; ``value`` is what the request says.
    """

    rule: str
    value: str


def mismatch(group: RequestGroup, ids: Ids) -> Mismatch | None:
    """Return the first filter of a group that nothing stored can match.

    That is the tree of an unknown provider, a set of aggregates that are all unknown,
    or an amount above what an inventory can have as ``max_unit``.
    """
    if group.in_tree is not None and group.in_tree not in ids.trees:
        return Mismatch("in_tree", group.in_tree)
    for uuids in group.member_of:
        if ids.aggregates.keys().isdisjoint(uuids):
            return Mismatch("member_of", ",".join(sorted(uuids)))
    for name, amount in group.resources.items():
        if amount > predicates.MAX_INT:
            return Mismatch("max_unit", f"{name}:{amount}")
    return None


def _known(names: collections.abc.Iterable[str], ids: dict[str, int]) -> frozenset[int]:
    return frozenset(ids[name] for name in names if name in ids)


def _parts(
    groups: collections.abc.Iterable[Group],
) -> collections.abc.Iterator[tuple[Group, Amounts]]:
    """Cut groups into what one provider each has to give."""
    for group in groups:
        if group.is_spread:
            for amount in group.amounts:
                yield group, (amount,)
        else:
            yield group, group.amounts


def _slots(
    parts: collections.abc.Iterable[tuple[Group, Amounts]],
) -> tuple[Slot, ...]:
    slots: list[Slot] = []
    kinds: dict[tuple[object, ...], int] = {}
    for group, amounts in parts:
        wanted = () if group.is_collective else group.required_bits
        all_of = 0
        for bits in wanted:
            all_of |= bits if _is_single(bits) else 0
        any_of = tuple(bits for bits in wanted if not _is_single(bits))
        kind = kinds.setdefault((amounts, _conditions_of(group)), len(kinds))
        slots.append(Slot(len(slots), kind, group, amounts, all_of, any_of))
    return tuple(slots)


def _conditions_of(group: Group) -> tuple[object, ...]:
    return (
        group.required,
        group.forbidden,
        group.member_of,
        group.not_member_of,
        group.root_id,
        group.is_spread,
        group.is_collective,
        group.any_state,
    )


def _is_single(bits: int) -> bool:
    return bits & (bits - 1) == 0


def _repeats(slots: tuple[Slot, ...], total: Amounts) -> bool:
    return len(total) < sum(len(slot.amounts) for slot in slots)


def _sum(slots: collections.abc.Iterable[Slot]) -> Amounts:
    total: dict[int, int] = {}
    for slot in slots:
        for resource_class_id, amount in slot.amounts:
            total[resource_class_id] = total.get(resource_class_id, 0) + amount
    return tuple(sorted(total.items()))
