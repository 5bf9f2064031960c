"""The commands ``placement place`` and ``placement holds``."""

import json

import pytest

from tests.unit.candidates.worlds import uuid_of
from tests.unit.cmd.conftest import recorded_requests

CONSUMER = uuid_of("consumer")


def lines_of(result):
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


def test_a_consumer_is_placed_and_printed(command, hosts):
    lines = lines_of(command("place", "VCPU=1", "--consumer", CONSUMER, "--order=pack"))

    assert lines == [CONSUMER, f"  VCPU 1 of one ({hosts.one})"]


def test_names_are_read_with_one_request(command, client, monkeypatch, hosts):
    requests = recorded_requests(client, monkeypatch)

    placed = command("place", "VCPU=1", "--count", "3").stdout.splitlines()

    names = {line.partition(" of ")[2] for line in placed if line.startswith(" ")}
    assert names == {f"one ({hosts.one})", f"two ({hosts.two})"}
    assert requests == ["POST /-/v1/claims", "POST /-/v1/providers:query"]


@pytest.mark.usefixtures("hosts")
def test_members_of_a_group_are_kept_apart(command):
    options = ("VCPU=1", "--together", "web", "--json")

    placed = json.loads(command("place", *options, "--count", "2").stdout)
    refused = command("place", *options)

    assert len({provider for each in placed for provider in each["allocations"]}) == 2
    assert refused.exit_code == 1
    assert "Nothing was claimed." in refused.stderr


def test_members_of_a_group_are_kept_together_by_an_aggregate(command, hosts, client):
    client.change_provider(hosts.two, add_aggregates=[CONSUMER])
    options = ("--together", "db", "--policy", "affinity", "--over", CONSUMER)

    (placed,) = json.loads(command("place", "VCPU=1", *options, "--json").stdout)

    assert list(placed["allocations"]) == [hosts.two]


def test_hosts_are_excluded_and_preferred(command, hosts):
    (placed,) = json.loads(
        command("place", "VCPU=1", "--exclude", "one", "--json").stdout
    )
    assert list(placed["allocations"]) == [hosts.two]
    assert placed["mappings"] == {"": [hosts.two]}

    unknown = command("place", "VCPU=1", "--prefer", "CUSTOM_X=1")
    assert unknown.exit_code != 0
    assert "CUSTOM_X" in unknown.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "Specify resources"),
        (("VCPU=1", "--consumer", CONSUMER, "--count", "2"), "--count must be 1"),
        (("VCPU=1", "--prefer", "CUSTOM_X"), "TRAIT=WEIGHT"),
        (("VCPU=1", "--over", CONSUMER), "need --together"),
        (("VCPU=1", "--max-per-host", "2"), "need --together"),
    ],
)
def test_wrong_options_are_refused(command, options, message):
    refused = command("place", *options)

    assert refused.exit_code == 2
    assert message in refused.stderr


@pytest.mark.usefixtures("hosts")
def test_a_hold_is_listed_extended_and_confirmed(command):
    command("place", "VCPU=1", "--consumer", CONSUMER, "--hold", "60")

    assert lines_of(command("holds"))[1].startswith(CONSUMER)
    (listed,) = json.loads(command("holds", "--json").stdout)
    assert listed["consumer"] == CONSUMER
    assert CONSUMER in lines_of(command("holds", "extend", CONSUMER, "600"))[0]
    assert lines_of(command("holds", "confirm", CONSUMER)) == []
    assert command("holds", "confirm", CONSUMER).exit_code != 0
    assert json.loads(command("holds", "--json").stdout) == []
