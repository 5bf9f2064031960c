"""Filters of the usages of projects and users, by version."""

import pytest

from placement.schemas.usage import TOTAL_QUERY
from tests.unit.schemas import accepting


@pytest.mark.parametrize(
    ("query", "versions"),
    [
        ({"project_id": "p"}, "1.9-"),
        ({"project_id": "p" * 255, "user_id": "u" * 255}, "1.9-"),
        ({"project_id": "p" * 256}, "never"),
        ({"project_id": ""}, "never"),
        ({"project_id": "p", "user_id": ""}, "never"),
        ({"project_id": "p", "user_id": "u" * 256}, "never"),
        ({"user_id": "u"}, "never"),
        ({}, "never"),
        ({"project_id": "p", "consumer_type": "INSTANCE"}, "1.38-"),
        ({"project_id": "p", "consumer_type": "all"}, "1.38-"),
        ({"project_id": "p", "consumer_type": "allx"}, "1.38-"),
        ({"project_id": "p", "consumer_type": "unknown"}, "1.38-"),
        ({"project_id": "p", "consumer_type": "unknownx"}, "never"),
        ({"project_id": "p", "consumer_type": "A" * 256}, "never"),
        ({"project_id": "p", "consumer_type": ""}, "never"),
        ({"project_id": "p", "consumer_type": "INSTANCE\n"}, "never"),
        ({"project_id": "p", "x": "1"}, "never"),
    ],
)
def test_versions_of_a_query(query, versions):
    assert accepting.versions(TOTAL_QUERY, query) == versions
