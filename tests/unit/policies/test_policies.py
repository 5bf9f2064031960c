"""The rules, their defaults and their documentation."""

import pathlib
import subprocess
import sys

import pytest

from placement import policies

BASE = {
    "admin_api": "role:admin",
    "service_api": "role:service",
    "admin_or_service_api": "role:admin or role:service",
    "project_reader_api": "role:reader and project_id:%(project_id)s",
    "admin_or_project_reader_or_service_api": (
        "role:admin or rule:project_reader_api or role:service"
    ),
}

PROVIDER = "/resource_providers/{uuid}"

ROUTES = {
    "placement:resource_providers:list": {"GET /resource_providers"},
    "placement:resource_providers:create": {"POST /resource_providers"},
    "placement:resource_providers:show": {f"GET {PROVIDER}"},
    "placement:resource_providers:update": {f"PUT {PROVIDER}"},
    "placement:resource_providers:delete": {f"DELETE {PROVIDER}"},
    "placement:resource_providers:inventories:list": {f"GET {PROVIDER}/inventories"},
    "placement:resource_providers:inventories:create": {f"POST {PROVIDER}/inventories"},
    "placement:resource_providers:inventories:show": {
        f"GET {PROVIDER}/inventories/{{resource_class}}"
    },
    "placement:resource_providers:inventories:update": {
        f"PUT {PROVIDER}/inventories",
        f"PUT {PROVIDER}/inventories/{{resource_class}}",
    },
    "placement:resource_providers:inventories:delete": {
        f"DELETE {PROVIDER}/inventories",
        f"DELETE {PROVIDER}/inventories/{{resource_class}}",
    },
    "placement:resource_providers:aggregates:list": {f"GET {PROVIDER}/aggregates"},
    "placement:resource_providers:aggregates:update": {f"PUT {PROVIDER}/aggregates"},
    "placement:resource_providers:traits:list": {f"GET {PROVIDER}/traits"},
    "placement:resource_providers:traits:update": {f"PUT {PROVIDER}/traits"},
    "placement:resource_providers:traits:delete": {f"DELETE {PROVIDER}/traits"},
    "placement:resource_providers:usages": {f"GET {PROVIDER}/usages"},
    "placement:resource_providers:allocations:list": {f"GET {PROVIDER}/allocations"},
    "placement:resource_classes:list": {"GET /resource_classes"},
    "placement:resource_classes:create": {"POST /resource_classes"},
    "placement:resource_classes:show": {"GET /resource_classes/{name}"},
    "placement:resource_classes:update": {"PUT /resource_classes/{name}"},
    "placement:resource_classes:delete": {"DELETE /resource_classes/{name}"},
    "placement:traits:list": {"GET /traits"},
    "placement:traits:show": {"GET /traits/{name}"},
    "placement:traits:update": {"PUT /traits/{name}"},
    "placement:traits:delete": {"DELETE /traits/{name}"},
    "placement:allocations:manage": {"POST /allocations"},
    "placement:allocations:list": {"GET /allocations/{consumer_uuid}"},
    "placement:allocations:update": {"PUT /allocations/{consumer_uuid}"},
    "placement:allocations:delete": {"DELETE /allocations/{consumer_uuid}"},
    "placement:allocation_candidates:list": {"GET /allocation_candidates"},
    "placement:usages": {"GET /usages"},
    "placement:reshaper:reshape": {"POST /reshaper"},
    "placement:ext:read": {"GET /-/v1/providers"},
}

CHECKS = {
    "placement:usages": "rule:admin_or_project_reader_or_service_api",
    "placement:reshaper:reshape": "rule:service_api",
    "placement:ext:read": "rule:admin_or_service_api or role:auditor",
}

RULES = {rule.name: rule for rule in policies.list_rules()}


def test_these_are_the_rules():
    assert RULES.keys() == BASE.keys() | ROUTES.keys()
    assert len(policies.list_rules()) == len(RULES)


@pytest.mark.parametrize("name", BASE)
def test_a_base_rule_has_its_default(name):
    assert RULES[name].check_str == BASE[name]


@pytest.mark.parametrize("name", sorted(BASE.keys() - {"admin_api"}))
def test_a_base_rule_that_changed_has_its_former_form(name):
    former = RULES[name].deprecated_rule

    assert (former.name, former.check_str) == ("rule:admin_api", "role:admin")


@pytest.mark.parametrize("name", ROUTES)
def test_an_operation_has_its_routes_and_its_default(name):
    rule = RULES[name]

    routes = {
        f"{operation['method']} {operation['path']}" for operation in rule.operations
    }
    assert routes == ROUTES[name]
    assert rule.check_str == CHECKS.get(name, "rule:admin_or_service_api")
    assert rule.scope_types == ["project"]


def run(program, *arguments):
    path = pathlib.Path(sys.executable).with_name(program)
    subprocess.run([path, "--namespace", "placement", *arguments], check=True)


def test_the_sample_generator_finds_the_rules(tmp_path):
    sample = tmp_path / "policy.yaml.sample"

    run("oslopolicy-sample-generator", "--output-file", sample)

    text = sample.read_text()
    assert [name for name in RULES if f'#"{name}": ' not in text] == []


def test_the_policy_generator_finds_the_rules_in_force(tmp_path):
    configuration = tmp_path / "placement.conf"
    configuration.touch()
    (tmp_path / "policy.yaml").write_text('"placement:traits:list": "role:mine"\n')
    output = tmp_path / "effective.yaml"

    run(
        "oslopolicy-policy-generator",
        "--output-file",
        output,
        "--config-file",
        configuration,
    )

    lines = output.read_text().splitlines()
    assert '"placement:traits:list": "role:mine"' in lines
    assert '"placement:traits:show": "rule:admin_or_service_api"' in lines
