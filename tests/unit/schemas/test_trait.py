"""Bodies and filters of traits; they are the same at all versions."""

import pytest

from placement.schemas.trait import LIST_QUERY, REPLACE
from tests.unit.schemas import accepting


@pytest.mark.parametrize(
    ("traits", "versions"),
    [
        ([], "1.6-"),
        (["HW_CPU_X86_VMX", "HW_CPU_X86_VMX"], "1.6-"),
        (["a"], "1.6-"),
        (["A" * 255], "1.6-"),
        (["A" * 256], "never"),
        ([""], "never"),
        ([1], "never"),
        ("A", "never"),
        (None, "never"),
    ],
)
def test_versions_of_the_traits_of_a_provider(traits, versions):
    body = {"traits": traits, "resource_provider_generation": 1}
    assert accepting.versions(REPLACE, body) == versions


@pytest.mark.parametrize(
    "body",
    [
        {"traits": []},
        {"resource_provider_generation": 1},
        {"traits": [], "resource_provider_generation": "1"},
        {"traits": [], "resource_provider_generation": 1, "x": 1},
    ],
)
def test_the_body_has_exactly_two_members(body):
    assert accepting.versions(REPLACE, body) == "never"


@pytest.mark.parametrize(
    ("query", "versions"),
    [
        ({}, "1.6-"),
        ({"name": "", "associated": ""}, "1.6-"),
        ({"names": "in:A"}, "never"),
    ],
)
def test_versions_of_a_query(query, versions):
    assert accepting.versions(LIST_QUERY, query) == versions
