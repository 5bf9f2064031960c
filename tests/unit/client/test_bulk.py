"""Reads of many providers, with the extension and without it."""

import uuid

import pytest

from placement import client as api
from placement.client import Aggregates, Client, Inventories, Inventory, WSGITransport
from tests.unit import in_process

ALL = ("inventories", "usages", "traits", "aggregates", "allocations")
AGGREGATE = str(uuid.UUID(int=7))


@pytest.fixture
def application(tmp_path):
    return in_process.application(tmp_path)


@pytest.fixture
def cloud(application):
    """A client of a service with a host, its child and another host; their uuids."""
    client = Client(WSGITransport(application))
    host = client.create_provider("host")
    child = client.create_provider("child", parent_uuid=host.uuid)
    other = client.create_provider("other")
    client.replace_inventories(
        host.uuid, Inventories(0, {"VCPU": Inventory(8, allocation_ratio=1.5)})
    )
    client.replace_provider_traits(
        host.uuid, api.ProviderTraits(1, {"HW_NUMA_ROOT", "COMPUTE_NODE"})
    )
    client.replace_aggregates(host.uuid, Aggregates(2, [AGGREGATE]))
    request = api.AllocationRequest({host.uuid: {"VCPU": 3}})
    assert client.claim(
        str(uuid.UUID(int=1)),
        request,
        project_id="p",
        user_id="u",
        consumer_type="INSTANCE",
    )
    return [host.uuid, child.uuid, other.uuid]


@pytest.fixture(params=["with the extension", "without it", "forbidden"])
def client(request, application, cloud):
    if request.param == "without it":
        application = in_process.without_extensions(application)
    if request.param == "forbidden":
        application = forbidding(application)
    return Client(WSGITransport(application))


def forbidding(app):
    def answer(environ, start_response):
        if environ["PATH_INFO"].startswith("/-/"):
            start_response("403 Forbidden", [("Content-Type", "application/json")])
            return [b'{"errors": [{"status": 403, "code": "placement.ext.forbidden"}]}']
        return app(environ, start_response)

    return answer


def uuids_of(found):
    return [each.provider.uuid for each in found]


def test_all_details_are_read(client, cloud):
    details = next(
        each for each in client.read_providers(ALL) if each.provider.name == "host"
    )

    assert details.provider == client.get_provider(cloud[0])
    assert details.inventories == {"VCPU": Inventory(8, allocation_ratio=1.5)}
    assert details.used == {"VCPU": 3}
    assert set(details.traits) == {"HW_NUMA_ROOT", "COMPUTE_NODE"}
    assert details.aggregates == (AGGREGATE,)
    assert details.allocations == {str(uuid.UUID(int=1)): {"VCPU": 3}}
    assert details.state == "in_service"


def test_details_that_are_not_included_are_empty(client):
    for details in client.read_providers():
        assert not details.inventories
        assert not details.used
        assert not details.traits


@pytest.mark.parametrize("is_one_snapshot", [False, True])
@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({}, [0, 1, 2]),
        ({"is_only_roots": True}, [0, 2]),
        ({"name": "other"}, [2]),
        ({"resources": {"VCPU": 9}}, [0]),
        ({"resources": {"VCPU": 10}}, []),
        ({"required": ["COMPUTE_NODE", "in:HW_NUMA_ROOT,STORAGE_DISK_SSD"]}, [0]),
        ({"required": ["!COMPUTE_NODE"]}, [1, 2]),
        ({"member_of": [AGGREGATE]}, [0]),
    ],
)
def test_the_filters_are_those_of_the_list(
    client, cloud, filters, wanted, is_one_snapshot
):
    found = client.read_providers(**filters, is_one_snapshot=is_one_snapshot)

    assert sorted(uuids_of(found)) == sorted(cloud[each] for each in wanted)


@pytest.mark.parametrize("is_one_snapshot", [False, True])
def test_uuids_are_read_in_chunks(client, cloud, monkeypatch, is_one_snapshot):
    monkeypatch.setattr("placement.client.bulk.UUIDS_MAX", 2)
    unknown = uuid.UUID(int=9)
    wanted = [uuid.UUID(cloud[2]), unknown, cloud[1].upper(), cloud[0]]

    found = client.read_providers(
        ["traits"],
        uuids=iter(wanted),
        is_only_roots=True,
        is_one_snapshot=is_one_snapshot,
    )

    assert set(uuids_of(found)) == {cloud[0], cloud[2]}
    assert list(client.read_providers(uuids=[])) == []


@pytest.mark.parametrize("is_one_snapshot", [False, True])
def test_a_tree_is_read(client, cloud, is_one_snapshot):
    found = client.read_providers(in_tree=cloud[1], is_one_snapshot=is_one_snapshot)

    assert set(uuids_of(found)) == set(cloud[:2])


def test_one_provider_is_read_by_uuid_or_name(client, cloud):
    by_uuid = client.get_provider_details(uuid.UUID(cloud[0]), ALL)
    by_name = client.get_provider_details("host", ALL)

    assert by_uuid == by_name
    assert by_uuid.used == {"VCPU": 3}


def test_a_uuid_takes_precedence_over_a_name(client, cloud):
    client.create_provider(cloud[2])

    assert client.get_provider_details(cloud[2]).provider.name == "other"


@pytest.mark.parametrize("wanted", ["nobody", str(uuid.UUID(int=9))])
def test_an_unknown_provider_is_not_found(client, wanted):
    with pytest.raises(api.NotFound, match=wanted):
        client.get_provider_details(wanted)


def test_a_name_may_have_any_characters(client):
    name = "rack 1/host?a=%20#1 \u00e9"
    client.create_provider(name)

    assert client.get_provider_details(name).provider.name == name


def test_a_single_uuid_is_not_a_list(client, cloud):
    with pytest.raises(TypeError, match="uuids"):
        list(client.read_providers(uuids=cloud[0]))


@pytest.mark.parametrize("state", ["in_service", "cordoned", "quarantined", "any"])
def test_the_state_selects_providers(client, cloud, state):
    """Without the extension, all providers are in service."""
    found = {each.provider.uuid for each in client.read_providers(state=state)}

    everything = {each.provider.uuid for each in client.read_providers()}
    assert everything
    assert found == (everything if state in ("in_service", "any") else set())
