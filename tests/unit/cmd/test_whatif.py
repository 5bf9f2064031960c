"""The command ``placement whatif``."""

import json
import uuid

import pytest

from placement import client as api

CONSUMERS = [str(uuid.UUID(int=number)) for number in (1, 2)]
OWNER = {"project_id": "p", "user_id": "u", "consumer_type": "INSTANCE"}


@pytest.fixture
def used(client, hosts):
    """Two hosts, of each of which a consumer holds 1 VCPU."""
    for consumer, host in zip(CONSUMERS, hosts, strict=True):
        request = api.AllocationRequest({host: {"VCPU": 1}})
        assert client.claim(consumer, request, **OWNER)
    return hosts


def test_the_plan_of_a_host_is_printed_and_nothing_is_changed(command, client, used):
    result = command("whatif", "one")

    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        "yes: the only consumer can move to another host.",
        "",
        "consumer                              to   resources",
        f"{CONSUMERS[0]}  two  VCPU=1",
    ]
    assert [each.state for each in client.read_providers()] == ["in_service"] * 2
    assert client.get_allocations(CONSUMERS[0]).by_provider == {used.one: {"VCPU": 1}}


def test_consumers_of_several_hosts_are_printed_with_their_hosts(command, used):
    result = command("whatif", "one", used.two)

    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("no: not all 2 consumers can move")
    assert lines[2].split()[:2] == ["from", "consumer"]
    assert [line.split()[:2] for line in lines[3:]] == [
        ["one", CONSUMERS[0]],
        ["two", CONSUMERS[1]],
    ]
    assert "The answer is no." in result.stderr


@pytest.mark.usefixtures("used")
def test_the_worst_hosts_are_printed_if_any_may_be_lost(command):
    result = command("whatif", "--any", "1")

    assert result.exit_code == 1
    rows = [line.split(None, 2) for line in result.stdout.splitlines()]
    assert ["host", "consumers", "needs most"] in rows
    assert ["two", "1", "VCPU: 1 of 0 free"] in rows


def test_json_is_the_response(command, used):
    result = command("whatif", "one", "--json")

    found = json.loads(result.stdout)
    assert (found["answer"], found["moves"][0]["to"]) == ("yes", used.two)


@pytest.mark.usefixtures("hosts")
@pytest.mark.parametrize("arguments", [(), ("one", "--any", "1")])
def test_either_hosts_or_a_number_is_given(command, arguments):
    result = command("whatif", *arguments)

    assert result.exit_code == 2
    assert "Name hosts, or give --any." in result.stderr


def test_an_unknown_host_is_refused(command):
    assert command("whatif", "nowhere").exit_code != 0
