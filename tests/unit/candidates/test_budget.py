"""What a search may cost is bounded, and the refusal says by what."""

import pytest

from placement import exception
from placement.candidates.budget import Budget
from placement.candidates.model import AllocationRequest
from tests.unit.candidates.test_combine import GPU, provider


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def take_steps(budget):
    for _ in range(1000):
        budget.tick()


def test_steps_are_counted_until_the_time_is_up():
    clock = Clock()
    budget = Budget(seconds_max=5, clock=clock)
    clock.now = 5.0
    take_steps(budget)

    clock.now = 5.1
    with pytest.raises(exception.BadRequest, match="given up after 5 seconds"):
        take_steps(budget)


def test_waiting_for_the_database_counts_on_its_own():
    clock = Clock()
    budget = Budget(seconds_max=5, clock=clock)

    def slow():
        for page in range(3):
            clock.now += 2.5
            yield page

    pages = budget.outside(slow())
    assert [next(pages), next(pages)] == [0, 1]
    clock.now += 4
    take_steps(budget)
    with pytest.raises(exception.DatabaseTooSlow):
        next(pages)


def test_an_answer_may_name_so_many_providers():
    one = AllocationRequest(
        tuple((provider(id_, {GPU: 1}), ((GPU, 1),)) for id_ in (1, 2)), ()
    )
    budget = Budget(seconds_max=5, providers_named_max=6)

    assert len(list(budget.bounded([one] * 3))) == 3
    with pytest.raises(exception.BadRequest, match="more than 6 providers"):
        list(budget.bounded([one] * 4))
