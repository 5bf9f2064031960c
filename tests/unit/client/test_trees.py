"""Changes of providers and provider trees without generations."""

import uuid

import pytest

from placement import client as api
from placement.client import Inventory, TreeProvider

RACK, ROW = (uuid.UUID(int=number) for number in (1, 2))


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


def read_tree(client):
    include = ["inventories", "traits", "aggregates"]
    return [TreeProvider.from_details(each) for each in client.read_providers(include)]


HOST, NODE, OTHER_NODE = (uuid.UUID(int=number) for number in (7, 8, 9))


def test_a_tree_is_sent_with_parents_first(client):
    client.replace_tree([TreeProvider(HOST, "host"), TreeProvider(NODE, "node", HOST)])
    moved = TreeProvider(NODE, "node", OTHER_NODE)
    other = TreeProvider(OTHER_NODE, "other", HOST)
    client.replace_tree([moved, other, TreeProvider(HOST, "host")])
    read = read_tree(client)

    assert [each.uuid for each in read] == [str(HOST), str(NODE), str(OTHER_NODE)]
    assert not client.replace_tree(read, has_prune=True, has_check=True)


def test_a_loop_is_refused(client):
    loop = [
        TreeProvider(NODE, "node", OTHER_NODE),
        TreeProvider(OTHER_NODE, "other", NODE),
    ]

    with pytest.raises(api.BadRequest, match="begin with the root"):
        client.replace_tree(loop)


def test_a_tree_is_created_and_changed(client):
    root = TreeProvider(HOST, "host", traits=["HW_CPU_X86_AVX"], aggregates=[RACK])
    node = TreeProvider(NODE, "node", HOST, {"VCPU": Inventory(8)})
    wanted = [root, node]

    tried = client.replace_tree(wanted, is_validated_only=True)
    assert read_tree(client) == []
    created = client.replace_tree(wanted)
    again = client.replace_tree(read_tree(client), has_prune=True, has_check=True)

    assert tried == created
    assert [each.uuid for each in created.create] == [str(HOST), str(NODE)]
    assert created.create[1].inventories == {"VCPU": Inventory(8)}
    assert created
    assert not again
    assert [each.generation for each in read_tree(client)] == [0, 0]

    other = TreeProvider(OTHER_NODE, "other", HOST)
    changed = client.replace_tree([root, other], has_prune=True)

    assert [each.uuid for each in changed.create] == [str(OTHER_NODE)]
    assert [each.name for each in changed.delete] == ["node"]
    assert changed.update == {}


def test_a_stale_generation_of_a_tree_raises_if_it_is_checked(client):
    client.replace_tree([TreeProvider(HOST, "host")])
    read = read_tree(client)
    client.change_provider(HOST, add_traits=["HW_CPU_X86_AVX"])

    with pytest.raises(api.ConcurrentUpdate, match="is at generation 1, not at"):
        client.replace_tree(read, has_check=True)

    assert client.replace_tree(read).update == {
        str(HOST): {"traits": {"add": [], "remove": ["HW_CPU_X86_AVX"]}}
    }


def test_a_provider_that_was_deleted_is_not_created_again_if_generations_are_checked(
    client,
):
    client.replace_tree([TreeProvider(HOST, "host")])
    read = read_tree(client)
    client.delete_provider(HOST)

    with pytest.raises(api.ConcurrentUpdate, match="does not exist"):
        client.replace_tree(read, has_check=True)


def test_refusals_of_a_tree_have_classes(client):
    client.replace_tree([TreeProvider(HOST, "host"), TreeProvider(NODE, "node", HOST)])
    client.create_provider("taken")

    with pytest.raises(api.DuplicateName):
        client.replace_tree([TreeProvider(HOST, "taken")])
    with pytest.raises(api.Conflict) as refusal:
        client.replace_tree([TreeProvider(NODE, "node")])
    assert refusal.value.code == "placement.ext.other_tree"
    client.change_provider(NODE, set_inventories={"VCPU": Inventory(8)})
    client.claim(
        uuid.uuid4(),
        api.AllocationRequest({str(NODE): {"VCPU": 1}}),
        project_id="p",
        user_id="u",
        consumer_type="VM",
    )
    with pytest.raises(api.ProviderInUse):
        client.replace_tree([TreeProvider(HOST, "host")], has_prune=True)
