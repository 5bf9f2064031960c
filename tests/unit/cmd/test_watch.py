"""The command ``placement watch``."""

import json

import pytest

from placement import deploy
from placement.client import Inventories, Inventory
from tests.unit import in_process
from tests.unit.cmd.test_placement import error

HOST = "3e9c8f1a-6d1f-4f4e-9b86-8d1f6c1f0a57"


@pytest.fixture
def application(tmp_path, request):
    conf = in_process.configuration(tmp_path)
    conf.set_override("enabled", getattr(request, "param", True), group="changes")
    return deploy.loadapp(conf)


@pytest.fixture
def changed(client):
    client.create_provider("host", HOST)
    client.replace_inventories(HOST, Inventories(0, {"VCPU": Inventory(total=4)}))
    client.delete_provider(HOST)
    # Positions are assigned when a client reads.
    assert client.get_changes().position == 3


def test_changes_are_printed_one_per_line(command, changed):
    result = command("watch", "--after", "0", "--count", "3")

    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        f"1  provider  provider {HOST}  generation 0",
        f"2  inventory  provider {HOST}  generation 1",
        f"3  provider  provider {HOST}  gone",
    ]


def test_they_are_printed_as_json_from_a_position(command, changed):
    result = command("watch", "--after", "1", "--count", "2", "--json")
    assert result.exit_code == 0, result.stderr

    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"position": 2, "kind": "inventory", "provider": HOST, "generation": 1},
        {"position": 3, "kind": "provider", "provider": HOST, "generation": None},
    ]


def test_only_changes_of_a_kind_are_printed(command, changed):
    result = command("watch", "--after", "0", "--count", "1", "--kind", "inventory")

    assert result.stdout.split()[:2] == ["2", "inventory"]


def test_without_a_position_it_begins_now(command, client, changed, monkeypatch):
    asked = []

    def watch(after, kinds):
        asked.append((after, kinds))
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(client, "watch", watch)

    result = command("watch")

    assert result.exit_code == 0
    assert asked == [("now", ())]


@pytest.mark.parametrize("position", ["-1", "x", "", "9" * 19])
def test_a_position_is_a_number_or_now(command, position):
    result = command("watch", "--after", position)

    assert result.exit_code == 2
    assert "neither a position nor now" in result.stderr


@pytest.mark.parametrize("application", [False], indirect=True)
def test_without_a_feed_it_says_how_to_turn_it_on(command):
    result = command("watch")

    assert "[changes] enabled" in error(result, 1)
