import json
import pathlib
import uuid

import pytest

from placement.client import Allocations, errors
from placement.cmd import consumer_audit

GONE, LIVE, IDLE = (str(uuid.UUID(int=number)) for number in range(1, 4))


@pytest.fixture
def consumers(client, hosts):
    """GONE holds a VCPU and LIVE two, each of another project."""
    for consumer, host, units, project in (
        (GONE, hosts.one, 1, "p"),
        (LIVE, hosts.two, 2, "q"),
    ):
        held = Allocations({host: {"VCPU": units}}, None, project, "u", "INSTANCE")
        client.replace_allocations(consumer, held)


@pytest.fixture
def live(tmp_path):
    path = tmp_path / "live"
    path.write_text(f"{LIVE.upper()}\n\n{IDLE}\n")
    return str(path)


pytestmark = pytest.mark.usefixtures("consumers")


def test_consumers_are_listed_with_what_they_hold(command):
    result = command("consumers", "--project", "q")

    assert result.exit_code == 0
    header, line = result.output.splitlines()
    assert header.split()[0] == "consumer"
    assert line.split()[:4] == [LIVE, "1", "q", "INSTANCE"]
    assert line.endswith("two: VCPU 2")


def test_filters_are_those_of_the_service(command):
    given = ["--in-tree", "one", "--class", "VCPU", "--user", "u", "--type", "INSTANCE"]
    times = ["--created-before", "2999-01-31T12:00", "--updated-before", "2999-01-01"]

    result = command("consumers", *given, *times, "--provider", "one", "--json")

    assert [each["uuid"] for each in json.loads(result.output)] == [GONE]
    assert (
        "No consumers." in command("consumers", "--created-before", "2001-01-01").output
    )
    assert command("consumers", "--created-before", "soon").exit_code == 2
    assert command("consumers", "--class", "CUSTOM_UNHEARD").exit_code == 2
    assert len(json.loads(command("consumers", "--limit", "1", "--json").output)) == 1


def test_an_audit_finds_orphans(command, live):
    result = command("consumers", "audit", live, "--older-than", "0")

    assert result.exit_code == 3
    assert GONE in result.stdout
    assert "2 consumers compared with 2 live: 1 orphan." in result.stdout
    assert f"Live consumers that hold nothing: 1\n  {IDLE}" in result.stdout


def test_an_audit_shows_its_progress(command, live, monkeypatch):
    monkeypatch.setattr(consumer_audit.progress, "LINE_SECONDS", 0)
    monkeypatch.setattr(consumer_audit, "_PER_REPORT", 2)

    result = command("consumers", "audit", live, "--older-than", "0", "--release")

    assert "Read live consumers: 2\n" in result.stderr
    assert "Compare with the consumers: 0\n" in result.stderr
    assert "Release orphans: 1 of 1\n" in result.stderr


def test_an_audit_of_the_input_prints_json(command):
    result = command(
        "consumers", "audit", "-", "--older-than", "0", "--json", input=f'"{IDLE}"\n'
    )

    assert result.exit_code == 3
    found = json.loads(result.stdout)
    assert [each["uuid"] for each in found["orphans"]] == [GONE, LIVE]
    assert found["without_allocations"] == [IDLE]
    assert found["counts"] == {
        "live": 1,
        "consumers": 2,
        "orphans": 2,
        "without_allocations": 1,
    }


@pytest.mark.parametrize("filters", [(), ("--older-than", "0", "--project", "q")])
def test_an_audit_without_orphans_succeeds(command, live, filters):
    result = command("consumers", "audit", live, *filters)

    assert result.exit_code == 0
    assert "no orphans" in result.output


def test_an_audit_releases_orphans(command, client, live):
    result = command(
        "consumers", "audit", live, "--older-than", "0", "--release", "--reason", "gone"
    )

    assert result.exit_code == 4
    assert "Released 1 orphan." in result.output
    assert client.get_allocations(GONE).by_provider == {}
    assert client.get_allocations(LIVE).by_provider
    (record,) = client.read_releases()
    assert (record.consumer, record.reason) == (GONE, "gone")


def test_an_orphan_that_has_changed_is_kept(command, client, live, monkeypatch):
    found = client.audit_consumers([LIVE], older_than_seconds=0)
    monkeypatch.setattr(client, "audit_consumers", lambda *_, **__: found)
    held = client.get_allocations(GONE)
    client.replace_allocations(GONE, held)

    result = command("consumers", "audit", live, "--release")

    assert result.exit_code == 3
    assert (
        "Released 0 orphans. Changed meanwhile, and not released: 1." in result.output
    )
    assert client.get_allocations(GONE).by_provider


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("/does/not/exist",),
        ("LIVE", "--older-than", "soon"),
        ("LIVE", "--class", "CUSTOM_UNHEARD"),
        ("LIVE", "--unknown"),
    ],
)
def test_invalid_input_of_an_audit_has_the_status_127(command, live, arguments):
    given = [live if each == "LIVE" else each for each in arguments]

    assert command("consumers", "audit", *given).exit_code == 127
    result = command("consumers", "audit", *given, "--json")
    assert result.exit_code == 127


def test_a_line_that_is_no_uuid_is_named(command, live):
    pathlib.Path(live).write_text(f"{LIVE}\nhost\n")

    result = command("consumers", "audit", live)

    assert result.exit_code == 127
    assert "Line 2 of the body must be a uuid" in result.output


def test_a_failure_of_an_audit_has_the_status_1(command, client, live, monkeypatch):
    def fail(*_, **__):
        raise errors.Unreachable("gone")

    monkeypatch.setattr(client, "audit_consumers", fail)

    assert command("consumers", "audit", live).exit_code == 1


def test_consumers_are_released_together(command, client):
    result = command("consumers", "release", GONE, f"{LIVE}@1", "--reason", "closed")

    assert result.exit_code == 0
    assert "Released 2 consumers." in result.output
    assert list(client.read_consumers()) == []
    listed = command("consumers", "releases", "--limit", "1")
    assert listed.output.splitlines()[1].endswith("closed")
    shown = json.loads(command("consumers", "releases", GONE, "--json").output)
    assert [each["consumer_uuid"] for each in shown] == [GONE]
    assert shown[0]["restore"]["body"]["project_id"] == "p"


@pytest.mark.parametrize("unchanged", [GONE, f"{GONE}@1"])
@pytest.mark.parametrize("changed", [IDLE, f"{LIVE}@0", f"{LIVE}@7"])
def test_nothing_is_released_if_one_has_changed(command, client, unchanged, changed):
    result = command("consumers", "release", unchanged, changed)

    assert result.exit_code == 1
    assert "Nothing was released." in result.output
    assert len(list(client.read_consumers())) == 2


def test_a_dry_run_releases_nothing(command, client):
    result = command("consumers", "release", GONE, "--dry-run", "--json")

    assert [each["uuid"] for each in json.loads(result.output)] == [GONE]
    assert client.get_allocations(GONE).by_provider


@pytest.mark.parametrize("given", [(), ("host",), (f"{GONE}@",), (f"{GONE}@x",)])
def test_what_is_no_consumer_is_a_usage_error(command, given):
    assert command("consumers", "release", *given).exit_code == 2
