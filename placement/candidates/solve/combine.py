"""Combine one provider per slot into whole candidates, for one tree."""

import collections.abc
import typing

from placement.candidates.model import ProviderSnapshot
from placement.candidates.query.plan import Plan, Slot
from placement.candidates.solve.matching import (
    Choices,
    Matcher,
    Matching,
    Reservations,
)

# The rules between the slots of a candidate, by name, with what they say, in the order
# in which they are reported.
RULES = {
    "sum": "the amounts that one provider of the tree serves fit together",
    "isolate": "no two suffixed groups share a provider",
    "same_subtree": "one of the providers of a subtree is the ancestor of the others",
    "collective_traits": (
        "the providers of the unsuffixed group have its traits together"
    ),
    "one_per_tree": "only one provider of each tree gives resources (before 1.29)",
    "shared_pool": "the amounts that one sharing provider serves fit together",
}

# The ids of a provider and of its ancestors.
Ancestors = collections.abc.Callable[[ProviderSnapshot], frozenset[int]]

# One provider per slot.
Combination = tuple[ProviderSnapshot, ...]


def _count_nothing() -> None:
    """Count nothing."""


def combinations(
    plan: Plan,
    choices: Choices,
    ancestors: Ancestors,
    one_per_tree: bool = False,
    tick: collections.abc.Callable[[], None] = _count_nothing,
) -> collections.abc.Iterator[Combination]:
    """Yield one provider per slot for every way that the slots fit together.

    Each of ``choices`` fills its slot alone; ``RULES`` are what they may break
    together. ``one_per_tree`` turns on the rule of that name.

    Slots are assigned in the order of how few choices they have, providers in the
    order given. A partial assignment that breaks a rule is dropped with everything
    below it, and so is one after which the other slots cannot all be filled. Lazy: the
    cost follows what the caller takes. ``tick`` is called once per provider that is
    tried, and may raise.
    """
    return _Search(plan, choices, ancestors, one_per_tree, tick).run()


class _Partial(typing.NamedTuple):
    """The state of a partial assignment.

    ``held`` are bits of the sets of traits that are met. ``tops`` has, per subtree,
    the providers that may still be the ancestor of all. ``givers`` has the id of the
    provider that gives resources, by root id.
    """

    held: int
    tops: tuple[tuple[ProviderSnapshot, ...], ...]
    givers: dict[int, int]
    matching: Matching


class _Search:
    """A depth-first search over the slots of one tree."""

    def __init__(
        self,
        plan: Plan,
        choices: Choices,
        ancestors: Ancestors,
        one_per_tree: bool,
        tick: collections.abc.Callable[[], None],
    ) -> None:
        self._plan = plan
        self._choices = choices
        self._ancestors = ancestors
        self._one_per_tree = one_per_tree
        self._tick = tick
        self._reservations = Reservations()
        self._chosen: list[ProviderSnapshot | None] = [None] * len(plan.slots)

    def run(self) -> collections.abc.Iterator[Combination]:
        tops = self._keep_below_tops() if self._plan.subtrees else ()
        if tops is None:
            return
        self._order = sorted(
            range(len(self._choices)), key=lambda index: len(self._choices[index])
        )
        self._traits_to_come = self._find_traits_to_come()
        matching: Matching | None = {}
        if self._is_contended():
            self._matcher = Matcher(self._plan, self._choices, self._reservations)
            matching = self._matcher.match(self._order)
        if matching is not None:
            yield from self._extend(0, _Partial(0, tops, {}, matching))

    def _extend(
        self, depth: int, partial: _Partial
    ) -> collections.abc.Iterator[Combination]:
        if depth == len(self._order):
            yield typing.cast("Combination", tuple(self._chosen))
            return
        slot = self._plan.slots[self._order[depth]]
        for provider in self._choices[slot.index]:
            self._tick()
            if self._breaks_rule(slot, provider, partial):
                continue
            self._assign(slot, provider)
            extended = self._extended(depth, slot, provider, partial)
            if extended is not None:
                yield from self._extend(depth + 1, extended)
            self._unassign(slot, provider)

    def _breaks_rule(
        self, slot: Slot, provider: ProviderSnapshot, partial: _Partial
    ) -> bool:
        """The provider breaks a rule beside those chosen already."""
        return (
            (
                self._plan.isolates
                and not slot.group.is_spread
                and provider.id in self._reservations.isolated
            )
            or self._reservations.lacks_room(slot, provider)
            or (
                self._one_per_tree
                and bool(slot.amounts)
                and partial.givers.get(provider.root_id, provider.id) != provider.id
            )
        )

    def _assign(self, slot: Slot, provider: ProviderSnapshot) -> None:
        self._chosen[slot.index] = provider
        self._reservations.add(slot, provider)
        if self._plan.isolates and not slot.group.is_spread:
            self._reservations.isolated.add(provider.id)

    def _unassign(self, slot: Slot, provider: ProviderSnapshot) -> None:
        self._chosen[slot.index] = None
        self._reservations.add(slot, provider, -1)
        if self._plan.isolates and not slot.group.is_spread:
            self._reservations.isolated.discard(provider.id)

    def _extended(
        self, depth: int, slot: Slot, provider: ProviderSnapshot, partial: _Partial
    ) -> _Partial | None:
        """Return the state with the slot assigned; None: that breaks a rule."""
        held, tops, givers, matching = partial
        if slot.group.is_collective and slot.group.required_bits:
            held |= held_traits(slot, provider)
            if held | self._traits_to_come[depth + 1] != _all_sets(slot):
                return None
        if tops:
            below = self._tops_after(slot, provider, tops)
            if below is None:
                return None
            tops = below
        if self._one_per_tree and slot.amounts:
            givers = {**givers, provider.root_id: provider.id}
        if matching:
            repaired = self._matcher.after(slot.index, provider, matching)
            if repaired is None:
                return None
            matching = repaired
        return _Partial(held, tops, givers, matching)

    def _keep_below_tops(self) -> tuple[tuple[ProviderSnapshot, ...], ...] | None:
        """Find the providers that may be the common ancestor of each subtree.

        Choices below none of them are left out, in a list of our own. None: some
        subtree has no such provider.
        """
        choices = [list(providers) for providers in self._choices]
        all_tops = []
        for subtree in self._plan.subtrees:
            candidates = {one.id: one for index in subtree for one in choices[index]}
            tops = tuple(
                top
                for _, top in sorted(candidates.items())
                if all(
                    any(top.id in self._ancestors(one) for one in choices[index])
                    for index in subtree
                )
            )
            if not tops:
                return None
            ids = {top.id for top in tops}
            for index in subtree:
                choices[index] = [
                    one
                    for one in choices[index]
                    if not ids.isdisjoint(self._ancestors(one))
                ]
            all_tops.append(tops)
        if not all(choices):
            return None
        self._choices = choices
        return tuple(all_tops)

    def _tops_after(
        self,
        slot: Slot,
        provider: ProviderSnapshot,
        tops: tuple[tuple[ProviderSnapshot, ...], ...],
    ) -> tuple[tuple[ProviderSnapshot, ...], ...] | None:
        """Keep the tops above ``provider`` that are chosen or can still be."""
        kept = list(tops)
        line = self._ancestors(provider)
        for number, subtree in enumerate(self._plan.subtrees):
            if slot.index in subtree:
                kept[number] = tuple(
                    top
                    for top in tops[number]
                    if top.id in line
                    and any(self._may_hold(index, top) for index in subtree)
                )
                if not kept[number]:
                    return None
        return tuple(kept)

    def _may_hold(self, index: int, provider: ProviderSnapshot) -> bool:
        chosen = self._chosen[index]
        if chosen is not None:
            return chosen is provider
        return provider in self._choices[index]

    def _find_traits_to_come(self) -> list[int]:
        """Return, by depth, the sets of traits that the following slots may meet."""
        to_come = [0]
        for index in reversed(self._order):
            slot = self._plan.slots[index]
            sets = to_come[-1]
            if slot.group.is_collective and slot.group.required_bits:
                for provider in self._choices[index]:
                    sets |= held_traits(slot, provider)
            to_come.append(sets)
        return to_come[::-1]

    def _is_contended(self) -> bool:
        """More slots may ask for some provider than it can serve."""
        if self._plan.isolates:
            return sum(not group.is_spread for group in self._plan.groups) > 1
        if not self._plan.repeats:
            return False
        asked: dict[tuple[int, int], int] = {}
        for slot in self._plan.slots:
            for provider in self._choices[slot.index]:
                for resource_class_id, amount in slot.amounts:
                    key = (provider.id, resource_class_id)
                    asked[key] = asked.get(key, 0) + amount
                    if asked[key] > provider.room[resource_class_id]:
                        return True
        return False


def held_traits(slot: Slot, provider: ProviderSnapshot) -> int:
    """Return, as bits, which of the group's sets of traits the provider meets."""
    held = 0
    for number, wanted in enumerate(slot.group.required_bits):
        if provider.traits & wanted:
            held |= 1 << number
    return held


def _all_sets(slot: Slot) -> int:
    return (1 << len(slot.group.required_bits)) - 1
