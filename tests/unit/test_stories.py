"""Every microversion has a story in ``gabbits``."""

import pytest

from placement.api.microversion import MAX_VERSION
from tests.functional import stories

HEADER = "openstack-api-version"


def versions_of(path):
    """Return the versions that a story requests, and its default version."""
    story = stories.read(path)
    usual = story["defaults"]["request_headers"][HEADER]
    asked = {
        step.get("request_headers", {}).get(HEADER, usual) for step in story["tests"]
    }
    return asked, usual


@pytest.mark.parametrize("minor", range(1, MAX_VERSION.minor + 1))
def test_a_version_has_a_story_that_also_tests_the_version_before(minor):
    (path,) = stories.DIRECTORY.glob(f"microversion-1.{minor}-*.yaml")
    asked, usual = versions_of(path)

    assert usual == f"placement 1.{minor}"
    assert {f"placement 1.{minor - 1}", usual} <= asked
