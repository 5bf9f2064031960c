"""A matching is kept exactly as long as the slots can all be filled."""

import itertools
import random

from placement.candidates.solve.matching import Matcher, Reservations
from tests.unit.candidates.solve.test_combine import GPU, group_of, plan_of, provider


def world(seed):
    """Return a plan of equal amounts, or of isolated groups, and its choices.

    Then the condition is exact: a matching exists if and only if the slots fit.
    """
    draw = random.Random(seed)
    devices = [provider(10 + n, {GPU: draw.randint(1, 3)}) for n in range(4)]
    groups = [group_of(f"_{n}", ((GPU, 1),)) for n in range(draw.randint(2, 5))]
    plan = plan_of(groups, isolates=draw.randrange(2) == 0)
    choices = [
        sorted(draw.sample(devices, draw.randint(1, 3)), key=lambda one: one.id)
        for _ in groups
    ]
    return plan, choices


def fits(plan, assigned):
    """Say whether slots fit with these providers, None being open ones."""
    chosen = [one for one in assigned if one is not None]
    most = {one.id: 1 if plan.isolates else one.room[GPU] for one in chosen}
    return all(
        sum(one.id == id_ for one in chosen) <= count for id_, count in most.items()
    )


def can_fill_all(plan, choices, assigned):
    """The twin: try every assignment of the open slots."""
    options = [
        of_slot if one is None else [one]
        for of_slot, one in zip(choices, assigned, strict=True)
    ]
    return any(fits(plan, combination) for combination in itertools.product(*options))


def test_a_matching_exists_if_all_slots_can_be_filled():
    matched = 0
    for seed in range(400):
        plan, choices = world(seed)
        matcher = Matcher(plan, choices, Reservations())

        matching = matcher.match(range(len(choices)))

        possible = can_fill_all(plan, choices, [None] * len(choices))
        assert (matching is not None) == possible, seed
        if matching is not None:
            assert fits(plan, list(matching.values()))
            assert all(one in choices[index] for index, one in matching.items())
            matched += 1
    assert 100 < matched < 400


def test_a_repaired_matching_equals_a_new_one():
    repaired = given_up = 0
    for seed in range(400):
        plan, choices = world(seed)
        draw = random.Random(seed)
        reservations = Reservations()
        matcher = Matcher(plan, choices, reservations)
        matching = matcher.match(range(len(choices)))
        assigned = [None] * len(choices)
        for index in draw.sample(range(len(choices)), len(choices)):
            if matching is None:
                break
            one = draw.choice(choices[index])
            assigned[index] = one
            if not fits(plan, assigned):
                break
            reservations.add(plan.slots[index], one)
            if plan.isolates:
                reservations.isolated.add(one.id)
            before = dict(matching)

            after = matcher.after(index, one, matching)

            assert matching == before
            possible = can_fill_all(plan, choices, assigned)
            assert (after is not None) == possible, seed
            given_up += after is None
            repaired += after is not None
            matching = after
    assert repaired > 300
    assert given_up > 30


def test_reservations_are_given_back():
    slot = plan_of([group_of("_A", ((GPU, 2),))]).slots[0]
    one, reservations = provider(10, {GPU: 3}), Reservations()

    assert not reservations.lacks_room(slot, one)
    reservations.add(slot, one)
    assert reservations.left(one, GPU) == 1
    assert reservations.lacks_room(slot, one)
    reservations.add(slot, one, -1)
    assert reservations.left(one, GPU) == 3
    assert not reservations.lacks_room(slot, one)


def test_slots_without_resources_need_no_matching():
    plan = plan_of([group_of("_A", ()), group_of("_B", ((GPU, 1),))])
    one = provider(10, {GPU: 1})
    matcher = Matcher(plan, [[one], [one]], Reservations())

    assert matcher.match([0, 1]) == {1: one}
