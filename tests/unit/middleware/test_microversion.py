import pytest

from placement import exception
from placement.api.environ import VERSION
from placement.api.microversion import MAX_VERSION
from placement.middleware import microversion
from tests.unit.middleware.applications import Recorder, ask, service


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ({}, "1.0"),
        ({"OpenStack_API_Version": "placement latest"}, str(MAX_VERSION)),
        ({"OpenStack_API_Version": "compute 2.1, placement 1.05"}, "1.5"),
    ],
)
def test_the_version_is_in_the_environ_and_in_the_response(headers, version):
    below = Recorder()

    answer = ask(microversion.wrap(below, service()), **headers)

    assert str(below.environ[VERSION]) == version
    assert answer.headers["openstack-api-version"] == f"placement {version}"
    assert answer.headers["vary"] == "openstack-api-version"


@pytest.mark.parametrize("given", ["placement 9.9", "placement pony"])
def test_an_unsupported_version_does_not_reach_the_application(given):
    below = Recorder()

    with pytest.raises((exception.VersionNotAcceptable, exception.BadRequest)):
        ask(microversion.wrap(below, service()), OpenStack_API_Version=given)

    assert below.environ is None
