"""The operations on limits of projects."""

import pytest

from placement import client as api
from placement.client import Inventories, Inventory


def claim(client, host, consumer, units):
    request = api.AllocationRequest({host: {"VCPU": units}})
    return client.claim(
        consumer, request, project_id="p", user_id="u", consumer_type="VM"
    )


def test_limits_are_set_read_and_deleted(client):
    client.replace_limits("default", {"MEMORY_MB": 100})
    replaced = client.replace_limits("a/b c", {"VCPU": 4, "consumers": 2})

    assert replaced == client.get_limits("a/b c")
    assert replaced == api.ProjectLimits(
        "a/b c",
        limits={"VCPU": 4, "consumers": 2},
        defaults={"MEMORY_MB": 100},
        usages={"VCPU": 0, "consumers": 0, "MEMORY_MB": 0},
    )
    client.delete_limits("a/b c")
    assert client.get_limits("a/b c").limits == {}
    with pytest.raises(api.NotFound):
        client.delete_limits("a/b c")


def test_all_pages_are_read(client, monkeypatch):
    monkeypatch.setattr("placement.schemas.limit.PAGE_SIZE", 2)
    projects = [f"p{number}" for number in range(5)]
    for project in projects:
        client.replace_limits(project, {"VCPU": 1})

    found = list(client.get_all_limits())

    assert found == [
        api.OwnLimits(project, {"VCPU": 1}, {"VCPU": 0}) for project in projects
    ]


def test_a_claim_beyond_a_limit_raises(client):
    host = client.create_provider("host").uuid
    client.replace_inventories(host, Inventories(0, {"VCPU": Inventory(10)}))
    client.replace_limits("p", {"VCPU": 4})
    first, second = (f"10000000-0000-4000-8000-00000000000{n}" for n in (1, 2))
    assert claim(client, host, first, 4)

    with pytest.raises(api.LimitExceeded, match="asked 1, used 4 of 4") as refusal:
        claim(client, host, second, 1)

    assert refusal.value.code == "placement.ext.limit_exceeded"
