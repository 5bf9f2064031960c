"""The commands ``placement cordon`` and ``placement uncordon``."""

import datetime
import json

import pytest

from placement import client as api


def states(client):
    return {
        each.provider.name: each.state for each in client.read_providers(state="any")
    }


def test_a_host_is_cordoned_and_returned_by_its_name(command, client, hosts):
    client.create_provider("child", parent_uuid=hosts.one)

    result = command("cordon", "one", "--reason", "new firmware")

    assert result.stdout == f"one ({hosts.one}) is cordoned.\n"
    assert states(client) == {
        "one": "cordoned",
        "two": "in_service",
        "child": "cordoned",
    }
    assert client.get_provider_state(hosts.one).reason == "new firmware"
    result = command("uncordon", hosts.one)
    assert result.stdout == f"one ({hosts.one}) is in service.\n"
    assert set(states(client).values()) == {"in_service"}


def test_only_the_host_is_quarantined(command, client, hosts):
    client.create_provider("child", parent_uuid=hosts.one)

    result = command("cordon", "one", "--quarantine", "--no-subtree")

    assert result.stdout == f"one ({hosts.one}) is quarantined.\n"
    assert states(client)["child"] == "in_service"
    command("cordon", "child")
    command("uncordon", "one", "--no-subtree")
    assert states(client) == {
        "one": "in_service",
        "two": "in_service",
        "child": "cordoned",
    }


@pytest.mark.parametrize("until", ["2099-01-31T12:00", "2099-01-31T12:00:00+05:00"])
def test_a_time_has_the_local_zone_unless_it_has_one(command, client, hosts, until):
    result = command("cordon", "one", "--until", until, "--json")

    wanted = datetime.datetime.fromisoformat(until).astimezone(datetime.UTC)
    assert client.get_provider_state(hosts.one).until == wanted
    document = json.loads(result.stdout)
    assert document["state"] == "cordoned"
    assert datetime.datetime.fromisoformat(document["until"]) == wanted
    assert "until 2099-" in command("cordon", "one", "--until", until).stdout


@pytest.mark.parametrize("until", ["tomorrow", "2001-01-31T12:00Z"])
def test_a_bad_time_is_a_usage_error(command, client, hosts, until):
    result = command("cordon", "one", "--until", until)

    assert result.exit_code == 2
    assert "time" in result.stderr
    assert client.get_provider_state(hosts.one).is_in_service


def test_an_unknown_host_is_named(command, hosts):
    result = command("cordon", "three")

    assert result.exit_code == 1
    assert "three" in result.stderr


def test_a_claim_of_a_cordoned_host_says_why(command, client, hosts):
    offered = command("candidates", "VCPU=1", "--in-tree", "one", "--json").stdout
    command("cordon", "one")

    result = command("claim", "--from", "-", input=offered)

    assert result.exit_code == 1
    assert f"'{hosts.one}' is cordoned" in result.stderr


def test_the_client_tries_another_candidate(client, hosts):
    requests = client.get_candidates([api.RequestGroup({"VCPU": 1})]).requests
    client.cordon(hosts.one)
    owner = {"project_id": "p", "user_id": "u", "consumer_type": "INSTANCE"}

    consumer = "11111111-0000-4000-8000-000000000001"
    first = client.claim(consumer, requests[0], **owner)
    found = client.claim_any(consumer, requests, is_ordered=True, **owner)

    assert first.outcome is api.Outcome.NOT_IN_SERVICE
    assert list(found.request.by_provider) == [hosts.two]


def test_a_time_without_a_zone_is_an_error(client, hosts):
    with pytest.raises(ValueError, match="zone"):
        client.cordon(hosts.one, until=datetime.datetime(2099, 1, 1))
