"""Parameters of the search for candidates, by version."""

import pytest

from placement.schemas.allocation_candidate import LIST_QUERY
from tests.unit.schemas import accepting


@pytest.mark.parametrize(
    ("query", "versions"),
    [
        ({"resources": ""}, "1.10-"),
        ({}, "1.25-"),
        ({"resources": "", "limit": "1"}, "1.16-"),
        ({"resources": "", "limit": "10"}, "1.16-"),
        ({"resources": "", "limit": "0"}, "never"),
        ({"resources": "", "limit": "01"}, "never"),
        ({"resources": "", "limit": "-1"}, "never"),
        ({"resources": "", "limit": ""}, "never"),
        ({"resources": "", "limit": "1\n"}, "never"),
        ({"resources": "", "required": ""}, "1.17-"),
        ({"resources": "", "member_of": ""}, "1.21-"),
        ({"resources1": ""}, "1.25-"),
        ({"resources10": "", "required10": "", "member_of10": ""}, "1.25-"),
        ({"resources0": ""}, "1.33-"),
        ({"resources01": ""}, "1.33-"),
        ({"resources_A-b": ""}, "1.33-"),
        ({"required_A": "", "member_of_A": "", "in_tree_A": ""}, "1.33-"),
        ({"resources" + "a" * 64: ""}, "1.33-"),
        ({"resources" + "a" * 65: ""}, "never"),
        ({"resources\n": ""}, "never"),
        ({"resources.": ""}, "never"),
        ({"resources": "", "group_policy": "none"}, "1.25-"),
        ({"resources": "", "group_policy": "isolate"}, "1.25-"),
        ({"resources": "", "group_policy": "both"}, "never"),
        ({"resources": "", "group_policy": ""}, "never"),
        ({"resources": "", "in_tree": ""}, "1.31-"),
        ({"resources": "", "in_tree1": ""}, "1.31-"),
        ({"resources": "", "root_required": ""}, "1.35-"),
        ({"resources": "", "root_required1": ""}, "never"),
        ({"resources": "", "same_subtree": ""}, "1.36-"),
        ({"resources": "", "limit1": "1"}, "never"),
        ({"resources": "", "x": ""}, "never"),
    ],
)
def test_versions_of_a_query(query, versions):
    assert accepting.versions(LIST_QUERY, query) == versions


def test_an_unknown_parameter_is_reported_with_the_known_ones():
    assert "'x' does not match any of the regexes: " in (
        accepting.error(LIST_QUERY, {"x": ""})
    )
