"""What was used last is kept, within the bound."""

from placement.candidates.recent import Recent


def kept_of(weight_max):
    return Recent(weight_max, weigh=lambda value: value)


def test_what_was_used_last_is_kept():
    kept = kept_of(8)
    for key in range(100):
        kept.add(key, 1)
        kept.find(0)

    assert kept.find(99) is not None
    assert kept.find(0) is not None
    assert kept.find(50) is None


def test_no_more_is_kept_than_the_bound():
    for weight, most in ((1, 8), (2, 4), (4, 2)):
        kept = kept_of(8)
        for key in range(100):
            kept.add(key, weight)

        assert sum(kept.find(key) is not None for key in range(100)) <= most


def test_a_value_replaces_the_one_that_was_there():
    kept = kept_of(8)
    for value in (1, 2, 3):
        kept.add("key", value)

        assert kept.find("key") == value


def test_what_is_replaced_weighs_nothing():
    kept = kept_of(8)
    kept.add("other", 1)
    for _ in range(100):
        kept.add("key", 1)

    assert kept.find("other") == 1
