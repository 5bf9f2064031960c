"""Combining is compared with a model that forms the whole product."""

import itertools
import random

import pytest

from placement.candidates.query.plan import Group, Plan, Slot
from placement.candidates.solve import combine
from placement.objects.inventory import Inventory
from tests.unit.candidates.solve.trees import snapshot

GPU, CPU = 8, 0
PARENTS = {1: None, 2: 1, 3: 1, 4: 2, 5: 2, 6: 3}


def provider(id_, rooms, traits=0):
    return snapshot(
        id_,
        {
            class_id: Inventory(class_id, room).offer()
            for class_id, room in rooms.items()
        },
        root_id=1 if id_ in PARENTS else id_,
        parent_id=PARENTS.get(id_),
        traits=traits,
    )


def line_of(one):
    line, id_ = set(), one.id
    while id_ is not None:
        line.add(id_)
        id_ = PARENTS.get(id_)
    return frozenset(line)


def group_of(suffix, amounts, required_bits=()):
    is_spread = suffix == ""
    return Group(
        suffix=suffix,
        amounts=amounts,
        required=(),
        forbidden=frozenset(),
        member_of=(),
        not_member_of=frozenset(),
        root_id=None,
        required_bits=required_bits,
        forbidden_bits=0,
        is_spread=is_spread,
        is_collective=is_spread and len(amounts) > 1,
    )


def plan_of(groups, isolates=False, subtrees=()):
    slots = []
    for group in groups:
        parts = (
            [(one,) for one in group.amounts] if group.is_spread else [group.amounts]
        )
        for amounts in parts:
            slots.append(Slot(len(slots), len(slots), group, amounts, 0, ()))
    total = {}
    for slot in slots:
        for class_id, amount in slot.amounts:
            total[class_id] = total.get(class_id, 0) + amount
    return Plan(
        groups=tuple(groups),
        slots=tuple(slots),
        isolates=isolates,
        subtrees=tuple(subtrees),
        root_required=frozenset(),
        root_forbidden=frozenset(),
        root_required_bits=0,
        root_forbidden_bits=0,
        total=tuple(sorted(total.items())),
        repeats=len(total) < sum(len(slot.amounts) for slot in slots),
    )


def named(plan, combination):
    """Return the amounts by provider, and the provider of each group."""
    taken, by_group = {}, {}
    for slot, one in zip(plan.slots, combination, strict=True):
        by_group.setdefault(slot.group.suffix, set()).add(one.id)
        for class_id, amount in slot.amounts:
            of_provider = taken.setdefault(one.id, {})
            of_provider[class_id] = of_provider.get(class_id, 0) + amount
    return (
        tuple((id_, tuple(sorted(taken[id_].items()))) for id_ in sorted(taken)),
        tuple(frozenset(by_group[group.suffix]) for group in plan.groups),
    )


def every_combination(plan, choices, one_per_tree):
    """The model: the whole product, and then what breaks no rule."""
    found = set()
    for chosen in itertools.product(*choices):
        asked, by_group = {}, {}
        for slot, one in zip(plan.slots, chosen, strict=True):
            by_group.setdefault(slot.group.suffix, set()).add(one)
            for class_id, amount in slot.amounts:
                of_provider = asked.setdefault(one.id, {})
                of_provider[class_id] = of_provider.get(class_id, 0) + amount
        by_id = {one.id: one for one in chosen}
        alone = [
            one for s, one in zip(plan.slots, chosen, strict=True) if s.group.suffix
        ]
        if any(
            amount > by_id[id_].offers[class_id].room
            for id_, amounts in asked.items()
            for class_id, amount in amounts.items()
        ):
            continue
        if plan.isolates and len(set(alone)) < len(alone):
            continue
        if any(
            not any(
                all(chosen[top].id in line_of(chosen[index]) for index in subtree)
                for top in subtree
            )
            for subtree in plan.subtrees
        ):
            continue
        if any(
            not any(one.traits & wanted for one in by_group[group.suffix])
            for group in plan.groups
            if group.is_collective
            for wanted in group.required_bits
        ):
            continue
        if one_per_tree and len({by_id[id_].root_id for id_ in asked}) < len(asked):
            continue
        found.add(named(plan, chosen))
    return found


def small_world(seed):
    draw = random.Random(seed)
    providers = [
        provider(
            id_,
            {GPU: draw.randint(1, 4), CPU: draw.randint(1, 4)},
            traits=draw.randrange(4),
        )
        for id_ in (1, 2, 3, 4, 5, 6, 9)
    ]
    suffixes = draw.sample("ABCD", draw.randint(1, 4))
    groups = [group_of(s, ((GPU, draw.randint(1, 2)),)) for s in suffixes]
    if draw.randrange(3) == 0:
        groups[-1] = group_of(suffixes[-1], ())
    if draw.randrange(2) == 0:
        wanted = draw.choice([(), (1,), (1, 2), (3,)])
        groups.insert(0, group_of("", ((CPU, 1), (GPU, 1)), wanted))
    subtrees = []
    plan = plan_of(groups)
    granular = [slot.index for slot in plan.slots if slot.group.suffix]
    if len(granular) > 1 and draw.randrange(2) == 0:
        subtrees = [
            tuple(sorted(draw.sample(granular, draw.randint(2, len(granular)))))
        ]
    plan = plan_of(groups, isolates=draw.randrange(2) == 0, subtrees=subtrees)
    choices = [
        [
            one
            for one in sorted(
                draw.sample(providers, draw.randint(1, 5)), key=lambda one: one.id
            )
            if all(amount <= one.offers[c].room for c, amount in slot.amounts)
        ]
        for slot in plan.slots
    ]
    return plan, choices


@pytest.mark.parametrize("one_per_tree", [False, True])
def test_combining_finds_what_trying_everything_finds(one_per_tree):
    for seed in range(600):
        plan, choices = small_world(seed)
        if not all(choices):
            continue

        found = [
            named(plan, one)
            for one in combine.combinations(plan, choices, line_of, one_per_tree)
        ]

        assert len(found) == len(set(found)), seed
        assert set(found) == every_combination(plan, choices, one_per_tree), seed


def equal_devices(count, devices, room, isolates):
    groups = [group_of(f"_{n}", ((GPU, 1),)) for n in range(count)]
    choices = [[provider(10 + n, {GPU: room}) for n in range(devices)]] * count
    return plan_of(groups, isolates=isolates), choices


@pytest.mark.parametrize("isolates", [False, True])
@pytest.mark.parametrize("count", [8, 16])
def test_the_first_candidate_of_equal_devices_takes_few_steps(count, isolates):
    steps = []
    plan, choices = equal_devices(count, count, 1, isolates)

    first = next(
        combine.combinations(plan, choices, line_of, tick=lambda: steps.append(1))
    )

    assert len({one.id for one in first}) == count
    assert len(steps) <= count * count


@pytest.mark.parametrize("isolates", [False, True])
def test_one_device_too_few_is_seen_before_any_step(isolates):
    steps = []
    plan, choices = equal_devices(16, 15, 1, isolates)

    found = combine.combinations(plan, choices, line_of, tick=lambda: steps.append(1))

    assert list(found) == []
    assert steps == []


def test_slots_with_few_choices_do_not_lose_them_to_others():
    one, two, three = (provider(10 + n, {GPU: 1}) for n in range(3))
    groups = [group_of(s, ((GPU, 1),)) for s in ("_A", "_B", "_C")]
    plan = plan_of(groups, isolates=True)
    choices = [[one, two, three], [one, two], [one]]

    found = list(combine.combinations(plan, choices, line_of))

    assert [tuple(one.id for one in combination) for combination in found] == [
        (12, 11, 10)
    ]


def test_combining_stops_where_the_caller_stops():
    steps = []
    plan, choices = equal_devices(16, 16, 8, isolates=False)

    found = combine.combinations(plan, choices, line_of, tick=lambda: steps.append(1))
    taken = list(itertools.islice(found, 3))

    assert len(taken) == 3
    assert len(steps) < 100
