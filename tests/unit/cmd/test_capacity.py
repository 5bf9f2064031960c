"""The command ``placement capacity``."""

import json

import pytest

from placement.client import Aggregates, ProviderTraits
from tests.unit.candidates.worlds import uuid_of

AGGREGATE = uuid_of("aggregate")


def lines_of(result):
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


@pytest.fixture
def part(client, hosts):
    """Put the host two into an aggregate, and give it a trait."""
    client.replace_aggregates(hosts.two, Aggregates(1, [AGGREGATE]))
    client.replace_provider_traits(hosts.two, ProviderTraits(2, {"HW_NUMA_ROOT"}))


@pytest.mark.usefixtures("hosts")
def test_counts_are_printed_with_what_ends_first(command):
    assert lines_of(command("capacity", "VCPU=1", "MEMORY_MB=64")) == [
        "2 more fit, on 2 of 2 hosts that could serve this; "
        "2 if nothing was allocated.",
        "",
        "class      exhausted first on  largest free  stranded",
        "MEMORY_MB  2 hosts             64            0 (0%)",
        "VCPU       0 hosts             2             0 (0%)",
        "",
        "host  fits",
        "one   ████████████████████████ 1",
        "two   ████████████████████████ 1",
    ]


@pytest.mark.usefixtures("part")
def test_parts_of_the_cloud_are_printed(command):
    options = ("--by-aggregate", "--by-trait", "HW_NUMA_ROOT", "--top", "0")

    lines = lines_of(command("capacity", "VCPU=1", *options))

    assert [line.split() for line in lines[-4:]] == [
        ["part", "fits"],
        ["aggregate", AGGREGATE, "2"],
        ["with", "HW_NUMA_ROOT", "2"],
        ["without", "HW_NUMA_ROOT", "1"],
    ]


@pytest.mark.usefixtures("hosts")
def test_hosts_are_left_out_by_name(command):
    lines = lines_of(command("capacity", "VCPU=1", "--without", "one"))

    assert lines[0].startswith("2 more fit, on 1 of 1 host ")


@pytest.mark.usefixtures("hosts")
def test_allocations_can_be_ignored(command):
    assert command("claim", "VCPU=1", "--in-tree", "one").exit_code == 0

    lines = lines_of(command("capacity", "VCPU=1", "--empty"))

    assert lines[0].startswith("3 more fit, on 2 of 2 hosts")


@pytest.mark.usefixtures("part")
def test_json_has_the_members_of_the_response(command):
    result = command("capacity", "VCPU=2", "--by-aggregate", "--json")

    found = json.loads(result.stdout)
    assert (found["at_least"], found["at_most"], found["exact"]) == (1, 1, True)
    assert found["roots"] == {"eligible": 1, "fitting": 1, "empty": 1}
    assert found["by"]["aggregate"][AGGREGATE]["at_most"] == 1
    assert [host["name"] for host in found["hosts"]] == ["two"]


@pytest.mark.usefixtures("hosts")
def test_the_exit_status_is_1_if_nothing_fits(command):
    result = command("capacity", "VCPU=100")

    assert result.exit_code == 1
    assert result.stdout.startswith("0 more fit, on 0 of 0 hosts")
    assert "No consumer of this request fits now." in result.stderr


def test_resources_are_required(command):
    result = command("capacity")

    assert result.exit_code == 2
    assert "Specify resources" in result.stderr


def test_a_limit_is_no_option(command):
    assert command("capacity", "VCPU=1", "--limit", "3").exit_code == 2
