"""Closed forms for one tree."""

import functools
import itertools

import pytest

from placement.candidates.capacity.forms import Equal, Least, Sum, Total


def equal_by_trying(slot_count, served, most):
    """Return how many consumers with ``slot_count`` slots fit, one at a time."""
    ways = [
        way
        for way in itertools.product(range(slot_count + 1), repeat=len(served))
        if sum(way) == slot_count
        and all(taken <= limit for taken, limit in zip(way, most, strict=True))
    ]

    @functools.cache
    def best(left):
        counts = [
            1 + best(tuple(a - b for a, b in zip(left, way, strict=True)))
            for way in ways
            if all(a >= b for a, b in zip(left, way, strict=True))
        ]
        return max(counts, default=0)

    return best(tuple(served))


@pytest.mark.parametrize("slot_count", [1, 2, 3])
def test_the_count_of_equal_slots_equals_that_of_trying_every_way(slot_count):
    for served in itertools.product(range(5), repeat=3):
        for most in itertools.product((1, 2), repeat=3):
            form = Equal(((0, 1),), slot_count, dict(enumerate(most)))
            units = [{0: count} for count in served]

            found = form.count(units)

            assert found == equal_by_trying(slot_count, served, most), (served, most)


def test_a_provider_serves_as_often_as_its_scarcest_class_allows():
    form = Equal(((0, 2), (1, 100)), 1, {0: 1, 1: 1})
    units = [{0: 7, 1: 1000}, {0: 100, 1: 250}, {0: 100, 1: 1000}]

    assert form.count(units) == 3 + 2
    assert form.count(units, only=0) == 3 + 50
    assert form.count(units, only=1) == 10 + 2


def test_a_class_that_a_form_does_not_ask_for_is_no_limit():
    unlimited = float("inf")

    assert Equal(((0, 1),), 1, {0: 1}).count([{0: 3}], only=9) == unlimited
    assert Equal(((0, 1),), 2, {0: 1}).count([{0: 3}], only=9) == 0
    assert Total(0, 2, [0]).count([{0: 3}], only=9) == unlimited


def test_a_total_ignores_which_provider_has_the_units():
    assert Total(0, 4, [0, 1]).count([{0: 3}, {0: 3}, {0: 100}]) == 1


def test_the_scarcest_part_decides_and_ways_add():
    one, other = Total(0, 1, [0]), Total(1, 1, [0])
    units = [{0: 5, 1: 7}]

    assert Least([one, other]).count(units) == 5
    assert Least([one, other]).count(units, only=1) == 7
    assert Sum([one, other]).count(units) == 12


def test_counts_may_need_more_than_64_bits():
    huge = 10**48

    assert Equal(((0, 1),), 2, {0: 1, 1: 1}).count([{0: huge}, {0: huge}]) == huge
