import pytest

from placement.objects.inventory import Inventory


def inventory(**given):
    return Inventory(resource_class_id=0, **({"total": 10} | given))


def offer(**given):
    return inventory(**given).offer()


@pytest.mark.parametrize(
    ("given", "capacity"),
    [
        ({}, 10),
        ({"reserved": 2}, 8),
        ({"allocation_ratio": 16.0}, 160),
        ({"allocation_ratio": 0.9}, 9),
        ({"allocation_ratio": 0.95}, 9),
        ({"reserved": 11}, -1),
        ({"reserved": 11, "allocation_ratio": 0.5}, 0),
        ({"allocation_ratio": 0.0}, 0),
    ],
)
def test_capacity_is_rounded_toward_zero(given, capacity):
    assert inventory(**given).capacity == capacity
    assert offer(**given).capacity == capacity


@pytest.mark.parametrize(
    ("total", "ratio", "last"),
    [
        (10, 0.9, 9),
        (10, 0.1, 1),
        (10, 0.3, 3),
        (10, 0.7, 7),
        (10, 1.1, 11),
        (10, 1.5, 15),
        (3, 16.0, 48),
        # In double precision the product is just below 63, and says so everywhere.
        (90, 0.7, 62),
    ],
)
def test_capacity_is_the_product_in_double_precision(total, ratio, last):
    full = offer(total=total, allocation_ratio=ratio)

    assert full.capacity == last
    assert full.has_room(last)
    assert not full.has_room(last + 1)


@pytest.mark.parametrize(("used", "last"), [(0, 10), (4, 6), (10, 0)])
def test_amounts_fit_up_to_what_is_free(used, last):
    assert offer(used=used).has_room(last)
    assert not offer(used=used).has_room(last + 1)


@pytest.mark.parametrize(
    ("given", "amount", "rule"),
    [
        ({"min_unit": 2}, 1, "min_unit"),
        ({"min_unit": 2}, 2, None),
        ({"max_unit": 4}, 4, None),
        ({"max_unit": 4}, 5, "max_unit"),
        ({"step_size": 3}, 6, None),
        ({"step_size": 3}, 7, "step_size"),
        ({"min_unit": 4, "step_size": 3}, 3, "min_unit"),
        ({"min_unit": 5, "max_unit": 4}, 5, "max_unit"),
    ],
)
def test_the_first_broken_unit_rule_is_reported(given, amount, rule):
    assert offer(**given).refuses_size(amount) == rule
    assert offer(**given).refuses(amount) == rule


def test_the_unit_rules_are_reported_before_the_capacity():
    assert offer(used=10).refuses(1) == "capacity"
    assert offer(used=10, min_unit=2).refuses(1) == "min_unit"


@pytest.mark.parametrize(
    ("given", "free", "room"),
    [
        ({}, 10, 10),
        ({"max_unit": 4}, 10, 4),
        ({"max_unit": 4, "used": 7}, 3, 3),
        ({"max_unit": 4, "used": 12}, -2, -2),
        ({"allocation_ratio": 0.95, "used": 1}, 8, 8),
    ],
)
def test_max_unit_limits_the_room_but_not_the_free_units(given, free, room):
    assert offer(**given).free == free
    assert offer(**given).room == room


@pytest.mark.parametrize("given", [{}, {"max_unit": 4}, {"max_unit": 4, "used": 7}])
def test_the_room_is_the_greatest_amount_that_is_not_refused(given):
    room = offer(**given).room

    assert not offer(**given).refuses(room)
    assert offer(**given).refuses(room + 1)


def test_inventories_are_compared_without_what_is_used():
    assert inventory(used=3) == inventory(used=4)
    assert inventory(total=3) != inventory(total=4)
