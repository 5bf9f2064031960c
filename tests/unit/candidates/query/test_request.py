"""Every refusal of a query, on both sides of the version that brought its rule."""

import pytest

from placement import exception
from placement.api.microversion import Version
from placement.api.querystring import Query
from placement.candidates.model import RequestGroup
from placement.candidates.query import parameters, request

A = "6a1f4b54-9a5c-4d22-8f6f-0d4c3f2f6a01"
B = "6a1f4b54-9a5c-4d22-8f6f-0d4c3f2f6a02"
FORM_1_17 = "'required' parameter value of the form: HW_CPU_X86_VMX,CUSTOM_MAGIC."
FORM_1_22 = "'required' parameter value of the form: HW_CPU_X86_VMX,!CUSTOM_MAGIC."
INVALID = "Invalid query string parameters: "
POLICY = 'The "group_policy" parameter is required when specifying more than one'
BAD_FORM = (
    "Badly formed resources parameter. Expected resources query string parameter in "
    "form: ?resources=VCPU:2,MEMORY_MB:1024. Got: "
)


def parse(query, version="1.39"):
    at = Version(*map(int, version.split(".")))
    return request.parse(Query.parse(query.encode()), at)


REFUSALS = [
    ("1.10", "resources=", BAD_FORM + "empty string."),
    ("1.10", "resources=%20", BAD_FORM + "empty string."),
    ("1.10", "resources=VCPU", BAD_FORM + "VCPU."),
    ("1.10", "resources=VCPU:1:2", BAD_FORM + "VCPU:1:2."),
    ("1.10", "resources=VCPU:1,", BAD_FORM + "."),
    ("1.10", "resources=VCPU:1,&resources=VCPU:1", BAD_FORM + "."),
    (
        "1.10",
        "resources=VCPU:x",
        "Requested resource VCPU expected positive integer amount. Got: x.",
    ),
    (
        "1.10",
        "resources=VCPU:" + "9" * 5000,
        "Requested resource VCPU expected positive integer amount. Got: 999",
    ),
    (
        "1.10",
        "resources=VCPU:0",
        "Requested resource VCPU requires amount >= 1. Got: 0.",
    ),
    ("1.16", "resources=VCPU:1&limit=x&limit=1", f"{INVALID}'x' does not match"),
    ("1.16", "resources=VCPU:1&limit=1%0A", INVALID + r"'1\n' does not match"),
    (
        "1.25",
        "resources=VCPU:1&group_policy=all&group_policy=none",
        f"{INVALID}'all' is not one of ['none', 'isolate']",
    ),
    (
        "1.17",
        "resources=VCPU:1&required=T,",
        f"{INVALID}Expected {FORM_1_17} Got an empty trait in: T,",
    ),
    (
        "1.22",
        "resources=VCPU:1&required=",
        f"{INVALID}Expected {FORM_1_22} Got an empty trait in: ",
    ),
    (
        "1.39",
        "resources=VCPU:1&required=in:T,",
        f"{INVALID}Expected 'required' parameter value of the form: "
        "in:HW_CPU_X86_VMX,CUSTOM_MAGIC. Got an empty trait in: in:T,",
    ),
    (
        "1.35",
        "resources=VCPU:1&root_required=!",
        f"{INVALID}Expected {FORM_1_22} Got an empty trait in: !",
    ),
    ("1.21", "resources=VCPU:1&required=!T", f"{INVALID}Expected {FORM_1_17} Got: !T"),
    (
        "1.38",
        "resources=VCPU:1&required=in:T",
        f"{INVALID}The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported since "
        "microversion 1.39. Got: in:T",
    ),
    (
        "1.39",
        "resources=VCPU:1&root_required=in:T",
        f"{INVALID}The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported since "
        "microversion 1.39. Got: in:T",
    ),
    (
        "1.39",
        "resources=VCPU:1&required=in:T,!U",
        f"{INVALID}The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' does not support "
        "forbidden traits. Got: in:T,!U",
    ),
    (
        "1.22",
        "resources=VCPU:1&required=T,!T,U",
        "Conflicting required and forbidden traits found in the following traits "
        "keys: required: (T)",
    ),
    (
        "1.39",
        "resources_A=VCPU:1&required_A=in:T,U&required_A=!T,!U",
        "Conflicting required and forbidden traits found in the following traits "
        "keys: required_A: (T, U)",
    ),
    (
        "1.21",
        f"resources=VCPU:1&member_of={A},{B}",
        "Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' "
        f"keyword using the valid microversion. Got: {A},{B}",
    ),
    (
        "1.21",
        f"resources=VCPU:1&member_of=in:{A},x",
        f"{INVALID}Expected 'member_of' parameter to contain valid UUID(s). "
        f"Got: in:{A},x",
    ),
    (
        "1.23",
        f"resources=VCPU:1&member_of={A}&member_of={B}",
        "Multiple member_of parameters are not supported",
    ),
    (
        "1.31",
        f"resources=VCPU:1&member_of=!{A}",
        "Forbidden member_of parameters are not supported in the specified "
        "microversion",
    ),
    (
        "1.31",
        "resources=VCPU:1&in_tree=x",
        f"{INVALID}Expected 'in_tree' parameter to be a format of uuid. Got: x",
    ),
    (
        "1.35",
        "resources=VCPU:1&root_required=T&root_required=T",
        "Query parameter 'root_required' may be specified only once.",
    ),
    (
        "1.35",
        "resources=VCPU:1&root_required=T,!T",
        "Conflicting required and forbidden traits found in root_required: T",
    ),
    (
        "1.36",
        f"member_of1={A}",
        "There must be at least one resources or resources[$S] parameter.",
    ),
    (
        "1.36",
        "resources1=VCPU:1&same_subtree=1,",
        "Empty string (unsuffixed group) can not be specified in `same_subtree`",
    ),
    (
        "1.36",
        "resources_A=VCPU:1&resources_B=VCPU:1&group_policy=none&same_subtree=_A,_Z",
        "Real suffixes should be specified in `same_subtree`: ['_Z'] not found in "
        "['_A', '_B'].",
    ),
    (
        "1.36",
        "resources_A=VCPU:1&required_B=T&group_policy=none",
        "Resourceless suffixed group request should be specified in `same_subtree` "
        "query param: bad group(s) - ['_B'].",
    ),
    (
        "1.36",
        "resources_A=VCPU:1&required=T",
        "Resourceless suffixed group request should be specified in `same_subtree` "
        "query param: bad group(s) - [''].",
    ),
    (
        "1.35",
        "resources2=VCPU:1&required=T&required1=T",
        "All traits parameters must be associated with resources.  Found the "
        "following orphaned traits keys: required, required1",
    ),
    (
        "1.25",
        f"resources2=VCPU:1&member_of1={A}",
        "All member_of parameters must be associated with resources. Found the "
        "following orphaned member_of keys: member_of1",
    ),
    (
        "1.31",
        f"resources2=VCPU:1&in_tree1={A}",
        "All request groups must specify resources.",
    ),
    (
        "1.25",
        "limit=1",
        "At least one request group (`resources` or `resources{$S}`) is required.",
    ),
    ("1.25", "resources1=VCPU:1&resources2=VCPU:1", POLICY),
    ("1.36", "resources1=VCPU:1&required2=T&same_subtree=1,2", POLICY),
]

CODES = {
    "may be specified only once": "placement.query.duplicate_key",
    "found in root_required": "placement.query.bad_value",
    "There must be at least one": "placement.query.missing_value",
    "same_subtree": "placement.query.bad_value",
}


@pytest.mark.parametrize(("version", "query", "text"), REFUSALS)
def test_a_malformed_query_is_refused_with_its_reason(version, query, text):
    with pytest.raises(exception.BadRequest) as refused:
        parse(query, version)

    assert text in str(refused.value)
    expected = [code for part, code in CODES.items() if part in text]
    assert refused.value.code == (expected or ["placement.undefined_code"])[0]


ACCEPTED = [
    ("1.10", "resources=DISK_GB:10%20"),
    ("1.10", "resources=&resources=VCPU:1"[11:]),
    ("1.22", "resources=VCPU:1&required=!T"),
    ("1.39", "resources=VCPU:1&required=in:T,U"),
    ("1.24", f"resources=VCPU:1&member_of={A}&member_of={B}"),
    ("1.32", f"resources=VCPU:1&member_of=!{A}"),
    ("1.38", "resources=VCPU:1&required=&required=T"),
    ("1.25", "resources=VCPU:1&resources1=VCPU:1"),
    ("1.25", "resources1=VCPU:1&resources2=VCPU:1&group_policy=none"),
    ("1.36", "resources1=VCPU:1&required2=T&same_subtree=1,2&group_policy=none"),
    ("1.39", "resources=VCPU:1&required=in:T,U&required=!T"),
    ("1.10", "&resources=VCPU:1&&"),
]


@pytest.mark.parametrize(("version", "query"), ACCEPTED)
def test_the_neighbour_of_a_refusal_is_accepted(version, query):
    assert parse(query, version).groups


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ("limit=x", "group_policy=x", "'x' does not match"),
        ("group_policy=x", "root_required=,", "is not one of"),
        ("root_required=,", "same_subtree=,", "empty trait"),
        ("same_subtree=,", "resources1=", "Empty string"),
        ("resources1=", "required9=T", "empty string"),
        ("required9=T", "required1=T,!T", "['9']"),
        ("required1=T,!T", "resources2=VCPU:1", "Conflicting"),
    ],
)
def test_of_two_errors_the_first_in_the_promised_order_is_named(first, second, text):
    base = "" if "resources1" in first else "resources1=VCPU:1&"
    with pytest.raises(exception.BadRequest) as refused:
        parse(f"{base}{second}&{first}")

    assert text in str(refused.value)


def test_everything_that_can_be_asked_is_read():
    asked = parse(
        "resources_A=VCPU:%2B1,VCPU:1_0,DISK_GB:%205&required_A=T,!U&required_A=in:V,W"
        f"&member_of_A={A.upper()}&member_of_A=!in:{A},{B}&in_tree_A=%20{B}%20"
        "&resources=MEMORY_MB:1&resources=MEMORY_MB:2&group_policy=isolate"
        "&root_required=R,!!Q&same_subtree=_A,_A&same_subtree=_A&limit=3&limit=9"
    )

    assert asked.groups == (
        RequestGroup("", {"MEMORY_MB": 2}),
        RequestGroup(
            "_A",
            {"VCPU": 10, "DISK_GB": 5},
            (frozenset("T"), frozenset("VW")),
            frozenset("U"),
            (frozenset([A]),),
            frozenset([A, B]),
            B,
        ),
    )
    assert asked.isolates
    assert asked.root_required == {"R"}
    assert asked.root_forbidden == {"Q"}
    assert asked.same_subtree == (frozenset(["_A"]),)
    assert asked.limit == 3


def test_traits_that_are_repeated_count_together_since_1_39():
    query = "resources=VCPU:1&required=T&required=U"

    assert parse(query, "1.39").groups[0].required == (frozenset("T"), frozenset("U"))
    assert parse(query, "1.38").groups[0].required == (frozenset("U"),)


def test_nesting_is_known_since_1_29():
    assert parse("resources=VCPU:1", "1.29").nested_aware
    assert not parse("resources=VCPU:1", "1.28").nested_aware


def test_a_limit_beyond_all_numbers_is_a_limit():
    assert parse(f"resources=VCPU:1&limit={'9' * 6000}").limit > 2**40


@pytest.mark.parametrize(
    ("query", "most"),
    [
        (
            "&".join(f"resources{n}=VCPU:1" for n in range(1, 102)),
            f"{request.GROUPS_MAX} request groups",
        ),
        (
            "&".join(["resources=VCPU:1"] * 501),
            f"{request.PARAMETERS_MAX} parameters",
        ),
        (
            "resources=VCPU:1&required=" + ",".join(f"T{n}" for n in range(1001)),
            f"{parameters.ITEMS_MAX} items",
        ),
        (
            "resources=" + ",".join(f"C{n}:1" for n in range(101)),
            f"{parameters.CLASSES_MAX} items",
        ),
    ],
)
def test_the_message_for_a_hostile_query_has_the_limit(query, most):
    with pytest.raises(exception.QueryBadValue) as refused:
        parse(query)

    assert most in str(refused.value)


def test_provider_filters_take_the_last_of_a_repeated_value():
    query = Query.parse(
        f"name=a&name=&uuid={A.upper()}&resources=VCPU:1&resources=VCPU:2"
        f"&in_tree={A}&in_tree={B}&required=T,!U&member_of={A}".encode()
    )

    filters = request.parse_provider_filters(query, Version(1, 39))

    assert filters.name is None
    assert filters.uuid == A
    assert filters.group.resources == {"VCPU": 2}
    assert filters.group.in_tree == B
    assert filters.group.required == (frozenset("T"),)
    assert filters.group.forbidden == {"U"}
    assert filters.group.member_of == (frozenset([A]),)


def test_provider_filters_may_contradict_each_other():
    query = Query.parse(b"required=T,!T")

    assert request.parse_provider_filters(query, Version(1, 22)).group.forbidden
