"""The operation that counts capacity."""

import uuid

import pytest

from placement import client as api
from placement.client import Bounds, Inventories, Inventory

AGGREGATE = str(uuid.UUID(int=7))


@pytest.fixture
def hosts(client):
    """Two hosts of 4 and 6 VCPU; the second is in an aggregate and has a trait."""
    found = []
    for name, total in (("small", 4), ("large", 6)):
        host = client.create_provider(name)
        offer = {"VCPU": Inventory(total), "MEMORY_MB": Inventory(64)}
        client.replace_inventories(host.uuid, Inventories(0, offer))
        found.append(host.uuid)
    client.replace_aggregates(found[1], api.Aggregates(1, [AGGREGATE]))
    client.replace_provider_traits(found[1], api.ProviderTraits(2, {"HW_NUMA_ROOT"}))
    return found


def test_every_member_is_read(client, hosts):
    queries = {"one": "resources=VCPU:2,MEMORY_MB:1", "other": "resources=VCPU:3"}

    found = client.capacity(queries, by=["aggregate", "trait:HW_NUMA_ROOT"], hosts=1)

    one = found["one"]
    assert list(found) == ["one", "other"]
    assert (one.count, one.when_empty, one.count.is_exact) == ((5, 5), (5, 5), True)
    assert (one.eligible, one.fitting, one.empty) == (2, 2, 2)
    assert one.bottleneck == {"VCPU": 2}
    assert one.stranded == {"VCPU": (0, 0.0), "MEMORY_MB": (0, 0.0)}
    assert one.largest == {"VCPU": 6, "MEMORY_MB": 64}
    assert one.by_aggregate == {AGGREGATE: (3, 3)}
    assert one.by_trait == {"HW_NUMA_ROOT": ((3, 3), (2, 2))}
    assert one.hosts == [(hosts[1], "large", 3)]
    assert one.is_complete
    assert found["other"].count == Bounds(3, 3)


def test_hosts_can_be_left_out_and_counted_as_empty(client, hosts):
    request = api.AllocationRequest({hosts[1]: {"VCPU": 6}})
    owner = {"project_id": "p", "user_id": "u", "consumer_type": "INSTANCE"}
    assert client.claim(str(uuid.UUID(int=1)), request, **owner)
    queries = {"one": "resources=VCPU:2"}

    def count(**options):
        return client.capacity(queries, **options)["one"].count.at_least

    assert count() == 2
    assert count(is_empty_state=True) == 5
    assert count(without=[uuid.UUID(hosts[0])]) == 0
    assert count(without=[uuid.UUID(hosts[0])], is_empty_state=True) == 3


def test_hosts_that_share_providers_are_not_listed(client, hosts):
    pool = client.create_provider("pool")
    client.replace_inventories(
        pool.uuid, Inventories(0, {"DISK_GB": Inventory(total=30)})
    )
    client.replace_provider_traits(
        pool.uuid, api.ProviderTraits(1, {"MISC_SHARES_VIA_AGGREGATE"})
    )
    client.replace_aggregates(pool.uuid, api.Aggregates(2, [AGGREGATE]))

    found = client.capacity({"one": "resources=VCPU:1,DISK_GB:10"})["one"]

    assert (found.count.at_least, found.hosts) == (3, None)


def test_an_invalid_request_is_refused_with_its_code(client):
    with pytest.raises(api.BadRequest) as failure:
        client.capacity({"one": "resources=VCPU"})

    assert failure.value.code == "placement.ext.query"
