"""The operation that analyses the loss of hosts."""

import uuid

import pytest

from placement import client as api
from placement.client import Inventories, Inventory

CONSUMER = str(uuid.UUID(int=1))
AGGREGATE = str(uuid.UUID(int=7))


@pytest.fixture
def hosts(client):
    """Two hosts with 4 VCPU; of the first one, which has a trait, 3 are allocated."""
    found = []
    for name in ("first", "second"):
        host = client.create_provider(name)
        offer = {"VCPU": Inventory(4)}
        client.replace_inventories(host.uuid, Inventories(0, offer))
        found.append(host.uuid)
    client.replace_provider_traits(found[0], api.ProviderTraits(1, {"HW_NUMA_ROOT"}))
    request = api.AllocationRequest({found[0]: {"VCPU": 3}})
    owner = {"project_id": "p", "user_id": "u", "consumer_type": "INSTANCE"}
    assert client.claim(CONSUMER, request, **owner)
    return found


def test_every_member_of_a_plan_is_read(client, hosts):
    first, second = hosts

    found = client.what_if_lost([uuid.UUID(first)])

    assert (found.answer, found.consumers, found.is_complete) == ("yes", 1, True)
    assert found.summary == "the only consumer can move to another host"
    assert found.moves == [
        api.Move(CONSUMER, first, "first", second, "second", {second: {"VCPU": 3}})
    ]
    assert (found.unplaced, found.worst) == ([], [])
    assert found.document["answer"] == "yes"


def test_what_is_known_of_the_consumers_is_sent(client, hosts):
    kept = client.what_if_lost(hosts[:1], keep_traits=["HW_*"])
    within = client.what_if_lost(hosts[:1], within=uuid.UUID(AGGREGATE))

    assert kept.unplaced == [
        api.Unplaced(CONSUMER, hosts[0], "first", {"VCPU": 3}, "excluded")
    ]
    assert (kept.answer, within.answer) == ("no", "no")


def test_the_worst_hosts_are_read(client, hosts):
    one, two = client.what_if_any_lost(), client.what_if_any_lost(2)

    assert one.worst == [api.HostLoss(hosts[0], "first", 1, "yes", 0, "VCPU", 3, 4)]
    assert two.worst == [api.HostLoss(hosts[0], "first", 1, None, None, "VCPU", 3, 4)]
    assert (one.answer, two.answer) == ("yes", "no")


def test_an_unknown_root_is_refused_with_its_code(client, hosts):
    with pytest.raises(api.BadRequest) as failure:
        client.what_if_lost([AGGREGATE])

    assert failure.value.code == "placement.ext.unknown_root"
