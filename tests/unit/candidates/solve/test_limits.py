"""The cost of a search has limits, and the error says which one was exceeded."""

import pytest

from placement import exception
from placement.candidates.model import Placement, Run
from placement.candidates.solve.limits import Budget


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


def test_the_time_of_reads_has_a_limit_of_its_own():
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


def run(count, providers):
    """Return a run of candidates that name ``providers`` providers each."""
    allocations = tuple((at, ((0, 1),)) for at in range(providers))
    return Run([Placement(allocations, ())] * count, [None] * count)


def test_the_providers_that_an_answer_names_are_limited():
    budget = Budget(seconds_max=5, providers_named_max=6)

    assert len(list(budget.bounded([run(1, 2), run(2, 2)]))) == 2
    with pytest.raises(exception.BadRequest, match="more than 6 providers"):
        list(budget.bounded([run(1, 2), run(2, 2), run(1, 1)]))


def test_a_candidate_without_resources_counts_as_one():
    budget = Budget(seconds_max=5, providers_named_max=2)

    assert len(list(budget.bounded([run(2, 0)]))) == 1
    with pytest.raises(exception.BadRequest):
        list(budget.bounded([run(3, 0)]))


def test_runs_after_the_limit_are_not_taken():
    budget = Budget(seconds_max=5, providers_named_max=2)
    taken = []

    def runs():
        for number in range(9):
            taken.append(number)
            yield run(1, 2)

    with pytest.raises(exception.BadRequest):
        list(budget.bounded(runs()))
    assert taken == [0, 1]
