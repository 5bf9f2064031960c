"""Bodies and filters of resource providers, by version."""

import pytest

from placement.schemas.resource_provider import CREATE, LIST_QUERY, UPDATE
from tests.unit.schemas import accepting

UUID = "b4cc2d1e-52a0-4d2a-8a3b-0123456789ab"
BARE = UUID.replace("-", "")


@pytest.mark.parametrize(
    ("body", "versions"),
    [
        ({"name": "a"}, "1.0-"),
        ({"name": "a", "uuid": UUID}, "1.0-"),
        ({"name": "a", "uuid": BARE}, "1.0-"),
        ({"name": "a", "parent_provider_uuid": UUID}, "1.14-"),
        ({"name": "a", "parent_provider_uuid": BARE}, "1.14-"),
        ({"name": "a", "parent_provider_uuid": None}, "1.14-"),
        ({"name": "a", "parent_provider_uuid": "x"}, "never"),
        ({"name": "a", "parent_provider_uuid": 1}, "never"),
        ({"name": "a" * 200}, "1.0-"),
        ({"name": "a" * 201}, "never"),
        ({"name": "\N{SNOWMAN} \n"}, "1.0-"),
        ({"name": ""}, "never"),
        ({"name": None}, "never"),
        ({"name": "a", "uuid": "x"}, "never"),
        ({"name": "a", "uuid": None}, "never"),
        ({"name": "a", "generation": 1}, "never"),
        ({"uuid": UUID}, "never"),
        ({}, "never"),
        ([], "never"),
        (None, "never"),
    ],
)
def test_versions_of_a_body_that_creates(body, versions):
    assert accepting.versions(CREATE, body) == versions


@pytest.mark.parametrize(
    ("body", "versions"),
    [
        ({"name": "a"}, "1.0-"),
        ({"name": "a", "parent_provider_uuid": UUID}, "1.14-"),
        ({"name": "a", "parent_provider_uuid": None}, "1.14-"),
        ({"parent_provider_uuid": UUID}, "never"),
        ({"name": "a", "uuid": UUID}, "never"),
        ({"name": ""}, "never"),
        ({"name": "a" * 201}, "never"),
    ],
)
def test_versions_of_a_body_that_updates(body, versions):
    assert accepting.versions(UPDATE, body) == versions


@pytest.mark.parametrize(
    ("query", "versions"),
    [
        ({}, "1.0-"),
        ({"name": ""}, "1.0-"),
        ({"uuid": UUID.upper()}, "1.0-"),
        ({"uuid": BARE}, "never"),
        ({"uuid": ""}, "never"),
        ({"member_of": ""}, "1.3-"),
        ({"resources": ""}, "1.4-"),
        ({"in_tree": UUID}, "1.14-"),
        ({"in_tree": BARE}, "never"),
        ({"required": ""}, "1.18-"),
        ({"required1": ""}, "never"),
        ({"limit": "1"}, "never"),
    ],
)
def test_versions_of_a_query(query, versions):
    assert accepting.versions(LIST_QUERY, query) == versions


def test_error_texts_that_clients_match():
    assert "'name' is a required property" in accepting.error(CREATE, {})
    assert "'x' is not a 'uuid'" in accepting.error(CREATE, {"name": "a", "uuid": "x"})
    assert "'x' is not a 'uuid'" in accepting.error(
        CREATE, {"name": "a", "parent_provider_uuid": "x"}
    )
    assert "'' is not a 'uuid'" in accepting.error(LIST_QUERY, {"in_tree": ""})
    assert "Additional properties are not allowed ('x' was unexpected)" in (
        accepting.error(LIST_QUERY, {"x": ""})
    )
