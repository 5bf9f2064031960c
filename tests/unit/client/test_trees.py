"""Changes of providers without generations."""

import uuid

import pytest

from placement import client as api
from placement.client import Client, Inventory, WSGITransport
from tests.unit import in_process

RACK, ROW = (uuid.UUID(int=number) for number in (1, 2))


@pytest.fixture
def client(tmp_path):
    return Client(WSGITransport(in_process.application(tmp_path)))


def test_a_provider_is_changed_and_returned(client):
    host = client.create_provider("host").uuid
    client.change_provider(
        host,
        add_traits=["HW_CPU_X86_AVX"],
        add_aggregates=[RACK, str(ROW)],
        set_inventories={"VCPU": Inventory(8), "DISK_GB": Inventory(100)},
    )

    changed = client.change_provider(
        uuid.UUID(host),
        add_traits=iter(["HW_CPU_X86_AVX2"]),
        remove_traits={"HW_CPU_X86_AVX"},
        remove_aggregates=[str(RACK)],
        remove_inventories=["DISK_GB"],
    )

    assert changed.provider.generation == 2
    assert changed.traits == ("HW_CPU_X86_AVX2",)
    assert changed.aggregates == (str(ROW),)
    assert changed.inventories == {"VCPU": Inventory(8)}
    assert changed.used == {"VCPU": 0}


def test_no_change_sends_no_error(client):
    host = client.create_provider("host").uuid

    assert client.change_provider(host).provider.generation == 0


def test_a_string_is_no_list_of_traits(client):
    with pytest.raises(TypeError, match="add"):
        client.change_provider(uuid.uuid4(), add_traits="HW_CPU_X86_AVX")


def test_an_unknown_provider_raises(client):
    with pytest.raises(api.NotFound):
        client.change_provider(uuid.uuid4(), add_traits=["HW_CPU_X86_AVX"])


def test_an_unknown_trait_raises(client):
    host = client.create_provider("host").uuid
    with pytest.raises(api.BadRequest, match="CUSTOM_MISSING") as refusal:
        client.change_provider(host, add_traits=["CUSTOM_MISSING"])

    assert refusal.value.code == "placement.ext.unknown_trait"


def test_an_inventory_in_use_raises(client):
    host = client.create_provider("host").uuid
    client.change_provider(host, set_inventories={"VCPU": Inventory(8)})
    client.claim(
        uuid.uuid4(),
        api.AllocationRequest({host: {"VCPU": 1}}),
        project_id="p",
        user_id="u",
        consumer_type="VM",
    )

    with pytest.raises(api.InventoryInUse):
        client.change_provider(host, remove_inventories=["VCPU"])
