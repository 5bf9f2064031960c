"""Bodies of inventories; they are the same at all versions."""

import pytest

from placement.schemas.inventory import CREATE, REPLACE_ALL, REPLACE_ONE
from tests.unit.schemas import accepting

MAX_INT = 2147483647

GOOD_VALUES = [
    ("total", 1),
    ("total", 8.0),
    ("total", MAX_INT),
    ("reserved", 0),
    ("reserved", MAX_INT),
    ("min_unit", 1),
    ("max_unit", MAX_INT),
    ("step_size", 1),
    ("allocation_ratio", 0),
    ("allocation_ratio", 0.0),
    ("allocation_ratio", 16),
    ("allocation_ratio", 3.40282e38),
    ("resource_provider_generation", 0),
    ("resource_provider_generation", -1),
]

BAD_VALUES = [
    ("total", 0),
    ("total", MAX_INT + 1),
    ("total", "8"),
    ("total", 1.5),
    ("total", True),
    ("total", None),
    ("reserved", -1),
    ("reserved", MAX_INT + 1),
    ("min_unit", 0),
    ("max_unit", 0),
    ("max_unit", MAX_INT + 1),
    ("step_size", 0),
    ("allocation_ratio", -0.1),
    ("allocation_ratio", 3.40283e38),
    ("allocation_ratio", "1.0"),
    ("resource_provider_generation", "1"),
    ("resource_provider_generation", None),
    ("used", 1),
]

BODIES = {
    "create": (CREATE, lambda record: {"resource_class": "VCPU"} | record),
    "replace one": (REPLACE_ONE, lambda record: record),
    "replace all": (
        REPLACE_ALL,
        lambda record: {
            "resource_provider_generation": 1,
            "inventories": {"VCPU": record},
        },
    ),
}


@pytest.fixture(params=BODIES)
def versions(request):
    """Return the versions that accept a record with these members set."""
    schemas, body = BODIES[request.param]
    whole = {"total": 8, "resource_provider_generation": 1}
    return lambda members: accepting.versions(schemas, body(whole | members))


@pytest.mark.parametrize(("name", "value"), GOOD_VALUES)
def test_a_valid_value_is_accepted_at_all_versions(versions, name, value):
    assert versions({name: value}) == "1.0-"


@pytest.mark.parametrize(("name", "value"), BAD_VALUES)
def test_an_invalid_value_is_never_accepted(versions, name, value):
    assert versions({name: value}) == "never"


@pytest.mark.parametrize(
    ("body", "versions"),
    [
        ({"resource_class": "VCPU", "total": 1}, "1.0-"),
        ({"resource_class": "NO_SUCH_CLASS", "total": 1}, "1.0-"),
        ({"resource_class": "vcpu", "total": 1}, "never"),
        ({"resource_class": "VCPU\n", "total": 1}, "never"),
        ({"resource_class": "", "total": 1}, "never"),
        ({"resource_class": "VCPU"}, "never"),
        ({"total": 1}, "never"),
    ],
)
def test_versions_of_a_body_that_creates(body, versions):
    assert accepting.versions(CREATE, body) == versions


@pytest.mark.parametrize(
    ("body", "versions"),
    [
        ({"total": 1, "resource_provider_generation": 1}, "1.0-"),
        ({"total": 1}, "never"),
        ({"resource_provider_generation": 1}, "never"),
        (
            {"total": 1, "resource_provider_generation": 1, "resource_class": "VCPU"},
            "never",
        ),
    ],
)
def test_a_body_that_replaces_one_has_a_generation_and_no_class(body, versions):
    assert accepting.versions(REPLACE_ONE, body) == versions


@pytest.mark.parametrize(
    ("inventories", "versions"),
    [
        ({}, "1.0-"),
        ({"VCPU": {"total": 1}, "CUSTOM_A": {"total": 1}}, "1.0-"),
        ({"VCPU": {"total": 1, "resource_class": "VCPU"}}, "never"),
        ({"VCPU": {}}, "never"),
        ({"VCPU": None}, "never"),
        ({"vcpu": {"total": 1}}, "never"),
        ({"VCPU\n": {"total": 1}}, "never"),
        ([], "never"),
    ],
)
def test_versions_of_a_body_that_replaces_all(inventories, versions):
    body = {"resource_provider_generation": 1, "inventories": inventories}
    assert accepting.versions(REPLACE_ALL, body) == versions


@pytest.mark.parametrize("missing", ["resource_provider_generation", "inventories"])
def test_a_body_that_replaces_all_has_both_members(missing):
    body = {"resource_provider_generation": 1, "inventories": {}}
    del body[missing]

    assert f"'{missing}' is a required property" in accepting.error(REPLACE_ALL, body)


def test_error_texts_that_clients_match():
    text = accepting.error(REPLACE_ONE, {"total": 0, "resource_provider_generation": 1})

    assert "0 is less than the minimum of 1" in text
    assert "Failed validating 'minimum' in schema['properties']['total']" in text
