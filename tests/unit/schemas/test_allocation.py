"""Bodies of allocations, by version."""

import pytest

from placement.schemas.allocation import REPLACE, REPLACE_SEVERAL
from tests.unit.schemas import accepting

UUID = "b4cc2d1e-52a0-4d2a-8a3b-0123456789ab"
BARE = UUID.replace("-", "")
RESOURCES = {"VCPU": 1, "CUSTOM_A": 2.0}

ONE = {"resource_provider": {"uuid": UUID}, "resources": RESOURCES}
LISTED = {"allocations": [ONE]}
KEYED = {"allocations": {UUID: {"resources": RESOURCES}}}
NOTHING = {"allocations": {}}
OWNER = {"project_id": "p", "user_id": "u"}
GENERATION = {"consumer_generation": 1}
NEW = {"consumer_generation": None}
MAPPINGS = {"mappings": {"_A": [UUID], "": 7}}
TYPE = {"consumer_type": "INSTANCE"}

# A body of one consumer, and the versions of PUT and of POST that accept it.
CONSUMERS = [
    (LISTED, "1.0-1.7", "never"),
    (LISTED | OWNER, "1.8-1.11", "never"),
    (KEYED | OWNER, "1.12-1.27", "1.13-1.27"),
    (NOTHING | OWNER, "never", "1.13-1.27"),
    (KEYED | OWNER | GENERATION, "1.28-1.37", "1.28-1.37"),
    (NOTHING | OWNER | GENERATION, "1.28-1.37", "1.28-1.37"),
    (KEYED | OWNER | NEW, "1.28-1.37", "1.28-1.37"),
    (KEYED | OWNER | GENERATION | MAPPINGS, "1.34-1.37", "1.34-1.37"),
    (KEYED | OWNER | GENERATION | MAPPINGS | TYPE, "1.38-", "1.38-"),
    (KEYED | OWNER | GENERATION | TYPE, "1.38-", "1.38-"),
    (NOTHING | OWNER | NEW | TYPE, "1.38-", "1.38-"),
    (KEYED, "never", "never"),
    (KEYED | GENERATION | TYPE, "never", "never"),
    (KEYED | OWNER | TYPE, "never", "never"),
    (OWNER | GENERATION | TYPE, "never", "never"),
    ({"allocations": []}, "never", "never"),
    ({}, "never", "never"),
    ([], "never", "never"),
]

LATEST = KEYED | OWNER | GENERATION | TYPE


@pytest.mark.parametrize(("consumer", "put", "post"), CONSUMERS)
def test_versions_of_a_body_of_one_consumer(consumer, put, post):
    assert accepting.versions(REPLACE, consumer) == put


@pytest.mark.parametrize(("consumer", "put", "post"), CONSUMERS)
def test_versions_of_a_body_of_several_consumers(consumer, put, post):
    several = {UUID: consumer, UUID.upper(): consumer}

    assert accepting.versions(REPLACE_SEVERAL, several) == post


@pytest.mark.parametrize("bodies", [{}, {"x": LATEST}, {BARE: LATEST}, [LATEST]])
def test_several_consumers_are_keyed_by_uuid(bodies):
    assert accepting.versions(REPLACE_SEVERAL, bodies) == "never"


@pytest.mark.parametrize(
    ("provider", "versions"),
    [
        ({"uuid": UUID}, "1.0-1.7"),
        ({"uuid": BARE}, "1.0-1.7"),
        ({"uuid": "x"}, "never"),
        ({"uuid": UUID, "x": 1}, "never"),
        ({}, "never"),
    ],
)
def test_versions_of_a_provider_in_a_list(provider, versions):
    listed = [{"resource_provider": provider, "resources": RESOURCES}]

    assert accepting.versions(REPLACE, {"allocations": listed}) == versions


@pytest.mark.parametrize(
    "listed",
    [
        [],
        [{"resource_provider": {"uuid": UUID}}],
        [{"resources": RESOURCES}],
        [ONE | {"generation": 1}],
    ],
)
def test_an_invalid_list_is_refused(listed):
    assert accepting.versions(REPLACE, {"allocations": listed}) == "never"


def test_a_list_can_have_a_provider_twice():
    twice = {"allocations": [ONE, ONE]}

    assert accepting.versions(REPLACE, twice) == "1.0-1.7"


@pytest.mark.parametrize(
    ("allocations", "is_good"),
    [
        ({UUID: {"resources": RESOURCES}}, True),
        ({"-" * 36: {"resources": RESOURCES}}, True),
        ({UUID: {"resources": RESOURCES, "generation": 7}}, True),
        ({UUID: {"resources": RESOURCES, "generation": None}}, False),
        ({UUID: {"resources": RESOURCES, "x": 1}}, False),
        ({UUID: {}}, False),
        ({BARE: {"resources": RESOURCES}}, False),
        ({UUID + "\n": {"resources": RESOURCES}}, False),
    ],
)
def test_a_provider_as_a_key(allocations, is_good):
    body = LATEST | {"allocations": allocations}

    assert (accepting.versions(REPLACE, body) == "1.38-") == is_good


@pytest.mark.parametrize(
    ("resources", "is_good"),
    [
        ({"VCPU": 1}, True),
        ({"VCPU": 2147483648}, True),
        ({"VCPU": 2.0}, True),
        ({"VCPU": 2.5}, False),
        ({"VCPU": 0}, False),
        ({"VCPU": True}, False),
        ({"VCPU": "1"}, False),
        ({"vcpu": 1}, False),
        ({"VCPU\n": 1}, False),
        ({}, False),
        ([], False),
    ],
)
def test_amounts(resources, is_good):
    listed = {"allocations": [ONE | {"resources": resources}]}
    keyed = LATEST | {"allocations": {UUID: {"resources": resources}}}

    assert (accepting.versions(REPLACE, listed) == "1.0-1.7") == is_good
    assert (accepting.versions(REPLACE, keyed) == "1.38-") == is_good


@pytest.mark.parametrize(
    ("name", "value", "is_good"),
    [
        ("project_id", "p" * 255, True),
        ("project_id", "p" * 256, False),
        ("project_id", "", False),
        ("project_id", None, False),
        ("user_id", "u" * 255, True),
        ("user_id", "u" * 256, False),
        ("user_id", "", False),
        ("consumer_generation", 0, True),
        ("consumer_generation", 1.5, False),
        ("consumer_generation", "1", False),
        ("consumer_type", "A_1", True),
        ("consumer_type", "A" * 255, True),
        ("consumer_type", "A" * 256, False),
        ("consumer_type", "", False),
        ("consumer_type", "a", False),
        ("consumer_type", "A\n", False),
        ("mappings", {"": 7}, True),
        ("mappings", {"\N{SNOWMAN}": 7}, True),
        ("mappings", {"_A": [BARE]}, True),
        ("mappings", {" a ": [UUID], "x" * 65: [UUID]}, True),
        ("mappings", {" a ": 7}, False),
        ("mappings", {"_A": ["x"]}, False),
        ("mappings", {"_A": []}, False),
        ("mappings", {}, False),
        ("mappings", [], False),
        ("x", 1, False),
    ],
)
def test_members(name, value, is_good):
    body = LATEST | {name: value}

    assert (accepting.versions(REPLACE, body) == "1.38-") == is_good
    several = accepting.versions(REPLACE_SEVERAL, {UUID: body})
    assert (several == "1.38-") == is_good
