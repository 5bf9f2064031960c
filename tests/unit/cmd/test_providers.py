"""The command ``placement providers``."""

import json

import pytest
from rich.console import Console

from placement.client import Inventories, Inventory, ProviderTraits
from placement.cmd import output, progress
from tests.unit.cmd.conftest import add_host, recorded_requests


@pytest.fixture
def claimed(command, hosts):
    """Claim 1 of the 2 VCPU of the host two, and all memory of the host one."""
    assert command("claim", "VCPU=1", "--in-tree", "two").exit_code == 0
    assert command("claim", "MEMORY_MB=64", "--in-tree", "one").exit_code == 0


def names(result):
    assert result.exit_code == 0, result.stderr
    return [line.split()[0] for line in result.stdout.splitlines()[1:]]


@pytest.mark.usefixtures("claimed")
def test_each_provider_is_a_line_with_a_bar_for_each_class(command, client):
    client.create_provider("empty")

    lines = command("providers").stdout.splitlines()

    assert lines[0].split() == ["provider", "MEMORY_MB", "VCPU"]
    assert lines[1] == "empty"
    assert lines[2] == "one       ██████████ 64 of 64  ░░░░░░░░░░ 0 of 1"
    assert lines[3] == "two       ░░░░░░░░░░ 0 of 64   █████░░░░░ 1 of 2"


@pytest.mark.usefixtures("claimed")
@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ([], ["one", "three", "two"]),
        (["--reverse"], ["two", "three", "one"]),
        (["--sort", "fullness"], ["one", "two", "three"]),
        (["--sort", "VCPU"], ["two", "one", "three"]),
        (["--sort", "VCPU", "--reverse"], ["three", "one", "two"]),
        (["--sort", "fullness", "--limit", "1"], ["one"]),
    ],
)
def test_providers_are_sorted(command, client, options, wanted):
    provider = client.create_provider("three")
    offer = {"DISK_GB": Inventory(total=8)}
    client.replace_inventories(provider.uuid, Inventories(0, offer))

    assert names(command("providers", *options)) == wanted


def test_providers_are_filtered(command, client, hosts):
    client.create_provider("child", parent_uuid=hosts.one)
    client.replace_provider_traits(hosts.two, ProviderTraits(1, {"HW_NUMA_ROOT"}))

    assert names(command("providers", "--roots")) == ["one", "two"]
    assert names(command("providers", "--required", "HW_NUMA_ROOT")) == ["two"]
    assert names(command("providers", "--required", "!HW_NUMA_ROOT")) == [
        "child",
        "one",
    ]


def test_a_line_is_cut_on_a_narrow_terminal(command, client, monkeypatch):
    narrow = Console(width=20)
    monkeypatch.setattr(output, "console", lambda: narrow)
    client.create_provider("long-" * 10)

    lines = command("providers").stdout.splitlines()

    assert lines == ["provider", "long-long-long-long…"]


def test_only_the_wanted_classes_are_shown(command, hosts):
    lines = command("providers", "--class", "VCPU").stdout.splitlines()

    assert lines[0].split() == ["provider", "VCPU"]


@pytest.mark.usefixtures("claimed")
def test_json_has_everything(command, client, monkeypatch, hosts):
    requests = recorded_requests(client, monkeypatch)

    one, two = json.loads(command("providers", "--json").stdout)

    assert requests == ["GET /-/v1/providers"]
    assert (one["name"], two["uuid"], two["generation"]) == ("one", hosts.two, 2)
    assert two["parent_provider_uuid"] is None
    assert two["inventories"]["VCPU"]["used"] == 1
    assert two["inventories"]["VCPU"]["capacity"] == 2
    assert (two["traits"], two["aggregates"], two["state"]) == ([], [], "in_service")


@pytest.mark.parametrize("option", ["--sort", "--class"])
def test_a_class_that_no_provider_has_is_a_usage_error(command, hosts, option):
    result = command("providers", option, "VCPUS")

    assert result.exit_code == 2
    assert "no provider has an inventory of vcpus" in result.stderr.lower()
    assert "MEMORY_MB, VCPU" in result.stderr


def test_without_providers_it_says_so(command):
    assert command("providers").stdout == "No providers.\n"
    assert json.loads(command("providers", "--json").stdout) == []


def test_progress_is_reported_for_each_page(command, client, monkeypatch):
    reports = []

    class Shown:
        def __enter__(self):
            return lambda *given: reports.append(given)

        def __exit__(self, *failure):
            return None

    monkeypatch.setattr(progress, "shown", lambda what: Shown())
    details = next(iter(client.read_providers(uuids=[add_host(client, "a", 1)])))
    monkeypatch.setattr(client, "read_providers", lambda *_, **__: [details] * 2500)

    command("providers", "--json")

    assert reports == [(1000, None), (2000, None)]
