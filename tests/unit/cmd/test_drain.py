"""The command ``placement drain``."""

import json
import uuid

import pytest

from placement import client as api
from placement.cmd import drain

CONSUMERS = [str(uuid.UUID(int=number)) for number in (1, 2)]
OWNER = {"project_id": "p", "user_id": "u", "consumer_type": "INSTANCE"}


def claim(client, consumer, provider, vcpus):
    request = api.AllocationRequest({provider: {"VCPU": vcpus}})
    assert client.claim(consumer, request, **OWNER)


def states(client):
    return [each.state for each in client.read_providers(state="any")]


@pytest.fixture
def used(client, hosts):
    """The host one, of which a consumer holds 1 VCPU."""
    claim(client, CONSUMERS[0], hosts.one, 1)
    return hosts.one


def test_a_host_is_cordoned_and_its_plan_is_printed(command, client, used):
    result = command("drain", "one", "--reason", "new firmware")

    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[:5] == [
        f"one ({used}) is cordoned.",
        "yes: the only consumer can move to another host.",
        "",
        "consumer                              to   resources",
        f"{CONSUMERS[0]}  two  VCPU=1",
    ]
    assert "openstack server migrate --live-migration" in result.stdout
    assert states(client) == ["cordoned", "in_service"]
    assert client.get_provider_state(used).reason == "new firmware"
    assert client.get_allocations(CONSUMERS[0]).by_provider == {used: {"VCPU": 1}}


def test_a_consumer_without_a_place_is_printed_with_the_cause(command, client, hosts):
    claim(client, CONSUMERS[0], hosts.two, 2)

    result = command("drain", "two")

    assert result.exit_code == 1
    assert "no: the only consumer cannot move" in result.stdout
    assert "it would not fit on any other host" in result.stdout
    assert "Not all consumers of two have a place." in result.stderr
    assert states(client) == ["in_service", "cordoned"]


def test_a_plan_alone_changes_nothing(command, client, used):
    result = command("drain", used, "--plan-only", "--json")

    document = json.loads(result.stdout)
    assert (document["state"], document["answer"]) == (None, "yes")
    assert [move["to_name"] for move in document["moves"]] == ["two"]
    assert states(client) == ["in_service", "in_service"]


def test_what_is_known_of_the_consumers_restricts_the_plan(command, client, used):
    client.change_provider(used, add_traits=["HW_NUMA_ROOT"])

    kept = command("drain", "one", "--keep-trait", "HW_*", "--json")
    within = command("drain", "one", "--within", CONSUMERS[0], "--json")

    assert json.loads(kept.stdout)["answer"] == "no"
    assert json.loads(within.stdout)["answer"] == "no"
    assert json.loads(kept.stdout)["state"] == "cordoned"


def test_an_empty_host_has_nothing_to_move(command, client, hosts):
    result = command("drain", "one")

    assert result.stdout.splitlines() == [
        f"one ({hosts.one}) is cordoned.",
        "yes: the lost hosts have no consumers.",
    ]


def test_a_quarantined_host_stays_so(command, client, used):
    client.set_provider_state(used, "quarantined", reason="broken disk")
    child = client.create_provider("child", parent_uuid=used)

    assert command("drain", "one").exit_code == 0

    assert client.get_provider_state(used).state == "quarantined"
    assert client.get_provider_state(used).reason == "broken disk"
    assert client.get_provider_state(child.uuid).state == "quarantined"


def test_waiting_ends_when_the_last_consumer_has_left(
    command, client, used, monkeypatch
):
    client.create_provider("child", parent_uuid=used)
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        client.delete_allocations(CONSUMERS[0])

    monkeypatch.setattr(drain.time, "sleep", pause)

    result = command("drain", "one", "--wait")

    assert result.exit_code == 0, result.stderr
    assert result.stdout.endswith("one is empty.\n")
    assert len(pauses) == 1


def test_waiting_ends_with_the_timeout(command, client, used):
    result = command("drain", "one", "--wait", "--timeout", "0")

    assert result.exit_code == 1
    assert "1 consumer left on one." in result.stderr


@pytest.mark.parametrize(
    "options",
    [["--plan-only", "--wait"], ["--plan-only", "--reason", "x"], ["--timeout", "1"]],
)
def test_options_that_contradict_are_usage_errors(command, client, hosts, options):
    assert command("drain", "one", *options).exit_code == 2
    assert states(client) == ["in_service", "in_service"]


def test_only_a_root_can_be_drained(command, client, hosts):
    client.create_provider("child", parent_uuid=hosts.one)

    result = command("drain", "child")

    assert result.exit_code == 2
    assert hosts.one in result.stderr
    assert set(states(client)) == {"in_service"}


def test_an_unknown_host_is_named(command, hosts):
    result = command("drain", "three")

    assert result.exit_code == 1
    assert "three" in result.stderr
