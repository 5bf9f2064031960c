"""The checks of a server before it starts, and its defaults without configuration."""

import fcntl
import socket

import pytest

from placement.client import location
from placement.cmd import serve
from placement.conf import find
from tests.unit.cmd.test_atomic import full_disk

FREE = "--bind=127.0.0.1:0"


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Use an empty home directory, so that no file of the machine is read."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv(find.DIRECTORY_VARIABLE, raising=False)
    return home


def last_error(result, status):
    """Return the last error line of a command that exited with ``status``."""
    assert result.exit_code == status, result.output
    return result.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    "bind",
    [
        "8778",
        "127.0.0.1",
        ":8778",
        "127.0.0.1:",
        "127.0.0.1:http",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "::1:8778",
        "[::1]",
        "unix:/tmp/placement",
        "fd://3",
    ],
)
def test_an_invalid_address_is_a_usage_error(bare_command, state, bind):
    assert f"'{bind}' is not HOST:PORT" in last_error(
        bare_command("serve", "--bind", bind), 2
    )
    assert not state.exists()


def test_an_unknown_host_is_reported_before_a_state_directory_is_created(
    bare_command, state
):
    result = bare_command("serve", "--bind=no-such-host.invalid:8778")

    assert "Cannot listen on no-such-host.invalid:8778: " in last_error(result, 1)
    assert not state.exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_a_port_in_use_is_reported_before_a_state_directory_is_created(
    bare_command, state, host
):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        result = bare_command("serve", f"--bind={host}:{port}")

    assert result.output.splitlines() == [
        f"Error: Cannot listen on {host}:{port}: Address already in use. Choose "
        "another address with --bind."
    ]
    assert result.exit_code == 1
    assert not state.exists()


@pytest.mark.usefixtures("home")
def test_a_file_without_a_database_is_an_error(bare_command, state, tmp_path):
    path = tmp_path / "some.conf"
    path.write_text("[api]\nauth_strategy = noauth2\n")

    result = bare_command("serve", FREE, "--config-file", str(path))

    assert "No database is configured" in last_error(result, 1)
    assert str(path) in result.stderr
    assert not (state / serve.DATABASE_FILE).exists()


@pytest.mark.usefixtures("home")
def test_a_directory_of_files_without_a_database_is_an_error(
    bare_command, state, tmp_path
):
    result = bare_command("serve", FREE, "--config-dir", str(tmp_path))

    assert "No database is configured" in last_error(result, 1)
    assert not (state / serve.DATABASE_FILE).exists()


def test_a_default_file_without_a_database_is_an_error(bare_command, home):
    (home / "placement.conf").write_text("[api]\nauth_strategy = noauth2\n")

    assert "No database is configured" in last_error(bare_command("serve", FREE), 1)


def test_a_file_of_the_environment_without_a_database_is_an_error(
    bare_command, home, monkeypatch
):
    directory = home / "named"
    directory.mkdir()
    (directory / "placement.conf").write_text("")
    monkeypatch.setenv(find.DIRECTORY_VARIABLE, str(directory))

    assert "No database is configured" in last_error(bare_command("serve", FREE), 1)


@pytest.mark.usefixtures("home")
def test_a_log_configuration_that_is_missing_is_an_error(bare_command, monkeypatch):
    monkeypatch.setenv("OS_DEFAULT__LOG_CONFIG_APPEND", "/no/such/logging.ini")

    assert "/no/such/logging.ini" in last_error(bare_command("serve", FREE), 1)


@pytest.mark.usefixtures("home")
def test_a_second_server_in_a_state_directory_is_rejected(bare_command, state):
    state.mkdir()
    (state / location.ENDPOINT_FILE).write_text("http://127.0.0.1:9\n")
    with open(state / serve.LOCK_FILE, "w") as held:
        held.write("4711\n")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        text = last_error(bare_command("serve", FREE), 1)

    assert "already running" in text
    assert "process 4711, http://127.0.0.1:9" in text
    assert "PLACEMENT_STATE_DIR" in text
    assert (state / location.ENDPOINT_FILE).read_text() == "http://127.0.0.1:9\n"
    assert not (state / location.TOKEN_FILE).exists()


@pytest.mark.usefixtures("home")
def test_a_full_disk_does_not_break_later_starts(bare_command, state):
    state.mkdir()
    with full_disk():
        result = bare_command("serve", FREE)

    assert "too large" in last_error(result, 1)
    assert not (state / location.TOKEN_FILE).exists()


def set_defaults(config, directory):
    """Set the defaults of a server without configuration."""
    serve._set_standalone_defaults(config, directory)
    serve._set_state_defaults(config, directory)


@pytest.mark.usefixtures("home")
def test_without_configuration_a_token_is_generated_and_not_printed(tmp_path, capsys):
    config = find.service_config({})

    set_defaults(config, tmp_path)

    token_file = tmp_path / location.TOKEN_FILE
    token = token_file.read_text().strip()
    assert (config.api.auth_strategy, config.api.token_file) == (
        "token",
        str(token_file),
    )
    assert config.placement_database.sync_on_startup
    assert len(token) > 30
    output = capsys.readouterr().out
    assert str(token_file) in output
    assert token not in output


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("content", ["", "kept\n"])
def test_only_an_empty_token_file_is_replaced(tmp_path, content):
    token_file = tmp_path / location.TOKEN_FILE
    token_file.write_text(content)

    set_defaults(find.service_config({}), tmp_path)

    assert (token_file.read_text() == "kept\n") is bool(content)
    assert token_file.read_text().strip()


@pytest.mark.usefixtures("home")
def test_with_a_configured_strategy_no_token_is_generated(tmp_path, monkeypatch):
    monkeypatch.setenv("OS_API__AUTH_STRATEGY", "noauth2")
    config = find.service_config({})

    set_defaults(config, tmp_path)

    assert config.api.auth_strategy == "noauth2"
    assert not (tmp_path / location.TOKEN_FILE).exists()


@pytest.mark.usefixtures("home")
def test_a_configured_token_file_is_not_created(tmp_path, monkeypatch):
    monkeypatch.setenv("OS_API__TOKEN_FILE", "/run/secrets/token")
    config = find.service_config({})

    set_defaults(config, tmp_path)

    assert config.api.auth_strategy == "token"
    assert config.api.token_file == "/run/secrets/token"
    assert not (tmp_path / location.TOKEN_FILE).exists()


@pytest.mark.usefixtures("home")
def test_a_token_is_generated_for_a_configured_database(tmp_path, monkeypatch):
    monkeypatch.setenv("OS_PLACEMENT_DATABASE__CONNECTION", "postgresql://database/a")
    monkeypatch.setenv("OS_API__AUTH_STRATEGY", "token")

    serve._set_state_defaults(find.service_config({}), tmp_path)

    assert (tmp_path / location.TOKEN_FILE).read_text().strip()
