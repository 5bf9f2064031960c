"""The command ``placement health``."""

import json

import pytest

from placement.web import shutdown


@pytest.fixture
def draining():
    shutdown.draining.set()
    yield
    shutdown.draining.clear()


def test_checks_are_listed(command):
    result = command("health", "--exclude", "galera")

    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["check", "result"],
        *([name, "ok"] for name in ("database", "schema", "used", "draining")),
        ["galera", "ignored"],
    ]


@pytest.mark.usefixtures("draining")
def test_a_failed_check_is_shown_and_the_status_is_1(command):
    result = command("health")

    assert result.exit_code == 1
    last = result.stdout.splitlines()[-1].split(None, 1)
    assert last == ["draining", "failed: the server is stopping"]
    assert "not ready" in result.stderr


@pytest.mark.usefixtures("draining")
def test_json_has_every_check(command):
    result = command("health", "--json", "--exclude", "used")

    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "ready": False,
        "passed": ["database", "schema", "galera"],
        "excluded": ["used"],
        "failed": {"draining": "the server is stopping"},
    }


def test_an_unknown_check_is_a_usage_error(command):
    result = command("health", "--exclude", "disk")

    assert result.exit_code == 2
    assert "database, schema, used, galera, draining" in result.stderr


def test_no_token_is_needed(bare_command, endpoint):
    result = bare_command("--endpoint", endpoint, "health")

    assert result.exit_code == 0, result.stderr


def test_without_a_server_the_status_is_1(bare_command):
    assert bare_command("health").exit_code == 1
