"""Excerpts of values that may be as large as a request."""

import pprint

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement import excerpt

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@hypothesis.settings(max_examples=50)
@given(JSON)
def test_a_short_value_is_shown_whole_and_a_long_one_cut(value):
    whole = repr(value)
    shown, pretty = excerpt.of_json(value), repr(excerpt.Pretty(value))

    if len(whole) <= 200:
        assert shown == whole
        assert pretty == pprint.pformat(value, width=72, sort_dicts=False)
    else:
        assert len(shown) == 203
        assert shown.endswith("...")
        assert len(pretty) <= 203


def test_two_names_of_an_object_do_not_become_the_same():
    value = {"": [None] * 32, "0000000": None, "0": None}
    assert len(repr(value)) > 200

    shown = excerpt.of_json(value)

    assert shown.startswith("{'': [None, None")
    assert len(shown) == 203


@pytest.mark.parametrize("length", [0, 1, 199, 200])
def test_a_text_of_up_to_200_characters_is_not_cut(length):
    assert excerpt.of_text("a" * length) == "a" * length


def test_a_longer_text_is_cut():
    assert excerpt.of_text("a" * 201) == "a" * 200 + "..."


class Counted(list):
    """Counts the items that are read."""

    looked_at = 0

    def __iter__(self):
        for each in super().__iter__():
            self.looked_at += 1
            yield each


@pytest.mark.parametrize("show", [excerpt.of_json, excerpt.Pretty, excerpt.is_short])
@pytest.mark.parametrize("item", [1, "a", [], {}, "a" * 1000])
def test_only_the_shown_items_are_read(show, item):
    value = Counted([item] * 100_000)

    show(value)

    assert 0 < value.looked_at < 200


def test_a_value_nested_deeper_than_the_recursion_limit_is_cut():
    value = []
    for _ in range(100_000):
        value = [value]

    assert excerpt.of_json(value).endswith("...")
    assert not excerpt.is_short(value)
