"""The gauges of a cloud: their format, and the option for allocations."""

import json

import pytest
from prometheus_client import parser

from placement import deploy
from placement.web import provider_metrics
from tests.unit import in_process
from tests.unit.middleware.applications import ask

ADMIN = {"X_Auth_Token": "admin", "OpenStack_API_Version": "placement 1.39"}
HOST = "a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01"
CONSUMER = "c1f7a2be-2f3d-4a5c-8b6e-1e5a7c2b8d01"
ALLOCATIONS = "openstack_placement_resource_provider_allocations"


def send(application, method, path, body):
    answer = ask(
        application,
        path,
        method,
        body=json.dumps(body).encode(),
        Content_Type="application/json",
        **ADMIN,
    )
    assert answer.status_int < 300, answer.text


@pytest.fixture
def gauges(tmp_path):
    """Return a function that returns the samples of each gauge of a small cloud."""

    def gauges(allocations):
        configuration = in_process.configuration(tmp_path)
        configuration.set_override("allocations", allocations, group="metrics")
        application = deploy.loadapp(configuration)
        send(
            application, "POST", "/resource_providers", {"name": 'a"\\b', "uuid": HOST}
        )
        send(
            application,
            "PUT",
            f"/resource_providers/{HOST}/inventories",
            {
                "resource_provider_generation": 0,
                "inventories": {"VCPU": {"total": 8}},
            },
        )
        send(
            application,
            "PUT",
            f"/allocations/{CONSUMER}",
            {
                "allocations": {HOST: {"resources": {"VCPU": 3}}},
                "project_id": "p",
                "user_id": "u",
                "consumer_generation": None,
                "consumer_type": "INSTANCE",
            },
        )
        text = ask(application, "/metrics/providers", **ADMIN).text
        families = parser.text_string_to_metric_families(text)
        return {family.name: family.samples for family in families}

    return gauges


def test_prometheus_parses_every_gauge(gauges):
    found = gauges(allocations=True)

    assert list(found) == list(provider_metrics.GAUGES)
    (total,) = found["openstack_placement_resource_total"]
    assert total.labels == {"hostname": 'a"\\b', "resourcetype": "VCPU"}
    assert total.value == 8
    (held,) = found[ALLOCATIONS]
    assert held.labels == {
        "hostname": 'a"\\b',
        "uuid": CONSUMER,
        "resourcetype": "VCPU",
    }
    assert held.value == 3


def test_allocations_are_off_by_default(gauges):
    assert ALLOCATIONS not in gauges(allocations=False)
