"""Picking and claiming in one request, and holds."""

import datetime
import uuid

import pytest

from placement import client as api
from placement.client import Client, Inventories, Inventory, Retry
from tests.unit.client.scripted import HANG_UP, NO_CONTENT, ScriptedServer

PLACED = (
    b'{"claims":[{"consumer_uuid":"00000000-0000-0000-0000-000000000001",'
    b'"allocations":{},"mappings":{},"generation":1}]}'
)


@pytest.fixture
def hosts(client):
    """Two hosts of 4 and 8 VCPU."""
    found = []
    for name, total in (("small", 4), ("large", 8)):
        host = client.create_provider(name)
        offer = {"VCPU": Inventory(total)}
        client.replace_inventories(host.uuid, Inventories(0, offer))
        found.append(host.uuid)
    return found


def wanted(number=1, units=1, **more):
    consumer = str(uuid.UUID(int=number))
    return api.Wanted(consumer, f"resources=VCPU:{units}", "p", "u", **more)


def test_a_consumer_is_placed(client, hosts):
    (placed,) = client.place(wanted(consumer_type="INSTANCE"), order="spread")

    assert placed == api.Placed(
        str(uuid.UUID(int=1)), {hosts[1]: {"VCPU": 1}}, {"": [hosts[1]]}, 1
    )
    stored = client.get_allocations(placed.consumer)
    assert stored.by_provider == placed.by_provider
    assert stored.consumer_type == "INSTANCE"


def test_consumers_are_kept_apart(client, hosts):
    group = api.Group("web", "anti-affinity", max_per_host=1)

    placed = client.place([wanted(1), wanted(2)], group=group)

    assert {uuid for each in placed for uuid in each.by_provider} == set(hosts)
    with pytest.raises(api.NoCandidate) as refused:
        client.place(wanted(3), group=group)
    assert refused.value.cause == "group"
    assert refused.value.explain["fits"] == 2


def test_excluded_hosts_and_preferred_traits_are_sent(client, hosts):
    client.replace_provider_traits(hosts[0], api.ProviderTraits(1, {"HW_NUMA_ROOT"}))

    (preferred,) = client.place(wanted(1), order="spread", prefer={"HW_NUMA_ROOT": 1})
    (other,) = client.place(wanted(2), prefer={"HW_NUMA_ROOT": 1}, exclude=[hosts[0]])

    assert list(preferred.by_provider) == [hosts[0]]
    assert list(other.by_provider) == [hosts[1]]


def test_a_hold_is_extended_and_confirmed(client, hosts):
    (held,) = client.hold(wanted(), 60, exclude=[hosts[0]])
    (listed,) = client.holds()
    extended = client.extend(held.consumer, 600)

    assert list(held.by_provider) == [hosts[1]]
    assert listed.consumer == extended.consumer == held.consumer
    assert extended.expires_at - listed.expires_at > datetime.timedelta(minutes=8)
    client.confirm(held.consumer)
    assert list(client.holds()) == []
    with pytest.raises(api.NotFound):
        client.confirm(held.consumer)


def test_a_key_lets_a_request_be_repeated(client, hosts):
    (first,) = client.place(wanted(), key="k")
    (second,) = client.place(wanted(), key="k")

    assert first == second
    with pytest.raises(api.Conflict):
        client.place(wanted())


# A list of responses is one connection, which then is closed.
@pytest.mark.parametrize(
    "lost",
    [
        [HANG_UP],
        [b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"],
        [b"HTTP/1.1 500 Failed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"],
    ],
    ids=["no response", "503", "500"],
)
def test_a_client_that_retries_sends_the_same_key_again(lost):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(PLACED), PLACED)
    with ScriptedServer(lost, [answer]) as server:
        retrying = Client.connect(
            server.url, "token", retry=Retry(attempts=2, pause_seconds=0)
        )
        retrying.place(wanted())

    keys = [headers["idempotency-key"] for _, _, headers, _ in server.requests]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_client_that_does_not_retry_sends_no_key():
    with ScriptedServer([NO_CONTENT]) as server, pytest.raises(api.UnexpectedAnswer):
        Client.connect(server.url, "token").place(wanted())

    (request,) = server.requests
    assert "idempotency-key" not in request[2]
