"""Bodies of the aggregates of a resource provider, by version."""

import pytest

from placement.schemas.aggregate import REPLACE
from tests.unit.schemas import accepting

UUID = "b4cc2d1e-52a0-4d2a-8a3b-0123456789ab"
OTHER = "{B4CC2D1E-52A0-4D2A-8A3B-0123456789AC}"


@pytest.mark.parametrize(
    ("aggregates", "is_good"),
    [
        ([], True),
        ([UUID], True),
        ([UUID, OTHER], True),
        ([UUID, UUID], False),
        (["x"], False),
        ([1], False),
        (UUID, False),
        ({}, False),
    ],
)
def test_the_body_is_a_list_before_1_19_and_then_an_object_with_a_generation(
    aggregates, is_good
):
    whole = {"aggregates": aggregates, "resource_provider_generation": 1}

    bare = accepting.versions(REPLACE, aggregates)
    assert bare == ("1.1-1.18" if is_good else "never")
    guarded = accepting.versions(REPLACE, whole)
    assert guarded == ("1.19-" if is_good else "never")


@pytest.mark.parametrize(
    "body",
    [
        {"aggregates": []},
        {"resource_provider_generation": 1},
        {"aggregates": [], "resource_provider_generation": None},
        {"aggregates": [], "resource_provider_generation": 1, "x": 1},
    ],
)
def test_the_object_has_exactly_two_members(body):
    assert accepting.versions(REPLACE, body) == "never"


def test_error_texts_that_clients_match():
    twice = {"aggregates": [UUID, UUID], "resource_provider_generation": 1}
    odd = {"aggregates": ["x"], "resource_provider_generation": 1}
    text = {"aggregates": "all", "resource_provider_generation": 1}

    assert "has non-unique elements" in accepting.error(REPLACE, twice)
    assert "'x' is not a 'uuid'" in accepting.error(REPLACE, odd)
    assert "'all' is not of type 'array'" in accepting.error(REPLACE, text)
