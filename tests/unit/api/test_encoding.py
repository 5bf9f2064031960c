"""JSON of integers of any size."""

import json

import orjson
import pytest

from placement.api import encoding


@pytest.mark.parametrize(
    "document",
    [{"capacity": 2**63}, {"capacity": 2**64}, {"capacity": -(2**70)}, [1, "\xe9\n"]],
)
def test_any_integer_is_encoded_on_one_line(document):
    encoded = encoding.encode(document)

    assert json.loads(encoded) == document
    assert b"\n" not in encoded


def test_encoded_parts_are_kept_beside_large_integers():
    document = {"traits": orjson.Fragment(b'["A"]'), "capacity": 2**64}

    assert json.loads(encoding.encode(document)) == {
        "traits": ["A"],
        "capacity": 2**64,
    }


def test_what_is_no_json_is_refused():
    with pytest.raises(TypeError):
        encoding.encode({"capacity": object()})
