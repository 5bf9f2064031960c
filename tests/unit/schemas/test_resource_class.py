"""Bodies of resource classes; they are the same at all versions."""

import pytest

from placement.schemas.resource_class import CREATE
from tests.unit.schemas import accepting


@pytest.mark.parametrize(
    ("body", "versions"),
    [
        ({"name": "CUSTOM_A_1"}, "1.2-"),
        ({"name": "CUSTOM_" + "A" * 248}, "1.2-"),
        ({"name": "CUSTOM_" + "A" * 249}, "never"),
        ({"name": "CUSTOM_"}, "never"),
        ({"name": "CUSTOM_a"}, "never"),
        ({"name": "CUSTOM_A\n"}, "never"),
        ({"name": "VCPU"}, "never"),
        ({"name": ""}, "never"),
        ({"name": 1}, "never"),
        ({"name": "CUSTOM_A", "x": 1}, "never"),
        ({}, "never"),
    ],
)
def test_versions_of_a_body_that_creates(body, versions):
    assert accepting.versions(CREATE, body) == versions


def test_error_texts_that_clients_match():
    assert "Failed validating 'pattern'" in accepting.error(CREATE, {"name": "VCPU"})
    assert "Failed validating 'maxLength'" in accepting.error(
        CREATE, {"name": "CUSTOM_" + "A" * 249}
    )
