"""Decide which closed form counts the consumers in trees of one profile.

The slots of a request are split into parts that compete for nothing: no two parts ask
for the same class of the same provider, and no rule of combining connects them. A part
is exact if it is one provider for each slot, a number of equal slots, or a subtree
below one of several providers. Other parts get an upper bound.
"""

import collections.abc
import typing

from placement.candidates.capacity.forms import Equal, Form, Least, Sum, Total
from placement.candidates.model import Amounts, ProviderSnapshot, Tree
from placement.candidates.query.plan import Plan, Slot

# The positions of the providers that can serve each slot, by the index of the slot.
_Choices = dict[int, tuple[int, ...]]


class Part(typing.NamedTuple):
    """Slots that compete with no others; ``form`` is an upper bound unless exact."""

    slots: tuple[Slot, ...]
    form: Form
    is_exact: bool


class Analysis(typing.NamedTuple):
    """The parts of a request in one profile.

    ``choices`` has the positions of the providers that can serve each slot, without
    those that never can because of the other slots.
    """

    parts: tuple[Part, ...]
    choices: tuple[tuple[int, ...], ...]

    @property
    def is_exact(self) -> bool:
        return all(part.is_exact for part in self.parts)


def analyse(
    plan: Plan,
    tree: Tree,
    providers: collections.abc.Sequence[ProviderSnapshot],
    choices: collections.abc.Sequence[tuple[int, ...]],
    one_per_tree: bool,
) -> Analysis | None:
    """Return the parts of a request. None: no combination is ever possible.

    ``providers`` are those of the tree, then the sharing ones. ``choices`` has, for
    each slot, the positions of providers whose unit rules allow the amounts.
    """
    analyser = _Analyser(plan, tree, providers, one_per_tree)
    reduced = analyser.reduced(dict(enumerate(choices)))
    if reduced is None:
        return None
    parts = analyser.parts(reduced)
    if parts is None:
        return None
    return Analysis(tuple(parts), tuple(reduced[slot.index] for slot in plan.slots))


class _Analyser:
    def __init__(
        self,
        plan: Plan,
        tree: Tree,
        providers: collections.abc.Sequence[ProviderSnapshot],
        one_per_tree: bool,
    ) -> None:
        self._plan = plan
        self._count = len(tree.providers)
        self._providers = providers
        self._lines = lines(tree)
        self._one_per_tree = one_per_tree

    def reduced(self, choices: _Choices) -> _Choices | None:
        """Leave out providers without a trait that no other slot can bring along."""
        while True:
            before = choices
            for group in self._plan.groups:
                if not group.is_collective:
                    continue
                slots = [slot for slot in self._plan.slots if slot.group is group]
                for wanted in group.required_bits:
                    holding = [
                        slot for slot in slots if self._some(slot, choices, wanted)
                    ]
                    if not holding:
                        return None
                    if len(holding) == 1:
                        index = holding[0].index
                        kept = tuple(
                            at
                            for at in choices[index]
                            if self._providers[at].traits & wanted
                        )
                        choices = choices | {index: kept}
            if choices == before:
                return choices

    def _some(self, slot: Slot, choices: _Choices, wanted: int) -> bool:
        return any(self._providers[at].traits & wanted for at in choices[slot.index])

    def parts(self, choices: _Choices) -> list[Part] | None:
        """Return the parts of all slots; None: they never combine."""
        slots = self._plan.slots
        if self._one_per_tree and self._is_nested(choices):
            return self._parts_of_one_provider(choices)
        subtrees = [set(one) for one in self._plan.subtrees]
        found = []
        for component in self._components(slots, choices, subtrees):
            within = [
                one for one in subtrees if not one.isdisjoint(_indexes(component))
            ]
            part = self._part(component, choices, within)
            if part is None:
                return None
            found.append(part)
        return found

    def _is_nested(self, choices: _Choices) -> bool:
        """Several providers of one tree could give resources."""
        giving = {at for index, of_slot in choices.items() for at in of_slot}
        roots = [self._providers[at].root_id for at in giving]
        return len(set(roots)) < len(roots)

    def _parts_of_one_provider(self, choices: _Choices) -> list[Part] | None:
        """Before 1.29, one provider of a tree serves all slots."""
        slots = self._plan.slots
        is_own = all(at < self._count for each in choices.values() for at in each)
        if not is_own or not all(slot.amounts for slot in slots):
            return [Part(slots, self._bound(slots, choices), False)]
        ways = []
        for at in sorted(set.intersection(*map(set, choices.values()))):
            way = self._forced(slots, dict.fromkeys(choices, (at,)), [])
            held = all(
                self._providers[at].traits & wanted
                for group in self._plan.groups
                for wanted in group.required_bits
            )
            if way is not None and held:
                ways.append(way)
        return [Part(slots, Sum(ways), True)] if ways else None

    def _components(
        self,
        slots: collections.abc.Iterable[Slot],
        choices: _Choices,
        subtrees: list[set[int]],
    ) -> list[tuple[Slot, ...]]:
        """Split slots into groups that have nothing in common."""
        found: list[tuple[set[object], list[Slot]]] = []
        for slot in slots:
            keys = self._keys(slot, choices, subtrees)
            members = [slot]
            apart = []
            for other in found:
                if keys.isdisjoint(other[0]):
                    apart.append(other)
                else:
                    keys |= other[0]
                    members = other[1] + members
            found = [*apart, (keys, members)]
        ordered = (sorted(members, key=lambda one: one.index) for _, members in found)
        return sorted(map(tuple, ordered), key=lambda members: members[0].index)

    def _keys(
        self, slot: Slot, choices: _Choices, subtrees: list[set[int]]
    ) -> set[object]:
        """Return what the slot must not have in common with those of other parts."""
        positions = choices[slot.index]
        keys: set[object] = {(at, id_) for at in positions for id_, _ in slot.amounts}
        if self._plan.isolates and not slot.group.is_spread:
            keys.update(("isolate", at) for at in positions)
        for number, subtree in enumerate(subtrees):
            if slot.index in subtree and not self._is_always_below(subtree, choices):
                keys.add(("subtree", number))
        if slot.group.is_collective:
            keys.update(
                ("traits", id(slot.group), wanted)
                for wanted in slot.group.required_bits
                if not self._is_always_held(slot, choices, wanted)
            )
        return keys

    def _is_always_below(self, subtree: set[int], choices: _Choices) -> bool:
        """Some slot has only providers above those of all slots of the subtree."""
        below = {at for index in subtree for at in choices[index]}
        return any(
            all(self._is_above(top, at) for top in choices[index] for at in below)
            for index in subtree
        )

    def _is_above(self, top: int, at: int) -> bool:
        return top == at or (at < self._count and top in self._lines[at])

    def _is_always_held(self, slot: Slot, choices: _Choices, wanted: int) -> bool:
        """All providers of some slot of the group have a trait of the set."""
        return any(
            all(self._providers[at].traits & wanted for at in choices[other.index])
            for other in self._plan.slots
            if other.group is slot.group
        )

    def _part(
        self, slots: tuple[Slot, ...], choices: _Choices, subtrees: list[set[int]]
    ) -> Part | None:
        subtrees = [one for one in subtrees if not self._is_always_below(one, choices)]
        is_held = all(
            self._is_always_held(slot, choices, wanted)
            for slot in slots
            if slot.group.is_collective
            for wanted in slot.group.required_bits
        )
        is_own = all(at < self._count for one in slots for at in choices[one.index])
        if is_held and all(len(choices[slot.index]) == 1 for slot in slots):
            if not subtrees or is_own:
                form = self._forced(slots, choices, subtrees)
                return None if form is None else Part(slots, form, True)
        elif is_held and not subtrees and self._are_equal(slots, choices):
            form = self._equal(slots, choices)
            return None if form is None else Part(slots, form, True)
        elif (
            is_held and len(subtrees) == 1 and is_own and _indexes(slots) == subtrees[0]
        ):
            ways = self._ways_below(slots, choices)
            if ways is not None:
                return Part(slots, Sum(ways), True) if ways else None
        return Part(slots, self._bound(slots, choices), False)

    def _forced(
        self, slots: tuple[Slot, ...], choices: _Choices, subtrees: list[set[int]]
    ) -> Form | None:
        """Return the form of slots that have one provider each."""
        if subtrees:
            return None
        taken: dict[int, dict[int, int]] = {}
        isolated = set()
        for slot in slots:
            (at,) = choices[slot.index]
            if self._plan.isolates and not slot.group.is_spread:
                if at in isolated:
                    return None
                isolated.add(at)
            of_provider = taken.setdefault(at, {})
            for class_id, amount in slot.amounts:
                of_provider[class_id] = of_provider.get(class_id, 0) + amount
        forms = []
        for at, total in taken.items():
            offers = self._providers[at].offers
            if any(amount > offers[id_].max_unit for id_, amount in total.items()):
                return None
            forms.append(Equal(tuple(sorted(total.items())), 1, {at: 1}))
        return forms[0] if len(forms) == 1 else Least(forms)

    def _are_equal(self, slots: tuple[Slot, ...], choices: _Choices) -> bool:
        keys = {
            (
                slot.amounts,
                frozenset(choices[slot.index]),
                self._plan.isolates and slot.group.is_spread,
            )
            for slot in slots
        }
        return len(keys) == 1

    def _equal(self, slots: tuple[Slot, ...], choices: _Choices) -> Equal | None:
        form = self._equal_bound(slots, choices)
        is_possible = sum(form.most.values()) >= form.slot_count
        return form if is_possible else None

    def _equal_bound(self, slots: tuple[Slot, ...], choices: _Choices) -> Equal:
        first = slots[0]
        is_isolated = self._plan.isolates and not first.group.is_spread
        most = {
            at: 1 if is_isolated else self._most(at, first.amounts, len(slots))
            for at in choices[first.index]
        }
        return Equal(first.amounts, len(slots), most)

    def _most(self, at: int, amounts: Amounts, slot_count: int) -> int:
        """Return how many equal slots a provider may serve for one consumer."""
        offers = self._providers[at].offers
        return min(
            (offers[class_id].max_unit // amount for class_id, amount in amounts),
            default=slot_count,
        )

    def _ways_below(
        self, slots: tuple[Slot, ...], choices: _Choices
    ) -> list[Form] | None:
        """Return a form for each provider that may be above the others of a subtree.

        None: the ways are not distinct.
        """
        seen: set[int] = set()
        ways: list[Form] = []
        for top in sorted({at for slot in slots for at in choices[slot.index]}):
            below = {
                slot.index: tuple(
                    at for at in choices[slot.index] if self._is_above(top, at)
                )
                for slot in slots
            }
            if not all(below.values()):
                continue
            if not any(of_slot == (top,) for of_slot in below.values()):
                at_top = [index for index, of_slot in below.items() if top in of_slot]
                if len(at_top) > 1:
                    return None
                below[at_top[0]] = (top,)
            used = {at for of_slot in below.values() for at in of_slot}
            if not used.isdisjoint(seen):
                return None
            seen |= used
            parts = [
                self._part(component, below, [])
                for component in self._components(slots, below, [])
            ]
            possible = [part for part in parts if part is not None]
            if len(possible) < len(parts):
                continue
            if not all(part.is_exact for part in possible):
                return None
            ways.append(Least([part.form for part in possible]))
        return ways

    def _bound(self, slots: tuple[Slot, ...], choices: _Choices) -> Form:
        """Return an upper bound: each kind of slots alone, and each class as a sum."""
        kinds: dict[object, list[Slot]] = {}
        total: dict[int, int] = {}
        positions: dict[int, set[int]] = {}
        for slot in slots:
            key = (
                slot.amounts,
                frozenset(choices[slot.index]),
                slot.group.is_spread,
            )
            kinds.setdefault(key, []).append(slot)
            for class_id, amount in slot.amounts:
                total[class_id] = total.get(class_id, 0) + amount
                positions.setdefault(class_id, set()).update(choices[slot.index])
        forms: list[Form] = [
            self._equal_bound(tuple(equal), choices) for equal in kinds.values()
        ]
        forms += [
            Total(class_id, amount, sorted(positions[class_id]))
            for class_id, amount in total.items()
        ]
        return Least(forms)


def lines(tree: Tree) -> list[frozenset[int]]:
    """Return the positions of each provider of a tree and its ancestors."""
    found = []
    for at in range(len(tree.providers)):
        line = set()
        above: int | None = at
        while above is not None:
            line.add(above)
            above = tree.parents[above]
        found.append(frozenset(line))
    return found


def _indexes(slots: collections.abc.Iterable[Slot]) -> set[int]:
    return {slot.index for slot in slots}
