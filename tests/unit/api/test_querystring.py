import time

import pytest

from placement import exception
from placement.api.querystring import Query


def test_pairs_keep_their_order():
    query = Query.parse(b"b=1&a=2&b=3")

    assert list(query) == [("b", "1"), ("a", "2"), ("b", "3")]


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        (b"", []),
        (b"&&", []),
        (b"a=", [("a", "")]),
        (b"a", [("a", "")]),
        (b"a=b=c", [("a", "b=c")]),
        (b"a=x+y%20z", [("a", "x y z")]),
        (b"a=%C3%A4", [("a", "ä")]),
        (b"a=1;b=2&c", [("a", "1"), ("b", "2"), ("c", "")]),
        (b";&;a;", [("a", "")]),
        (b"a=1%3Bb=2%26c", [("a", "1;b=2&c")]),
    ],
)
def test_a_query_string_is_parsed_into_pairs(text, pairs):
    assert list(Query.parse(text)) == pairs


@pytest.mark.parametrize("separator", [b"&", b";"])
def test_separators_alone_take_linear_time(separator):
    begun = time.process_time()

    assert Query.parse(separator * 1_000_000).pairs == ()
    # Quadratic time would take minutes.
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("text", [b"a=%FF", b"\xff=1", b"a=%ED%A0%80"])
def test_a_query_string_that_is_not_utf_8_is_invalid(text):
    with pytest.raises(exception.QueryInvalid) as refused:
        Query.parse(text)

    assert "Invalid query string parameters: " in str(refused.value)


def test_repeated_parameters_have_a_first_a_last_and_all_values():
    query = Query.parse(b"a=1&b=2&a=3")

    assert query.last_values() == {"a": "3", "b": "2"}
    assert (query.first("a"), query.last("a"), query.all("a")) == ("1", "3", ["1", "3"])
    assert (query.first("c"), query.last("c"), query.all("c")) == (None, None, [])
    assert "a" in query
    assert "c" not in query
