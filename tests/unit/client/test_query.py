"""Request groups become the query string of GET /allocation_candidates."""

import urllib.parse

from placement.client import RequestGroup, candidates_query


def parameters(*groups, **rest):
    return urllib.parse.parse_qsl(candidates_query(groups, **rest))


def test_the_parameters_of_the_unsuffixed_group_have_no_suffix():
    group = RequestGroup({"VCPU": 1, "DISK_GB": 5}, ["A", "!B"], ["U"], in_tree="P")

    assert parameters(group) == [
        ("resources", "VCPU:1,DISK_GB:5"),
        ("required", "A,!B"),
        ("member_of", "U"),
        ("in_tree", "P"),
    ]


def test_the_parameters_of_a_suffixed_group_have_its_suffix():
    group = RequestGroup({"VF": 1}, ["A"], ["U"], in_tree="P", suffix="_N")

    assert [name for name, _ in parameters(group)] == [
        "resources_N",
        "required_N",
        "member_of_N",
        "in_tree_N",
    ]


def test_any_of_traits_and_aggregate_expressions_are_separate_parameters():
    group = RequestGroup(
        required=["A", "in:B,C", "!D", "in:E,F"], member_of=["in:U,V", "!W"]
    )

    assert parameters(group) == [
        ("required", "A,!D"),
        ("required", "in:B,C"),
        ("required", "in:E,F"),
        ("member_of", "in:U,V"),
        ("member_of", "!W"),
    ]


def test_parameters_of_the_whole_request_come_last():
    found = parameters(
        RequestGroup({"VCPU": 1}),
        group_policy="isolate",
        limit=7,
        root_required=["A", "!B"],
        same_subtree=[["_A", "_B"], ["_B", "_C"]],
    )

    assert found[1:] == [
        ("group_policy", "isolate"),
        ("root_required", "A,!B"),
        ("same_subtree", "_A,_B"),
        ("same_subtree", "_B,_C"),
        ("limit", "7"),
    ]


def test_reserved_characters_are_percent_encoded():
    group = RequestGroup({"VCPU": 1}, required=["A&limit=1"])

    assert parameters(group)[1] == ("required", "A&limit=1")
