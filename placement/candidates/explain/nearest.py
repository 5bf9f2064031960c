"""Describe what fails at single roots, with the numbers."""

import collections.abc
import heapq
import itertools
import operator
import typing

from placement.candidates.explain.states import SlotStates, State, States, Way
from placement.candidates.explain.survey import Survey
from placement.candidates.model import Members, ProviderSnapshot, Tree


class Failure(typing.NamedTuple):
    """A condition that a provider fails.

    ``slot`` and ``step`` are numbers; of a condition on the anchor ``slot`` is None.
    ``class_id`` is set for conditions on an inventory.
    """

    slot: int | None
    step: int
    provider: ProviderSnapshot
    class_id: int | None = None


class NearRoot(typing.NamedTuple):
    """A root, what fails there, and the rule of combining that leaves no candidate."""

    root: ProviderSnapshot
    failures: tuple[Failure, ...]
    rule: str | None


def members_of_nearest(survey: Survey, count: int) -> list[tuple[Members, str | None]]:
    """Return the trees without candidates that lack the least, nearest first.

    Those come first that fail the fewest conditions, then those that lack the smallest
    parts of the amounts, then those with the lower root id.
    """
    ranked: list[tuple[tuple[int, float], list[Members], str | None]] = [
        *(
            (_distance(roots.state, survey.states), roots.members, None)
            for roots in survey.by_state.values()
        ),
        *(((1, 0.0), of_rule, rule) for rule, of_rule in survey.by_rule.items()),
    ]
    ranked.sort(key=_BY_DISTANCE)
    nearest: list[tuple[Members, str | None]] = []
    for _, alike in itertools.groupby(ranked, _BY_DISTANCE):
        left = count - len(nearest)
        if left <= 0:
            break
        found = [
            (members, rule)
            for _, of_state, rule in alike
            for members in survey.first_of(of_state, left)
        ]
        nearest += heapq.nsmallest(left, found, key=_BY_MEMBERS)
    return nearest


_BY_DISTANCE = _BY_MEMBERS = operator.itemgetter(0)


def _distance(state: State, states: States) -> tuple[int, float]:
    number, lacking = state.anchor.bit_count(), 0.0
    for slot, ways in zip(states.slots, state.slots, strict=True):
        if not ways:
            continue
        fewest, part = min(_distance_of(slot, way) for way in ways)
        number += fewest
        lacking += part
    return number, lacking


def _distance_of(slot: SlotStates, way: Way) -> tuple[int, float]:
    asked = dict(slot.slot.amounts)
    lacking = 0.0
    for fix in way.fixes:
        nearest = fix.less or fix.more
        amount = asked[fix.class_id]
        lacking += 1 - min(nearest, amount) / max(nearest, amount) if nearest else 1
    return way.failing.bit_count(), lacking


def failures_of_nearest(states: States, tree: Tree) -> tuple[Failure, ...]:
    """Return what fails at the nearest provider for each slot that none can fill."""
    found = list(_of_anchor(states, tree))
    providers = tree.providers + states.sharing_of(tree)
    for at, slot in enumerate(states.slots):
        ranked = [
            (_distance_of(slot, way), number, way, provider)
            for number, provider in enumerate(providers)
            for way in slot.ways_of(provider, tree.root)
        ]
        _, _, way, provider = min(ranked, key=lambda each: each[:2])
        found += _of_way(slot, at, way, provider)
    return tuple(found)


def all_failures(states: States, tree: Tree) -> tuple[Failure, ...]:
    """Return all that fails in a tree, for every slot and provider."""
    found = list(_of_anchor(states, tree))
    for at, slot in enumerate(states.slots):
        for provider in tree.providers + states.sharing_of(tree):
            ways = slot.ways_of(provider, tree.root)
            way = min(ways, key=lambda way: _distance_of(slot, way))
            found += _of_way(slot, at, way, provider)
    return tuple(found)


def _of_anchor(states: States, tree: Tree) -> collections.abc.Iterator[Failure]:
    failing = states.failing_anchor(tree)
    for at in range(len(states.anchor_steps)):
        if failing & (1 << at):
            yield Failure(None, at, tree.root)


def _of_way(
    slot: SlotStates, at: int, way: Way, provider: ProviderSnapshot
) -> collections.abc.Iterator[Failure]:
    for number, step in enumerate(slot.steps):
        if not way.failing & step.bit:
            continue
        if not step.is_of_amount:
            yield Failure(at, number, provider)
            continue
        for class_id, amount in slot.slot.amounts:
            if slot.fails(step, provider, class_id, amount):
                yield Failure(at, number, provider, class_id)
