"""Changes of a request, one condition or rule each, and the plan that they lead to."""

import collections.abc
import dataclasses
import enum
import itertools
import typing

from placement.candidates.explain import rules
from placement.candidates.explain.states import (
    SlotStates,
    State,
    States,
    Step,
    Way,
    Ways,
)
from placement.candidates.model import Amounts
from placement.candidates.query import plan as plans
from placement.candidates.query.plan import Group, Plan, Slot
from placement.candidates.solve import combine

# The most conditions that are changed together.
CHANGES_MAX = 3

# The most sets of changes of one tree that are looked at.
_SETS_MAX = 200


class Kind(enum.IntEnum):
    """What a change does; the order is that in which equal ones are listed."""

    LESS = enum.auto()
    MORE = enum.auto()
    DROP = enum.auto()
    NO_CLASS = enum.auto()
    ANCHOR = enum.auto()
    RULE = enum.auto()


class Change(typing.NamedTuple):
    """A change of one condition.

    ``slot`` is an index. ``at`` is a resource class id (LESS, MORE, NO_CLASS), or the
    number of a step (DROP), of a condition on the anchor, or of a rule.
    """

    kind: Kind
    slot: int
    at: int

    @property
    def has_amount(self) -> bool:
        return self.kind in (Kind.LESS, Kind.MORE)


class To(typing.NamedTuple):
    """The amount that a change leads to, and the condition that it is about."""

    amount: int
    name: str


Changes = frozenset[Change]
Amount = dict[Change, To]


def of_rule(name: str) -> Change:
    return Change(Kind.RULE, -1, list(combine.RULES).index(name))


class Changer:
    """Applies changes to one plan. ``no_offer`` are classes without an inventory."""

    def __init__(
        self,
        plan: Plan,
        states: States,
        one_per_tree: bool,
        no_offer: frozenset[int],
    ) -> None:
        self._plan = plan
        self._states = states
        self._one_per_tree = one_per_tree
        self._no_offer = no_offer
        self._in_subtree = {index for each in plan.subtrees for index in each}

    def is_allowed(self, changes: Changes) -> bool:
        """Every group that must have resources still asks for some after the changes.

        No class of a slot is changed twice.
        """
        changed = [
            (change.slot, change.at)
            for change in changes
            if change.has_amount or change.kind is Kind.NO_CLASS
        ]
        if len(set(changed)) < len(changed):
            return False
        dropped = {
            (change.slot, change.at)
            for change in changes
            if change.kind is Kind.NO_CLASS
        }
        if not dropped:
            return True
        left = False
        for slot in self._plan.slots:
            keeps = any((slot.index, id_) not in dropped for id_, _ in slot.amounts)
            left |= keeps
            is_needed = slot.amounts and not slot.group.is_spread
            if is_needed and not keeps and slot.index not in self._in_subtree:
                return False
        return left

    def changed(
        self, changes: Changes, amounts: collections.abc.Mapping[Change, To]
    ) -> tuple[Plan, bool]:
        """Return the changed plan, and whether ``one_per_tree`` is a rule of it."""
        names = {
            list(combine.RULES)[change.at]
            for change in changes
            if change.kind is Kind.RULE
        }
        any_state = self.ignores_state(changes)
        parts, kept = [], []
        for slot in self._plan.slots:
            of_slot = [change for change in changes if change.slot == slot.index]
            of_class = self._amounts(slot, of_slot, amounts)
            if of_class or not slot.amounts or not slot.group.is_spread:
                kept.append(slot.index)
                group = self._group(slot, of_slot)
                if any_state and group.any_state is None:
                    group = dataclasses.replace(group, any_state=False)
                parts.append((group, of_class))
        plan = plans.with_parts(self._plan, parts)
        plan = dataclasses.replace(
            plan,
            subtrees=tuple(
                tuple(kept.index(index) for index in subtree)
                for subtree in self._plan.subtrees
            ),
            **self._anchor(changes),
        )
        return rules.without(plan, names), (
            self._one_per_tree and "one_per_tree" not in names
        )

    def ignores_state(self, changes: Changes) -> bool:
        """Some slot may have providers that are not in service after the changes.

        The changed plan is then for trees ``rules.with_room``.
        """
        return any(
            change.kind is Kind.DROP and self._step(change).condition.name == "state"
            for change in changes
        )

    def _step(self, change: Change) -> Step:
        return self._states.slots[change.slot].steps[change.at]

    def _amounts(
        self,
        slot: Slot,
        changes: list[Change],
        amounts: collections.abc.Mapping[Change, To],
    ) -> Amounts:
        dropped = {each.at for each in changes if each.kind is Kind.NO_CLASS}
        to = {each.at: amounts[each].amount for each in changes if each.has_amount}
        return tuple(
            (class_id, to.get(class_id, amount))
            for class_id, amount in slot.amounts
            if class_id not in dropped
        )

    def _group(self, slot: Slot, changes: list[Change]) -> Group:
        dropped: dict[str, set[int]] = {}
        for change in changes:
            if change.kind is Kind.DROP:
                step = self._step(change)
                dropped.setdefault(step.condition.name, set()).add(step.number)
        group = slot.group
        if not dropped:
            return group
        no_required, no_member_of = (
            dropped.get("required", ()),
            dropped.get("member_of", ()),
        )
        return dataclasses.replace(
            group,
            required=_without(group.required, no_required),
            required_bits=_without(group.required_bits, no_required),
            member_of=_without(group.member_of, no_member_of),
            **{
                field: empty
                for name, fields in _EMPTY.items()
                if name in dropped
                for field, empty in fields.items()
            },
        )

    def _anchor(self, changes: Changes) -> dict[str, typing.Any]:
        fields: dict[str, typing.Any] = {}
        for change in changes:
            if change.kind is Kind.ANCHOR:
                name = self._states.anchor_steps[change.at][0].name
                fields |= {name: frozenset(), f"{name}_bits": 0}
        return fields

    def sets_of(self, state: State) -> collections.abc.Iterator[tuple[Changes, Amount]]:
        """Yield the changes after which every slot of a tree can be filled.

        Each set is yielded with the amounts that it leads to; some may be yielded that
        are larger than another.
        """
        anchor = frozenset(
            Change(Kind.ANCHOR, -1, at)
            for at in range(len(self._states.anchor_steps))
            if state.anchor & (1 << at)
        )
        found: list[tuple[Changes, Amount]] = [(anchor, {})]
        for slot, ways in zip(self._states.slots, state.slots, strict=True):
            if any(not way.failing for way in ways):
                continue
            options = [one for way in ways for one in self._of_way(slot, way)]
            found = [
                (changes | more, amounts | more_amounts)
                for changes, amounts in found
                for more, more_amounts in options
                if len(changes | more) <= CHANGES_MAX
            ][:_SETS_MAX]
        yield from (one for one in found if self.is_allowed(one[0]))

    def of_slots(
        self, slots: collections.abc.Iterable[Ways]
    ) -> collections.abc.Iterator[tuple[Changes, Amount]]:
        """Yield the changes that let one more provider fill a slot."""
        for slot, ways in zip(self._states.slots, slots, strict=True):
            for way in ways:
                if way.failing:
                    yield from self._of_way(slot, way)

    def _of_way(
        self, slot: SlotStates, way: Way
    ) -> collections.abc.Iterator[tuple[Changes, Amount]]:
        """Yield the changes with which a provider can fill a slot."""
        index = slot.slot.index
        if slot.slot.group.is_spread and way.fixes and way.fixes[0].name == "offers":
            # Without the class nothing is left to be filled.
            ((class_id, _),) = slot.slot.amounts
            if class_id in self._no_offer:
                yield frozenset([Change(Kind.NO_CLASS, index, class_id)]), {}
            return
        dropped = frozenset(
            Change(Kind.DROP, index, at)
            for at, step in enumerate(slot.steps)
            if way.failing & step.bit and not step.is_of_amount
        )
        if len(dropped) + len(way.fixes) > CHANGES_MAX:
            return
        choices: list[list[tuple[Change, To | None]]] = []
        for fix in way.fixes:
            of_fix: list[tuple[Change, To | None]] = []
            if fix.name == "offers" and fix.class_id in self._no_offer:
                of_fix.append((Change(Kind.NO_CLASS, index, fix.class_id), None))
            if fix.less is not None:
                change = Change(Kind.LESS, index, fix.class_id)
                of_fix.append((change, To(fix.less, fix.name)))
            if fix.more is not None:
                change = Change(Kind.MORE, index, fix.class_id)
                of_fix.append((change, To(fix.more, fix.name)))
            choices.append(of_fix)
        for chosen in itertools.product(*choices):
            changes = dropped | {change for change, _ in chosen}
            yield changes, {change: to for change, to in chosen if to is not None}


_Each = typing.TypeVar("_Each")


def _without(
    values: tuple[_Each, ...], numbers: collections.abc.Container[int]
) -> tuple[_Each, ...]:
    return tuple(value for at, value in enumerate(values) if at not in numbers)


# By the name of a condition, the fields of a group without it.
_EMPTY: dict[str, dict[str, typing.Any]] = {
    "in_tree": {"root_id": None},
    "state": {"any_state": True},
    "not_member_of": {"not_member_of": frozenset()},
    "forbidden": {"forbidden": frozenset(), "forbidden_bits": 0},
}
