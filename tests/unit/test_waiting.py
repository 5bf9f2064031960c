"""Tests wait for a condition, and say what they have waited for."""

import itertools

import pytest

from tests import waiting


def test_the_condition_is_called_until_it_is_true() -> None:
    calls = itertools.count()

    waiting.until(lambda: next(calls) == 2)

    assert next(calls) == 3


def test_a_condition_that_stays_false_raises_with_the_state() -> None:
    with pytest.raises(RuntimeError, match="2 of 3 servers"):
        waiting.until(lambda: False, lambda: "2 of 3 servers", seconds=0)
