"""Combine one provider per slot into whole allocation requests, for one anchor."""

import collections.abc
import typing

from placement.candidates.choose import Choices, Listener
from placement.candidates.model import AllocationRequest, ProviderView
from placement.candidates.plan import Plan, Slot
from placement.candidates.seats import Rooms, SeatingPlan, Seats

# The ids of a provider and of its ancestors.
Lines = collections.abc.Callable[[ProviderView], frozenset[int]]

Requests = collections.abc.Iterator[AllocationRequest]

# A tuple where all are known at once.
Combinations = Requests | tuple[AllocationRequest, ...]


def _never() -> None:
    """Nothing to count."""


def combinations(
    plan: Plan,
    choices: Choices,
    line_of: Lines,
    one_per_tree: bool = False,
    tick: collections.abc.Callable[[], None] = _never,
    listener: Listener | None = None,
) -> Combinations:
    """Yield one provider per slot for every way that the slots fit together.

    Each provider fills its slot alone; together they may ask too much of an
    inventory, share a provider that must not be shared, lack a common ancestor or
    a trait that is held together. ``one_per_tree``: they may also not take
    resources from two providers of one tree.

    Slots are placed in the order of how few choices they have, providers in the
    order given. A beginning that breaks a rule is left with everything below it,
    and so is one after which the other slots cannot all be filled any more. Lazy:
    a caller that stops early pays for what it took. ``tick`` is called once per
    provider that is tried, and may raise.
    """
    first = choices[0][0]
    for providers in choices:
        if len(providers) > 1 or providers[0] is not first:
            break
    else:
        return _by_one_provider(plan, first, listener)
    return _Search(plan, choices, line_of, one_per_tree, tick, listener).run()


def _by_one_provider(
    plan: Plan, provider: ProviderView, listener: Listener | None
) -> tuple[AllocationRequest, ...]:
    """The only choice for every slot is the same provider; short for the search."""
    rule = _refusal_of_all(plan, provider)
    if rule is None:
        everything = ((provider, plan.total),) if plan.total else ()
        return (AllocationRequest(everything, ((provider,),) * len(plan.groups)),)
    if listener is not None:
        listener.drop(rule, plan.slots[-1], provider)
    return ()


def _refusal_of_all(plan: Plan, provider: ProviderView) -> str | None:
    if plan.isolates and sum(not group.is_spread for group in plan.groups) > 1:
        return "isolate"
    if plan.repeats and any(
        amount > provider.offers[resource_class_id].room
        for resource_class_id, amount in plan.total
    ):
        return "room"
    for group in plan.groups:
        if (
            group.required_bits
            and group.is_collective
            and not all(provider.traits & wanted for wanted in group.required_bits)
        ):
            return "required"
    return None


class _Beginning(typing.NamedTuple):
    """What the slots placed so far have come to.

    ``held`` are bits of the sets of traits that are met. ``tops`` has, per subtree,
    the providers that may still be the ancestor of all. ``holders`` has the id of
    the provider that gives resources, by root id.
    """

    held: int
    tops: tuple[tuple[ProviderView, ...], ...]
    holders: dict[int, int]
    seats: Seats


class _Search:
    """A depth-first search over the slots of one anchor."""

    def __init__(
        self,
        plan: Plan,
        choices: Choices,
        line_of: Lines,
        one_per_tree: bool,
        tick: collections.abc.Callable[[], None],
        listener: Listener | None,
    ) -> None:
        self._plan = plan
        self._choices = choices
        self._line_of = line_of
        self._one_per_tree = one_per_tree
        self._tick = tick
        self._listener = listener
        self._rooms = Rooms()
        self._chosen: list[ProviderView | None] = [None] * len(plan.slots)

    def run(self) -> Requests:
        tops = self._keep_below_tops() if self._plan.subtrees else ()
        if tops is None:
            return
        self._order = sorted(
            range(len(self._choices)), key=lambda index: len(self._choices[index])
        )
        self._to_come = self._traits_to_come()
        seats: Seats | None = {}
        if self._is_tight():
            self._seating = SeatingPlan(self._plan, self._choices, self._rooms)
            seats = self._seating.start(self._order)
        if seats is not None:
            yield from self._extend(0, _Beginning(0, tops, {}, seats))

    def _extend(self, depth: int, beginning: _Beginning) -> Requests:
        if depth == len(self._order):
            yield self._allocation_request()
            return
        slot = self._plan.slots[self._order[depth]]
        for provider in self._choices[slot.index]:
            self._tick()
            rule = self._refusal(slot, provider, beginning)
            if rule is None:
                self._place(slot, provider)
                extended = self._extended(depth, slot, provider, beginning)
                if isinstance(extended, _Beginning):
                    yield from self._extend(depth + 1, extended)
                else:
                    rule = extended
                self._remove(slot, provider)
            if rule is not None and self._listener is not None:
                self._listener.drop(rule, slot, provider)

    def _refusal(
        self, slot: Slot, provider: ProviderView, beginning: _Beginning
    ) -> str | None:
        """Name the rule that the provider breaks beside those chosen already."""
        if (
            self._plan.isolates
            and not slot.group.is_spread
            and provider.id in self._rooms.taken
        ):
            return "isolate"
        if self._rooms.is_short(slot, provider):
            return "room"
        if (
            self._one_per_tree
            and slot.amounts
            and beginning.holders.get(provider.root_id, provider.id) != provider.id
        ):
            return "one_per_tree"
        return None

    def _place(self, slot: Slot, provider: ProviderView) -> None:
        self._chosen[slot.index] = provider
        self._rooms.place(slot, provider)
        if self._plan.isolates and not slot.group.is_spread:
            self._rooms.taken.add(provider.id)

    def _remove(self, slot: Slot, provider: ProviderView) -> None:
        self._chosen[slot.index] = None
        self._rooms.place(slot, provider, -1)
        if self._plan.isolates and not slot.group.is_spread:
            self._rooms.taken.discard(provider.id)

    def _extended(
        self, depth: int, slot: Slot, provider: ProviderView, beginning: _Beginning
    ) -> _Beginning | str:
        """Return the beginning with the slot placed, or why it leads nowhere."""
        held, tops, holders, seats = beginning
        if slot.group.is_collective and slot.group.required_bits:
            held |= _held(slot, provider)
            if held | self._to_come[depth + 1] != _all_sets(slot):
                return "required"
        if tops:
            below = self._tops_after(slot, provider, tops)
            if below is None:
                return "same_subtree"
            tops = below
        if self._one_per_tree and slot.amounts:
            holders = {**holders, provider.root_id: provider.id}
        if seats:
            others = self._seating.after(slot.index, provider, seats)
            if others is None:
                return "no_seat"
            seats = others
        return _Beginning(held, tops, holders, seats)

    def _keep_below_tops(self) -> tuple[tuple[ProviderView, ...], ...] | None:
        """Find who may be the common ancestor of each subtree.

        Choices below none of them are left out, in a list of our own. None: a
        subtree has nobody.
        """
        choices = list(self._choices)
        all_tops = []
        for subtree in self._plan.subtrees:
            candidates = {one.id: one for index in subtree for one in choices[index]}
            tops = tuple(
                top
                for _, top in sorted(candidates.items())
                if all(
                    any(top.id in self._line_of(one) for one in choices[index])
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
                    if not ids.isdisjoint(self._line_of(one))
                ]
            all_tops.append(tops)
        if not all(choices):
            return None
        self._choices = choices
        return tuple(all_tops)

    def _tops_after(
        self,
        slot: Slot,
        provider: ProviderView,
        tops: tuple[tuple[ProviderView, ...], ...],
    ) -> tuple[tuple[ProviderView, ...], ...] | None:
        """Keep the tops above ``provider`` that are chosen or can still be."""
        kept = list(tops)
        line = self._line_of(provider)
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

    def _may_hold(self, index: int, provider: ProviderView) -> bool:
        chosen = self._chosen[index]
        if chosen is not None:
            return chosen is provider
        return provider in self._choices[index]

    def _traits_to_come(self) -> list[int]:
        """By depth, the sets of traits that the slots from there on may meet."""
        to_come = [0]
        for index in reversed(self._order):
            slot = self._plan.slots[index]
            sets = to_come[-1]
            if slot.group.is_collective and slot.group.required_bits:
                for provider in self._choices[index]:
                    sets |= _held(slot, provider)
            to_come.append(sets)
        return to_come[::-1]

    def _is_tight(self) -> bool:
        """Some provider may be asked by more slots than it can serve."""
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
                    if asked[key] > provider.offers[resource_class_id].room:
                        return True
        return False

    def _allocation_request(self) -> AllocationRequest:
        amounts: dict[int, dict[int, int]] = {}
        by_id: dict[int, ProviderView] = {}
        mappings: dict[str, dict[int, ProviderView]] = {}
        for slot, provider in zip(self._plan.slots, self._chosen, strict=True):
            assert provider is not None
            by_id[provider.id] = provider
            mappings.setdefault(slot.group.suffix, {})[provider.id] = provider
            for resource_class_id, amount in slot.amounts:
                given = amounts.setdefault(provider.id, {})
                given[resource_class_id] = given.get(resource_class_id, 0) + amount
        return AllocationRequest(
            allocations=tuple(
                (by_id[id_], tuple(sorted(given.items())))
                for id_, given in sorted(amounts.items())
            ),
            mappings=tuple(
                tuple(providers.values()) for providers in mappings.values()
            ),
        )


def _held(slot: Slot, provider: ProviderView) -> int:
    """Return, as bits, which of the group's sets of traits the provider meets."""
    held = 0
    for number, wanted in enumerate(slot.group.required_bits):
        if provider.traits & wanted:
            held |= 1 << number
    return held


def _all_sets(slot: Slot) -> int:
    return (1 << len(slot.group.required_bits)) - 1
