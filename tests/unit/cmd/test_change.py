"""The command ``placement change``."""

import json

import pytest

from placement.client import Inventory
from tests.unit.candidates.worlds import uuid_of
from tests.unit.cmd.test_placement import error

RACK, ROW = uuid_of("rack"), uuid_of("row")


def test_a_provider_is_changed_by_its_name(command, client, hosts):
    before = client.get_provider_details("one").provider.generation
    client.change_provider(hosts.one, add_traits=["HW_CPU_X86_AVX"])

    result = command(
        *(
            "change",
            "one",
            "--add-trait",
            "HW_NUMA_ROOT",
            "--add-trait",
            "HW_NIC_SRIOV",
        ),
        *("--remove-trait", "HW_CPU_X86_AVX", "--add-aggregate", RACK),
        *("--set", "DISK_GB=100,reserved=5,allocation_ratio=1.5", "--unset", "VCPU"),
    )

    assert result.stdout == f"one ({hosts.one}) is at generation {before + 2}.\n"
    changed = client.get_provider_details(
        "one", ["inventories", "traits", "aggregates"]
    )
    assert changed.traits == ("HW_NIC_SRIOV", "HW_NUMA_ROOT")
    assert changed.aggregates == (RACK,)
    assert changed.inventories["DISK_GB"] == Inventory(
        100, reserved=5, allocation_ratio=1.5
    )
    assert "VCPU" not in changed.inventories


def test_json_shows_the_provider_as_providers_does(command, client, hosts):
    client.change_provider(hosts.one, add_aggregates=[RACK, ROW])

    result = command("change", hosts.one, "--remove-aggregate", ROW, "--json")

    shown = json.loads(result.stdout)
    assert shown["uuid"] == hosts.one
    assert shown["traits"] == []
    assert shown["aggregates"] == [RACK]
    assert shown["inventories"]["VCPU"]["total"] == 1
    assert shown in json.loads(command("providers", "--json").stdout)


@pytest.mark.parametrize(
    ("offer", "message"),
    [
        ("VCPU", "CLASS=TOTAL"),
        ("VCPU=many", "CLASS=TOTAL"),
        ("VCPU=8,reserved=1.5", "CLASS=TOTAL"),
        ("VCPU=8,used=1", "'used' is not one of reserved"),
    ],
)
def test_other_offers_are_refused(command, offer, message):
    assert message in error(command("change", "one", "--set", offer), 2)


def test_a_class_is_set_once(command):
    result = command("change", "one", "--set", "VCPU=1", "--set", "VCPU=2")

    assert "more than once" in error(result, 2)


@pytest.mark.usefixtures("hosts")
def test_an_unknown_trait_is_refused(command):
    result = command("change", "one", "--add-trait", "CUSTOM_MISSING")

    assert "CUSTOM_MISSING" in error(result, 2)


def test_an_unknown_host_is_refused(command):
    assert "nobody" in error(command("change", "nobody"), 1)
