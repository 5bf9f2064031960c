"""Bodies of a reshape, by version; consumers are as in bodies of allocations."""

import pytest

from placement.schemas.reshaper import RESHAPE
from tests.unit.schemas import accepting

UUID = "b4cc2d1e-52a0-4d2a-8a3b-0123456789ab"
BARE = UUID.replace("-", "")

KEYED = {"allocations": {UUID: {"resources": {"VCPU": 1}}}}
NOTHING = {"allocations": {}}
OWNER = {"project_id": "p", "user_id": "u"}
GENERATION = {"consumer_generation": 1}
NEW = {"consumer_generation": None}
MAPPINGS = {"mappings": {"_A": [UUID]}}
LATEST = KEYED | OWNER | GENERATION | {"consumer_type": "INSTANCE"}

INVENTORIES = {
    UUID: {"resource_provider_generation": 1, "inventories": {"VCPU": {"total": 1}}}
}


@pytest.mark.parametrize(
    ("allocations", "versions"),
    [
        ({}, "1.30-"),
        ({UUID: KEYED | OWNER}, "never"),
        ({UUID: KEYED | OWNER | NEW}, "1.30-1.37"),
        ({UUID: NOTHING | OWNER | GENERATION}, "1.30-1.37"),
        ({UUID: KEYED | OWNER | GENERATION | MAPPINGS}, "1.34-1.37"),
        ({UUID: LATEST}, "1.38-"),
        ({UUID: LATEST | MAPPINGS}, "1.38-"),
        ({BARE: LATEST}, "never"),
        ([], "never"),
    ],
)
def test_versions_of_the_consumers_of_a_reshape(allocations, versions):
    body = {"inventories": INVENTORIES, "allocations": allocations}

    assert accepting.versions(RESHAPE, body) == versions


@pytest.mark.parametrize(
    ("inventories", "is_good"),
    [
        ({UUID: {"resource_provider_generation": 1, "inventories": {}}}, True),
        ({UUID: {"resource_provider_generation": 1}}, False),
        ({UUID: {"inventories": {}}}, False),
        ({UUID: {"resource_provider_generation": 1, "inventories": {}, "x": 1}}, False),
        (
            {UUID: {"resource_provider_generation": 1, "inventories": {"VCPU": {}}}},
            False,
        ),
        (
            {UUID: {"resource_provider_generation": 1, "inventories": {"vcpu": {}}}},
            False,
        ),
        ({BARE: INVENTORIES[UUID]}, False),
        ({}, False),
    ],
)
def test_inventories_of_a_reshape_are_validated(inventories, is_good):
    body = {"inventories": inventories, "allocations": {}}

    assert (accepting.versions(RESHAPE, body) == "1.30-") == is_good


@pytest.mark.parametrize("member", ["inventories", "allocations"])
def test_a_reshape_has_exactly_two_members(member):
    whole = {"inventories": INVENTORIES, "allocations": {}}
    without = {name: value for name, value in whole.items() if name != member}

    assert f"'{member}' is a required property" in accepting.error(RESHAPE, without)
    assert accepting.versions(RESHAPE, whole | {"x": 1}) == "never"
