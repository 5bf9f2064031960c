"""A fast path for trees of one provider, a page at a time.

If a tree has one provider, and no sharing provider serves it, that provider fills all
slots or none. All conditions of the plan then become one list, which is evaluated for
a whole page. If sharing providers serve it, its placements follow from which slots its
own provider can fill, and from its aggregates. For these trees ``feasibility`` and
``patterns`` give the same results; a test compares.
"""

import bisect
import collections.abc
import dataclasses

import numpy as np

from placement.candidates.arrays import (
    Booleans,
    Definition,
    FlatArrays,
    is_in_service,
)
from placement.candidates.model import Placement, Tree
from placement.candidates.query.plan import Plan, Slot
from placement.candidates.solve.feasibility import (
    Sharing,
    checks_state,
    infeasible_reason,
    rules_of,
)
from placement.candidates.solve.patterns import Placements

# Each slot doubles the number of kinds of trees. Before any slot that is less than 2 to
# the 40th: the number of definitions on a page, times that of sharing providers.
SLOTS_PER_RENUMBERING = 16


@dataclasses.dataclass(frozen=True, slots=True)
class FlatConditions:
    """The conditions of all slots on one provider. ``is_possible``: one may fill all.

    ``none_of``, ``all_of`` and ``any_of`` are sets of traits as bits.
    """

    plan: Plan
    is_possible: bool
    all_of: int
    any_of: tuple[int, ...]
    none_of: int
    member_of: tuple[frozenset[int], ...]
    not_member_of: frozenset[int]
    root_ids: frozenset[int]
    checks_state: bool
    placement: Placement

    @classmethod
    def of(cls, plan: Plan) -> "FlatConditions":
        required = [bits for group in plan.groups for bits in group.required_bits]
        single = [bits for bits in required if bits & (bits - 1) == 0]
        all_of = plan.root_required_bits
        for bits in single:
            all_of |= bits
        none_of = plan.root_forbidden_bits
        for group in plan.groups:
            none_of |= group.forbidden_bits
        root_ids = frozenset(
            group.root_id for group in plan.groups if group.root_id is not None
        )
        suffixed = sum(not group.is_spread for group in plan.groups)
        return cls(
            plan=plan,
            is_possible=len(root_ids) < 2
            and all(required)
            and not (plan.isolates and suffixed > 1),
            all_of=all_of,
            any_of=tuple(dict.fromkeys(bits for bits in required if bits & (bits - 1))),
            none_of=none_of,
            member_of=tuple(
                dict.fromkeys(ids for group in plan.groups for ids in group.member_of)
            ),
            not_member_of=frozenset().union(
                *(group.not_member_of for group in plan.groups)
            ),
            root_ids=root_ids,
            checks_state=any(map(checks_state, plan.groups)),
            placement=Placement(
                allocations=((0, plan.total),) if plan.total else (),
                mappings=((0,),) * len(plan.groups),
            ),
        )

    def meeting(
        self, trees: list[Tree], arrays: FlatArrays | None = None
    ) -> list[Tree]:
        """Return the trees whose provider fills all slots, in their order.

        ``arrays`` are those of ``trees``.
        """
        if not self.is_possible:
            return []
        if arrays is not None and not self.root_ids and self.plan.total:
            able = arrays.able(self.admission, self.plan.total)
            if not able.all():
                trees = [trees[row] for row in np.flatnonzero(able).tolist()]
            return trees if arrays.is_regular.all() else self._with_units(trees)
        if self.root_ids:
            trees = [tree for tree in trees if tree.root.id in self.root_ids]
        if self.checks_state:
            trees = [tree for tree in trees if tree.root.is_in_service]
        # Traits and aggregates first: comparing them is cheaper than looking up rooms.
        all_of, none_of = self.all_of, self.none_of
        if all_of:
            trees = [tree for tree in trees if tree.root.traits & all_of == all_of]
        if none_of:
            trees = [tree for tree in trees if not tree.root.traits & none_of]
        for any_of in self.any_of:
            trees = [tree for tree in trees if tree.root.traits & any_of]
        for wanted in self.member_of:
            trees = [
                tree for tree in trees if not wanted.isdisjoint(tree.root.aggregates)
            ]
        if self.not_member_of:
            barred = self.not_member_of
            trees = [tree for tree in trees if barred.isdisjoint(tree.root.aggregates)]
        for class_id, amount in self.plan.total:
            trees = [
                tree for tree in trees if tree.root.room.get(class_id, 0) >= amount
            ]
        return self._with_units(trees)

    def _with_units(self, trees: list[Tree]) -> list[Tree]:
        """Return the trees that meet each ``min_unit`` and ``step_size``."""
        return [
            tree
            for tree in trees
            if tree.root.inventories.is_regular or self._meets_units(tree)
        ]

    @property
    def _has_filters(self) -> bool:
        """The request asks for traits or aggregates, or excludes some."""
        return bool(
            self.all_of
            or self.none_of
            or self.any_of
            or self.member_of
            or self.not_member_of
        )

    @property
    def admission(self) -> collections.abc.Callable[[Definition], bool]:
        """Return ``admits``, or what is equal to it and faster."""
        # Many requests have no filters, and clouds have hundreds of definitions.
        if self.is_possible and not self._has_filters:
            return is_in_service
        return self.admits

    def admits(self, host: Definition) -> bool:
        """Return whether a host may serve the request, whatever room it has.

        Only for requests without ``root_ids``.
        """
        traits, aggregates = host.traits, host.aggregates
        return (
            self.is_possible
            and host.is_in_service
            and traits & self.all_of == self.all_of
            and not traits & self.none_of
            and all(traits & any_of for any_of in self.any_of)
            and not any(wanted.isdisjoint(aggregates) for wanted in self.member_of)
            and self.not_member_of.isdisjoint(aggregates)
        )

    def _meets_units(self, tree: Tree) -> bool:
        """Return whether the amounts meet each ``min_unit`` and ``step_size``."""
        return all(
            infeasible_reason(slot, tree.root, rules_of(slot)) is None
            for slot in self.plan.slots
        )


class SharedFlat:
    """The placements of trees of one provider that sharing providers may serve.

    ``placements_of`` finds those of any tree.

    ``is_possible``: no slots share what they take or have together, so that amounts
    and traits matter to each slot alone.
    """

    def __init__(
        self,
        plan: Plan,
        sharing: Sharing,
        placements_of: collections.abc.Callable[[Tree], Placements | None],
    ) -> None:
        self._placements_of = placements_of
        self.is_possible = not plan.repeats and not any(
            group.is_collective and group.required_bits for group in plan.groups
        )
        kinds = {slot.kind: slot for slot in plan.slots}
        self._slots = list(kinds.values())
        self._sharing_ids = [one.id for one in sharing.providers]
        self._root_traits = plan.root_required_bits | plan.root_forbidden_bits
        self._placements: dict[object, Placements | None] = {}

    def placements(
        self, trees: list[Tree]
    ) -> collections.abc.Iterator[Placements | None]:
        """Yield the placements in each tree; None: it cannot serve the request."""
        columns = [self._fits(slot, trees) for slot in self._slots]
        for tree, fits in zip(trees, zip(*columns, strict=True), strict=True):
            if tree.has_sharing:
                yield self._placements_of(tree)
                continue
            root = tree.root
            key = (
                fits,
                root.aggregates,
                bisect.bisect(self._sharing_ids, root.id),
                root.traits & self._root_traits,
            )
            if key not in self._placements:
                self._placements[key] = self._placements_of(tree)
            yield self._placements[key]

    def placements_by_arrays(
        self, trees: list[Tree], arrays: FlatArrays
    ) -> collections.abc.Iterator[Placements | None]:
        """Yield what ``placements`` does; ``arrays`` are those of ``trees``.

        Trees of one kind have the same: those with the same definition, slots and
        place among the sharing providers.
        """
        root_ids = np.array([tree.root.id for tree in trees], np.int64)
        kind = arrays.definition_of * (len(self._sharing_ids) + 1)
        kind += np.searchsorted(self._sharing_ids, root_ids, side="right")
        for number, slot in enumerate(self._slots, start=1):
            kind = kind * 2 + self._fits_by_arrays(slot, trees, arrays)
            if number % SLOTS_PER_RENUMBERING == 0:
                # The numbers stay below 64 bits.
                kind = np.unique(kind, return_inverse=True)[1]
        _, first, kind = np.unique(kind, return_index=True, return_inverse=True)
        of_kind = [self._placements_of(trees[row]) for row in first.tolist()]
        for tree, number in zip(trees, kind.tolist(), strict=True):
            yield self._placements_of(tree) if tree.has_sharing else of_kind[number]

    def _fits_by_arrays(
        self, slot: Slot, trees: list[Tree], arrays: FlatArrays
    ) -> Booleans:
        if _is_simple(slot) and arrays.is_regular.all():
            return arrays.has_room(*slot.amounts[0])
        return np.array(self._fits(slot, trees), np.bool_)

    def _fits(self, slot: Slot, trees: list[Tree]) -> list[bool]:
        """Say of each tree whether its own provider fills a slot."""
        group = slot.group
        rules = rules_of(slot)
        if _is_simple(slot):
            ((class_id, amount),) = slot.amounts
            return [
                tree.root.room.get(class_id, 0) >= amount
                and (
                    tree.root.inventories.is_regular
                    or bool(rules[0].holds(slot, tree.root))
                )
                for tree in trees
            ]
        return [
            group.root_id in (None, tree.root.id)
            and infeasible_reason(slot, tree.root, rules) is None
            for tree in trees
        ]


def _is_simple(slot: Slot) -> bool:
    """The slot asks for one amount, and for nothing else."""
    return (
        len(slot.amounts) == 1
        and len(rules_of(slot)) == 1
        and slot.group.root_id is None
    )
