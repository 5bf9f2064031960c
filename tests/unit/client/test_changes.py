"""The operations that read the feed of changes."""

import itertools

import pytest

from placement import client as api
from placement import deploy
from placement.client import Client, WSGITransport, changes
from tests.unit import in_process


@pytest.fixture
def client(tmp_path):
    configuration = in_process.configuration(tmp_path)
    configuration.set_override("enabled", True, group="changes")
    return Client(WSGITransport(deploy.loadapp(configuration)))


@pytest.fixture
def pauses(monkeypatch):
    """The pauses, none of which takes time."""
    found = []
    monkeypatch.setattr(changes.time, "sleep", found.append)
    return found


def test_a_page_has_its_changes_and_where_to_continue(client):
    start = client.get_changes(changes.NOW).position
    host = client.create_provider("host")
    client.replace_inventories(
        host.uuid, api.Inventories(0, {"VCPU": api.Inventory(8)})
    )

    found = client.get_changes(start)

    assert found.position == start + 2
    assert found.changes == [
        api.Change(start + 1, "provider", host.uuid, None, 0),
        api.Change(start + 2, "inventory", host.uuid, None, 1),
    ]
    assert client.get_changes(start, ["inventory"]).changes == found.changes[1:]
    assert client.get_changes(found.position).changes == []


def test_changes_are_watched_as_they_happen(client, monkeypatch):
    pauses = itertools.count(2)
    monkeypatch.setattr(
        changes.time, "sleep", lambda _: client.create_provider(str(next(pauses)))
    )
    client.create_provider("1")

    found = list(itertools.islice(client.watch(), 4))

    assert [each.position for each in found] == [1, 2, 3, 4]


def test_a_watch_continues_after_failures(client, pauses, monkeypatch):
    client.create_provider("1")
    watch = client.watch()
    assert next(watch).position == 1
    client.create_provider("2")
    request, failures = client.request, [api.Unreachable("away")] * 3

    def failing(*arguments, **options):
        if failures:
            raise failures.pop()
        return request(*arguments, **options)

    monkeypatch.setattr(client, "request", failing)

    assert next(watch).position == 2
    assert len(pauses) == 3


def test_a_watch_gives_up(client, pauses, monkeypatch):
    client.create_provider("1")
    watch = client.watch(give_up_seconds=-1)
    next(watch)

    def failing(*_arguments, **_options):
        raise api.Unreachable("away")

    monkeypatch.setattr(client, "request", failing)
    with pytest.raises(api.Unreachable):
        next(watch)


def test_a_missing_position_is_a_failure_of_its_own(client):
    with pytest.raises(api.Gone) as failure:
        next(client.watch(after=7))

    assert failure.value.code == "placement.ext.compacted"
    assert "after position 7" in failure.value.detail


def test_without_the_feed_there_is_nothing_to_watch(tmp_path):
    client = Client(WSGITransport(in_process.application(tmp_path)))

    with pytest.raises(api.NotFound) as failure:
        next(client.watch())

    assert failure.value.code == "placement.ext.disabled"
