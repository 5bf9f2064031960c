"""The command ``placement why``."""

import json

import pytest

from placement.client import ProviderTraits


@pytest.fixture
def claimed(command, hosts):
    """Claim 1 of the 2 VCPU of the host two."""
    assert command("claim", "VCPU=1", "--in-tree", "two").exit_code == 0


def lines(result):
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


@pytest.mark.usefixtures("claimed")
def test_a_funnel_the_nearest_hosts_and_the_changes_are_shown(command):
    shown = lines(command("why", "VCPU=2"))

    assert shown == [
        "No candidates (full): 1 host lacks only VCPU; the most that any of them has "
        "free is 1.",
        "",
        "all hosts    ████████████████████████ 2",
        "VCPU=2",
        "  offers     ████████████████████████ 2",
        "  min_unit   ████████████████████████ 2",
        "  step_size  ████████████████████████ 2",
        "  max_unit   ████████████████████████ 2",
        "  size       ████████████░░░░░░░░░░░░ 1",
        "  room       ░░░░░░░░░░░░░░░░░░░░░░░░ 0  1 host only by this",
        "candidates   ░░░░░░░░░░░░░░░░░░░░░░░░ 0",
        "",
        "Nearest hosts, and what they lack:",
        "  two: VCPU 1 short (1 free of 2)",
        "  one: VCPU 1 short (1 free of 1)",
        "",
        "It would fit with one of these changes:",
        "  VCPU=1 (size): 2 hosts",
    ]


@pytest.mark.usefixtures("claimed")
def test_one_host_is_explained_by_its_name(command):
    shown = lines(command("why", "VCPU=2,DISK_GB=1", "--on", "two"))

    at = shown.index("What fails in the tree of two:")
    assert shown[at + 1 : at + 3] == [
        "  two: VCPU 1 short (1 free of 2); no DISK_GB",
        "",
    ]
    assert not [line for line in shown if line.startswith("  one:")]


def test_each_provider_of_a_tree_is_explained(command, client, hosts):
    client.create_provider("child", parent_uuid=hosts.two)

    by_child = lines(command("why", "VCPU=2", "--on", "child"))

    at = by_child.index("What fails in the tree of two:")
    assert by_child[at + 1 :] == ["  child: no VCPU"]
    assert by_child[0] == "1 host of 2 can serve the request."


def test_providers_that_are_quarantined_have_their_names(command, client, hosts):
    client.create_provider("child", parent_uuid=hosts.two)
    client.set_provider_state(hosts.two, "quarantined")

    shown = lines(command("why", "VCPU=2", "--on", "two"))

    at = shown.index("What fails in the tree of two:")
    assert [line.partition(":")[0] for line in shown[at + 1 : at + 3]] == [
        "  two",
        "  child",
    ]


def test_a_rule_that_fails_is_shown_at_the_root(command, client, hosts):
    shown = lines(
        command(
            "why",
            *("--group", "_A:resources=VCPU=1", "--group", "_B:resources=VCPU=1"),
            *("--group-policy", "isolate", "--on", "two"),
        )
    )

    assert shown[shown.index("What fails in the tree of two:") + 1 :][:2] == [
        "  two: the rule isolate",
        "",
    ]


@pytest.mark.usefixtures("hosts")
def test_a_host_on_which_nothing_fails_is_said_to_fit(command):
    shown = lines(command("why", "VCPU=2", "--on", "two"))

    assert shown[-2:] == ["What fails in the tree of two:", "  nothing"]


def test_conditions_and_rules_are_named(command, client, hosts):
    client.replace_provider_traits(hosts.two, ProviderTraits(1, {"HW_NUMA_ROOT"}))

    shown = lines(
        command(
            "why",
            *("--group", "_A:resources=VCPU=1;required=HW_NUMA_ROOT"),
            *("--group", "_B:resources=VCPU=1", "--group-policy", "isolate"),
        )
    )

    assert "group _A VCPU=1" in shown
    assert "  isolate                leaves none on 1 host" in shown
    assert "  without the rule isolate: 1 host" in shown
    assert "  two: the rule isolate" in shown
    assert "  one: required HW_NUMA_ROOT of group _A" in shown


def test_a_request_that_fits_is_no_failure(command, hosts):
    shown = lines(command("why", "VCPU=2", "--hosts", "0"))

    assert shown[0] == "1 host of 2 can serve the request."
    assert shown[-1].endswith(" 1")


def test_json_is_the_document_of_the_service(command, client, hosts):
    found = json.loads(command("why", "VCPU=4", "--json").stdout)

    assert found == client.explain("resources=VCPU:4")
    assert found["cause"] == "too_large"


@pytest.mark.usefixtures("hosts")
def test_an_unknown_provider_is_an_error(command):
    result = command("why", "VCPU=1", "--on", "nowhere")

    assert result.exit_code == 1
    assert "nowhere" in result.stderr


def test_resources_are_required(command):
    assert command("why").exit_code == 2


def test_the_query_is_read_at_a_version(client, hosts):
    found = client.explain(
        "resources=VCPU:4", version="1.10", hosts=1, provider=hosts.one
    )

    assert [rule["rule"] for rule in found["combine"]] == ["one_per_tree"]
    assert [near["name"] for near in found["nearest"]] == ["one"]
