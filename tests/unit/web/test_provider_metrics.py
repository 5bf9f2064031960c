"""The gauges of a cloud: their format, and the option for allocations."""

import json

import pytest
from prometheus_client import parser

from placement import deploy, exception
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

    def gauges(allocations, requests=None):
        configuration = in_process.configuration(tmp_path)
        if requests is not None:
            path = tmp_path / "requests"
            path.write_text(requests)
            configuration.set_override("capacity_requests", str(path), group="metrics")
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
    found = gauges(allocations=True, requests="small resources=VCPU:1")

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


def test_the_capacity_of_each_request_is_shown(gauges):
    requests = (
        "# flavors\n\nm1.small  resources=VCPU:2\nm1.large\tresources=VCPU:6\n"
        "lost resources=CUSTOM_NONE:1\n"
    )

    found = gauges(allocations=False, requests=requests)

    assert [
        (sample.labels, sample.value)
        for sample in found["openstack_free_capacity_by_flavor_total"]
    ] == [
        ({"flavor_name": "m1.small", "public": ""}, 2),
        ({"flavor_name": "m1.large", "public": ""}, 0),
    ]
    others = {"hypervisor": 'a"\\b', "az_aggregate": "", "project_aggregate": ""}
    assert [
        (sample.labels, sample.value)
        for sample in found["openstack_free_capacity_hypervisor_by_flavor"]
    ] == [
        ({**others, "flavor_name": "m1.small"}, 2),
        ({**others, "flavor_name": "m1.large"}, 0),
    ]


def test_without_requests_no_capacity_is_shown(gauges):
    assert "openstack_free_capacity_by_flavor_total" not in gauges(allocations=False)


@pytest.mark.parametrize(
    ("requests", "reason"),
    [
        ("one resources=VCPU", "line 1: Badly formed resources"),
        ("one", "line 1: There must be at least one resources"),
        (
            "one resources=VCPU:1\none resources=VCPU:2",
            "line 2: .*'one' more than once",
        ),
        ("\n".join(f"r{n} resources=VCPU:1" for n in range(201)), "has 201 requests"),
    ],
)
def test_a_service_with_invalid_requests_does_not_start(gauges, requests, reason):
    with pytest.raises(exception.ConfigurationError, match=reason):
        gauges(allocations=False, requests=requests)


def test_a_service_whose_requests_are_missing_does_not_start(tmp_path):
    configuration = in_process.configuration(tmp_path)
    missing = str(tmp_path / "missing")
    configuration.set_override("capacity_requests", missing, group="metrics")

    with pytest.raises(exception.ConfigurationError, match="capacity_requests"):
        deploy.loadapp(configuration)
