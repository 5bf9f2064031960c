"""The values used last stay in the cache, which keeps to its size."""

import concurrent.futures
import random

import pytest

from placement.candidates.lru import LRUCache

THREADS = 4


def cache_of(size_max):
    return LRUCache(size_max, size_of=lambda value: value)


def test_values_that_are_used_stay():
    cache = cache_of(8)
    for key in range(100):
        cache.add(key, 1)
        cache.find(0)

    assert cache.find(99) is not None
    assert cache.find(0) is not None
    assert cache.find(50) is None


@pytest.mark.parametrize(("size", "most"), [(1, 8), (2, 4), (4, 2)])
def test_all_values_are_no_larger_than_the_bound(size, most):
    cache = cache_of(8)
    for key in range(100):
        cache.add(key, size)

    assert 0 < sum(cache.find(key) is not None for key in range(100)) <= most


@pytest.mark.parametrize("size_max", [0, 1, 4])
def test_a_value_larger_than_the_bound_does_not_stay(size_max):
    cache = cache_of(size_max)
    cache.add("large", 9)
    assert cache.find("large") == 9

    for key in ("one", "other", "third"):
        cache.add(key, 9)

    assert cache.find("large") is None


def test_a_value_replaces_the_one_of_its_key():
    cache = cache_of(8)
    for value in (1, 2, 3):
        cache.add("key", value)
        assert cache.find("key") == value


def test_a_replaced_value_has_no_size():
    cache = cache_of(8)
    cache.add("other", 1)
    for _ in range(100):
        cache.add("key", 1)

    assert cache.find("other") == 1


def test_values_that_fit_together_all_stay():
    cache = cache_of(8)
    for key in range(8):
        cache.add(key, 1)

    assert cache.find_all(range(8)) == [1] * 8


def test_those_that_were_not_used_for_the_longest_time_are_dropped():
    cache = cache_of(8)
    for key in range(8):
        cache.add(key, 1)
    cache.find(1)
    cache.find_all([0, 4])

    cache.add(8, 1)

    # A quarter was freed before.
    assert cache.find_all(range(9)) == [1, 1, None, None, 1, None, 1, 1, 1]


def test_a_removed_value_has_no_size():
    cache = cache_of(8)
    for key in range(100):
        cache.add(key, 4)
        cache.remove(key)
    cache.add("key", 8)

    assert cache.values() == [8]


@pytest.mark.parametrize("size_max", [20, 60, 1000])
def test_find_all_returns_the_value_of_each_key(size_max):
    draw, cache = random.Random(1), LRUCache(size_max, size_of=lambda value: 1)
    found = 0
    for _ in range(400):
        key = draw.randrange(40)
        cache.add(key, f"value {key}")
        keys = [draw.randrange(40) for _ in range(draw.randint(0, 6))]

        values = cache.find_all(keys)

        assert len(values) == len(keys)
        for key, value in zip(keys, values, strict=True):
            assert value in (None, f"value {key}")
            found += value is not None
    # Of 40 keys, three quarters of the bound stay for certain.
    assert found > 400 * 2 * min(1, size_max * 3 / 4 / 40)


def test_threads_find_only_what_was_added_for_the_key():
    cache = LRUCache(50, size_of=lambda value: 1)

    def use(seed):
        draw = random.Random(seed)
        for _ in range(20_000):
            key = draw.randrange(200)
            found = cache.find(key)
            assert found is None or found[0] == key
            if found is None:
                cache.add(key, (key, seed))
        return True

    with concurrent.futures.ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(use, range(THREADS)))
    kept = sum(cache.find(key) is not None for key in range(200))
    assert 0 < kept <= 50
