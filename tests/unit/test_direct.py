"""The client of a service in this process."""

import pytest

from placement.api.microversion import MAX_VERSION
from placement.direct import PlacementDirect
from tests.unit import in_process


@pytest.fixture
def conf(tmp_path):
    conf = in_process.configuration(tmp_path)
    conf.set_override("auth_strategy", "keystone", group="api")
    return conf


def test_the_caller_is_an_administrator(conf):
    with PlacementDirect(conf) as client:
        response = client.get("/resource_providers")

    assert response
    assert response.status_code == 200
    assert response.json() == {"resource_providers": []}
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("is_latest", "version"), [(True, str(MAX_VERSION)), (False, "1.0")]
)
def test_the_client_asks_for_the_oldest_or_the_latest_version(conf, is_latest, version):
    with PlacementDirect(conf, latest_microversion=is_latest) as client:
        response = client.get("/resource_providers")

    assert response.headers["OpenStack-API-Version"] == f"placement {version}"


def test_a_request_can_override_the_version(conf):
    with PlacementDirect(conf, latest_microversion=True) as client:
        by_argument = client.get("/traits", microversion="1.6")
        by_header = client.get(
            "/traits", headers={"OpenStack-API-Version": "placement 1.7"}
        )

    assert by_argument.headers["openstack-api-version"] == "placement 1.6"
    assert by_header.headers["openstack-api-version"] == "placement 1.7"


def test_each_method_sends_bodies_and_parameters(conf):
    with PlacementDirect(conf, latest_microversion=True) as client:
        created = client.post("/resource_providers", json={"name": "a b"})
        path = f"/resource_providers/{created.json()['uuid']}"
        found = client.get("resource_providers", params={"name": "a b"})
        renamed = client.put(
            path, data='{"name": "c"}', headers={"content-type": "application/json"}
        )
        deleted = client.delete(path)
        unknown = client.patch(path)
        bodiless = client.head(path)

    assert [each["name"] for each in found.json()["resource_providers"]] == ["a b"]
    assert renamed.json()["name"] == "c"
    assert (deleted.status_code, deleted.text) == (204, "")
    assert (unknown.status_code, bodiless.status_code) == (405, 405)


def test_an_error_status_raises_nothing(conf):
    with PlacementDirect(conf, latest_microversion=True) as client:
        response = client.get("/allocation_candidates")

    assert not response
    assert (response.status_code, response.reason) == (400, "Bad Request")
    assert "at least one resources" in response.text


def test_the_configuration_is_restored(conf):
    with PlacementDirect(conf):
        assert conf.api.auth_strategy == "noauth2"

    assert conf.api.auth_strategy == "keystone"


def test_the_configuration_is_restored_after_a_failure(conf, tmp_path):
    conf.set_override("connection", None, group="placement_database")

    with pytest.raises(Exception, match="connection"), PlacementDirect(conf):
        pass

    assert conf.api.auth_strategy == "keystone"
