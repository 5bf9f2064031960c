"""The rules, their defaults and the operations that they guard."""

import pathlib
import subprocess
import sys

import pytest
from oslo_policy import policy

from placement import policies
from placement.api import routes
from placement.cmd import policies as documented
from placement.policies import base

RULES = {rule.name: rule for rule in policies.list_rules()}
BASE = {rule.name for rule in base.RULES}
GUARDING = sorted(RULES.keys() - BASE)


def test_names_of_rules_are_unique():
    assert len(policies.list_rules()) == len(RULES)


@pytest.mark.parametrize("name", sorted(BASE - {"admin_api"}))
def test_a_base_rule_has_its_deprecated_form(name):
    former = RULES[name].deprecated_rule

    assert (former.name, former.check_str) == ("rule:admin_api", "role:admin")


@pytest.mark.parametrize("name", GUARDING)
def test_the_scope_of_a_rule_is_the_project(name):
    assert RULES[name].scope_types == ["project"]


def test_the_documented_rules_are_the_enforced_rules():
    def facts(rules):
        return [(one.name, one.check_str, one.description) for one in rules]

    assert facts(documented.list_rules()) == facts(policies.list_rules())


def test_every_rule_names_the_operations_that_it_guards():
    guarded = {
        f"{route['method']} {route['path']}": rule.name
        for rule in documented.list_rules()
        if isinstance(rule, policy.DocumentedRuleDefault)
        for route in rule.operations
    }

    assert set(guarded.values()) == set(GUARDING)
    of_the_api = {one.name: one.rule for one in routes.OPERATIONS if one.rule}
    assert of_the_api.items() <= guarded.items()


def run(program, *arguments):
    path = pathlib.Path(sys.executable).with_name(program)
    subprocess.run([path, "--namespace", "placement", *arguments], check=True)


def test_oslopolicy_sample_generator_finds_the_rules(tmp_path):
    sample = tmp_path / "policy.yaml.sample"

    run("oslopolicy-sample-generator", "--output-file", sample)

    text = sample.read_text()
    assert [name for name in RULES if f'#"{name}": ' not in text] == []


def test_oslopolicy_policy_generator_finds_the_rules_in_force(tmp_path):
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
