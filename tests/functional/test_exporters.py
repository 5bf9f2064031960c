"""Exporters that read the tables by SQL show what ``/metrics/providers`` shows."""

import typing
import uuid

import os_resource_classes
import pytest
import sqlalchemy as sa
import webob
from prometheus_client import parser

from placement import client
from tests.servers import server

HEADERS = {"x-auth-token": "admin", "x-roles": "auditor"}
HOST, CHILD, EMPTY = (str(uuid.UUID(int=number)) for number in (1, 2, 3))
CONSUMERS = [str(uuid.UUID(int=number)) for number in range(10, 14)]
FLAVOR = "m1.small"

# Plain SQL over the tables of a former service only, without columns of our own.
INVENTORIES = """
SELECT p.name AS hostname, c.name AS resourcetype, i.total, i.reserved,
       i.allocation_ratio, p.generation, COALESCE(SUM(a.used), 0) AS used
FROM inventories i
JOIN resource_providers p ON p.id = i.resource_provider_id
JOIN resource_classes c ON c.id = i.resource_class_id
LEFT JOIN allocations a ON a.resource_provider_id = i.resource_provider_id
     AND a.resource_class_id = i.resource_class_id
GROUP BY p.id, p.name, c.id, c.name, i.id, i.total, i.reserved,
         i.allocation_ratio, p.generation
"""
PROJECTS = """
SELECT j.external_id AS project_id, c.name AS placement_resource, SUM(a.used) AS used
FROM allocations a
JOIN consumers k ON k.uuid = a.consumer_id
JOIN projects j ON j.id = k.project_id
JOIN resource_classes c ON c.id = a.resource_class_id
GROUP BY j.id, j.external_id, c.id, c.name
"""
ALLOCATIONS = """
SELECT p.name AS hostname, k.uuid AS uuid, c.name AS resourcetype, a.used
FROM allocations a
JOIN resource_providers p ON p.id = a.resource_provider_id
JOIN resource_classes c ON c.id = a.resource_class_id
JOIN consumers k ON k.uuid = a.consumer_id
"""
CONSUMERS_OF_PROJECTS = """
SELECT j.external_id AS project_id, COUNT(*) AS consumers
FROM consumers k JOIN projects j ON j.id = k.project_id
GROUP BY j.external_id
"""
OWNERS = """
SELECT k.id, k.uuid, k.generation, j.external_id AS project, s.external_id AS owner
FROM users s
JOIN consumers k ON k.user_id = s.id
JOIN projects j ON j.id = k.project_id
ORDER BY k.created_at, k.id
"""
CLASSES = "SELECT id, name FROM resource_classes"

# The gauges of inventories, and the columns that they show.
COLUMNS = {
    "openstack_placement_resource_total": "total",
    "openstack_placement_resource_reserved": "reserved",
    "openstack_placement_resource_allocation_ratio": "allocation_ratio",
    "openstack_placement_resource_usage": "used",
    "openstack_placement_resource_generation": "generation",
}

# The labels of the gauges of openstack-exporter and of os-capacity.
LABELS: dict[str, set[str]] = {
    "openstack_placement_up": set(),
    **{name: {"hostname", "resourcetype"} for name in COLUMNS},
    "openstack_placement_resource_provider_allocations": {
        *("hostname", "uuid", "resourcetype")
    },
    "openstack_hypervisor_placement_allocated": {"hypervisor", "resource"},
    "openstack_hypervisor_placement_allocatable_capacity": {"hypervisor", "resource"},
    "openstack_project_usage": {"project_id", "project_name", "placement_resource"},
    "openstack_free_capacity_by_flavor_total": {"flavor_name", "public"},
    "openstack_free_capacity_hypervisor_by_flavor": {
        *("hypervisor", "flavor_name", "az_aggregate", "project_aggregate")
    },
}

# Labels to values, by gauge.
Gauges = dict[str, dict[frozenset[tuple[str, str]], float]]


def build(application: server.Application) -> None:
    """Create a host with a child and two projects' consumers, and an unused host."""
    api = client.Client(client.WSGITransport(application))
    offer = client.Inventory
    for name, each, parent, inventories in (
        ("host", HOST, None, {"MEMORY_MB": offer(4096, reserved=512)}),
        ("child", CHILD, HOST, {"VCPU": offer(8, allocation_ratio=1.7)}),
        ("empty", EMPTY, None, {"VCPU": offer(4), "CUSTOM_FPGA": offer(2)}),
    ):
        api.create_provider(name, uuid=each, parent_uuid=parent)
        for resource_class in inventories:
            if resource_class.startswith("CUSTOM_"):
                api.ensure_resource_class(resource_class)
        api.replace_inventories(each, client.Inventories(0, inventories))
    for number, consumer in enumerate(CONSUMERS):
        held = {CHILD: {"VCPU": number + 1}, HOST: {"MEMORY_MB": 100}}
        owner = {
            "project_id": f"project-{number % 2}",
            "user_id": f"user-{number}",
            "consumer_type": "INSTANCE",
        }
        assert api.claim(consumer, client.AllocationRequest(held), **owner)
    api.delete_allocations(CONSUMERS[3])


@pytest.fixture
def gauges(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Gauges:
    """The gauges of a small cloud, with allocations and the capacity of a flavor."""
    requests = tmp_path_factory.mktemp("requests") / "requests"
    requests.write_text(f"{FLAVOR} resources=VCPU:1\n")
    options = {"metrics": {"allocations": "true", "capacity_requests": str(requests)}}
    with server.in_process(database_url, options) as application:
        build(application)
        request = webob.Request.blank("/metrics/providers", headers=HEADERS)
        answer = request.get_response(application)
    assert answer.status_int == 200, answer.text
    return {
        family.name: {
            frozenset(sample.labels.items()): sample.value for sample in family.samples
        }
        for family in parser.text_string_to_metric_families(answer.text)
    }


def rows(engine: sa.Engine, statement: str) -> list[dict[str, typing.Any]]:
    with engine.connect() as conn:
        found = [dict(row) for row in conn.execute(sa.text(statement)).mappings()]
    for row in found:
        # MariaDB and PostgreSQL return sums as Decimal or int.
        if "used" in row:
            row["used"] = int(row["used"])
    return found


def labels(
    row: dict[str, typing.Any], *names: str, **others: str
) -> frozenset[tuple[str, str]]:
    return frozenset({**{name: row[name] for name in names}, **others}.items())


def test_inventories_by_sql_are_the_gauges(gauges: Gauges, engine: sa.Engine) -> None:
    found = rows(engine, INVENTORIES)

    assert {(row["hostname"], row["resourcetype"]) for row in found} == {
        *(("host", "MEMORY_MB"), ("child", "VCPU")),
        *(("empty", "VCPU"), ("empty", "CUSTOM_FPGA")),
    }
    assert {row["used"] for row in found} == {0, 300, 1 + 2 + 3}
    for name, column in COLUMNS.items():
        assert gauges[name] == pytest.approx(
            {labels(row, "hostname", "resourcetype"): row[column] for row in found}
        ), name


def test_usage_of_projects_by_sql_is_the_gauge(
    gauges: Gauges, engine: sa.Engine
) -> None:
    found = rows(engine, PROJECTS)

    assert len(found) == 4
    assert gauges["openstack_project_usage"] == {
        labels(row, "project_id", "placement_resource", project_name=""): row["used"]
        for row in found
    }


def test_allocations_by_sql_are_the_gauge(gauges: Gauges, engine: sa.Engine) -> None:
    found = rows(engine, ALLOCATIONS)

    assert len(found) == 6
    assert gauges["openstack_placement_resource_provider_allocations"] == {
        labels(row, "hostname", "uuid", "resourcetype"): row["used"] for row in found
    }


@pytest.mark.usefixtures("gauges")
def test_consumers_by_sql_are_those_that_hold_something(engine: sa.Engine) -> None:
    counts, owners = rows(engine, CONSUMERS_OF_PROJECTS), rows(engine, OWNERS)

    assert {row["project_id"]: row["consumers"] for row in counts} == {
        "project-0": 2,
        "project-1": 1,
    }
    # In the order of their creation; the last one has released all.
    assert [(row["uuid"], row["project"], row["owner"]) for row in owners] == [
        (consumer, f"project-{number % 2}", f"user-{number}")
        for number, consumer in enumerate(CONSUMERS[:3])
    ]
    assert all(row["generation"] for row in owners)


@pytest.mark.usefixtures("gauges")
def test_classes_by_sql_have_their_names_and_standard_ids(engine: sa.Engine) -> None:
    ids = {row["name"]: row["id"] for row in rows(engine, CLASSES)}

    assert [ids[name] for name in os_resource_classes.STANDARDS] == list(
        range(len(os_resource_classes.STANDARDS))
    )
    assert ids["CUSTOM_FPGA"] >= 10_000


def test_capacity_and_allocated_units_follow_from_sql(
    gauges: Gauges, engine: sa.Engine
) -> None:
    allocated, capacity = {}, {}
    for row in rows(engine, INVENTORIES):
        key = frozenset(
            {"hypervisor": row["hostname"], "resource": row["resourcetype"]}.items()
        )
        allocated[key] = row["used"]
        units = (row["total"] - row["reserved"]) * row["allocation_ratio"]
        capacity[key] = int(units)

    assert gauges["openstack_hypervisor_placement_allocated"] == allocated
    assert gauges["openstack_hypervisor_placement_allocatable_capacity"] == capacity


def test_the_gauges_of_dashboards_have_their_labels(gauges: Gauges) -> None:
    for name, expected in LABELS.items():
        assert gauges[name], name
        for sample in gauges[name]:
            assert {label for label, _ in sample} == expected, name
    (total,) = gauges["openstack_free_capacity_by_flavor_total"].values()
    by_host = gauges["openstack_free_capacity_hypervisor_by_flavor"].values()
    assert total == sum(by_host) == (13 - 6) + 4
