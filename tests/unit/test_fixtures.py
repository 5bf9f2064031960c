"""The fixtures that the test suites of other services import."""

import logging
import os
import subprocess
import sys

import pytest
import requests
from oslo_config import cfg
from oslo_config import fixture as config_fixture

from placement import conf, direct
from placement.tests import fixtures as placement_db
from placement.tests.functional.fixtures import capture
from placement.tests.functional.fixtures.placement import PlacementFixture

PROVIDER = {"name": "a", "uuid": "a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01"}


def send(fixture, method, path, token=None, **given):
    headers = {
        "x-auth-token": token or fixture.token,
        "openstack-api-version": "placement latest",
    }
    url = fixture.endpoint + path
    return requests.request(method, url, headers=headers, timeout=60, **given)


def test_the_service_answers_at_its_endpoint_until_the_fixture_ends():
    with PlacementFixture() as fixture:
        created = send(fixture, "POST", "/resource_providers", json=PROVIDER)
        listed = send(fixture, "GET", "/resource_providers")
    with pytest.raises(requests.ConnectionError):
        send(fixture, "GET", "/resource_providers")

    assert created.status_code == 200
    assert [each["name"] for each in listed.json()["resource_providers"]] == ["a"]


def test_two_fixtures_have_two_endpoints_and_two_databases():
    with PlacementFixture() as one, PlacementFixture() as two:
        send(one, "POST", "/resource_providers", json=PROVIDER)
        found = send(two, "GET", "/resource_providers").json()

    assert found == {"resource_providers": []}


def test_the_first_token_may_reshape_and_another_may_nothing():
    inventories = {"resource_provider_generation": 0, "inventories": {}}
    body = {"inventories": {PROVIDER["uuid"]: inventories}, "allocations": {}}
    with PlacementFixture() as fixture:
        send(fixture, "POST", "/resource_providers", json=PROVIDER)
        allowed = send(fixture, "POST", "/reshaper", json=body)
        forbidden = send(fixture, "POST", "/reshaper", token="b", json=body)
    with PlacementFixture(token="b") as fixture:
        listed = send(fixture, "GET", "/resource_providers")

    assert (allowed.status_code, forbidden.status_code) == (204, 403)
    assert listed.status_code == 403


def test_a_database_outlives_the_services_that_use_it():
    with config_fixture.Config(cfg.ConfigOpts()) as conf_fixture:
        conf.register_opts(conf_fixture.conf)
        given = {
            "conf_fixture": conf_fixture,
            "db": False,
            "register_opts": False,
        }
        with placement_db.Database(conf_fixture, set_config=True):
            with PlacementFixture(**given) as fixture:
                send(fixture, "POST", "/resource_providers", json=PROVIDER)
            with PlacementFixture(**given) as fixture:
                found = send(fixture, "GET", "/resource_providers").json()

    assert len(found["resource_providers"]) == 1


def test_a_database_that_is_configured_is_migrated(tmp_path):
    url = f"sqlite:///{tmp_path / 'placement.db'}"
    with config_fixture.Config(cfg.ConfigOpts()) as conf_fixture:
        conf.register_opts(conf_fixture.conf)
        conf_fixture.config(group="placement_database", connection=url)
        with (
            placement_db.Database(conf_fixture),
            PlacementFixture(
                conf_fixture=conf_fixture, db=False, register_opts=False
            ) as fixture,
        ):
            created = send(fixture, "POST", "/resource_providers", json=PROVIDER)

    assert created.status_code == 200
    assert (tmp_path / "placement.db").exists()


def test_without_interception_the_configuration_is_ready_for_a_direct_client():
    with (
        config_fixture.Config(cfg.ConfigOpts()) as conf_fixture,
        PlacementFixture(conf_fixture=conf_fixture, use_intercept=False) as fixture,
        direct.PlacementDirect(conf_fixture.conf, latest_microversion=True) as client,
    ):
        created = client.post("/resource_providers", json=PROVIDER)

    assert created.status_code == 200
    assert not hasattr(fixture, "endpoint")


def test_the_policy_of_the_machine_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "policy.yaml").write_text('"placement:resource_providers:list": "!"')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    with PlacementFixture() as fixture:
        listed = send(fixture, "GET", "/resource_providers")

    assert listed.status_code == 200


def test_a_log_is_captured(capfd):
    with capture.Logging() as captured:
        logging.getLogger("placement.some").info("one line")

    assert "INFO [placement.some] one line" in captured.logger.output
    assert capfd.readouterr() == ("", "")


def test_a_missing_library_is_named_with_the_extra_that_has_it():
    blocked = "import sys; sys.modules['wsgi_intercept'] = None; "
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            blocked + "import placement.tests.functional.fixtures.placement",
        ],
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: The fixtures of placement.tests need wsgi_intercept: "
        "pip install 'standalone-placement[fixtures]'"
    )
