"""The configuration comes from where the operator put it, and nowhere else."""

import pytest

from placement import exception
from placement.conf import find

CONF = "[placement_database]\nconnection = {}\n"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home directory of our own; nothing of the machine is read."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


def write(directory, connection, name="placement.conf"):
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(CONF.format(connection))
    return path


def connection(config):
    return config.placement_database.connection


def test_the_service_reads_the_directory_of_the_environment(tmp_path, home):
    write(home, "sqlite:///home")
    write(tmp_path / "named", "sqlite:///named")

    config = find.service_config(
        {"OS_PLACEMENT_CONFIG_DIR": f"  {tmp_path / 'named'} "}
    )

    assert connection(config) == "sqlite:///named"


def test_a_named_directory_must_have_the_file(tmp_path):
    with pytest.raises(exception.ConfigurationError, match=r"placement\.conf"):
        find.service_config({"OS_PLACEMENT_CONFIG_DIR": str(tmp_path)})


@pytest.mark.parametrize("environ", [{}, {"OS_PLACEMENT_CONFIG_DIR": "  "}])
def test_without_a_named_directory_the_default_places_are_read(home, environ):
    write(home, "sqlite:///home")
    assert connection(find.service_config(environ)) == "sqlite:///home"

    write(home / ".placement", "sqlite:///dotted")
    assert connection(find.service_config(environ)) == "sqlite:///dotted"


def test_the_service_can_do_without_a_file(monkeypatch):
    monkeypatch.setenv("OS_PLACEMENT_DATABASE__CONNECTION", "sqlite:///environment")

    assert connection(find.service_config({})) == "sqlite:///environment"


def test_the_environment_wins_over_the_file(tmp_path, monkeypatch):
    write(tmp_path, "sqlite:///file")
    monkeypatch.setenv("OS_PLACEMENT_DATABASE__CONNECTION", "sqlite:///environment")

    config = find.service_config({"OS_PLACEMENT_CONFIG_DIR": str(tmp_path)})

    assert connection(config) == "sqlite:///environment"


def test_a_command_line_option_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("OS_DEFAULT__DEBUG", "true")

    assert find.command_config([]).debug
    assert not find.command_config(["--nodebug"]).debug


def test_a_command_reads_the_files_it_is_given_in_their_order(tmp_path, home):
    write(home, "sqlite:///home")
    first = write(tmp_path, "sqlite:///first", "first.conf")
    second = write(tmp_path, "sqlite:///second", "second.conf")

    config = find.command_config(
        ["--config-file", str(first), f"--config-file={second}"]
    )

    assert connection(config) == "sqlite:///second"


def test_a_command_reads_a_directory_of_files(tmp_path):
    write(tmp_path / "parts", "sqlite:///part", "some.conf")

    config = find.command_config(["--config-dir", str(tmp_path / "parts")])

    assert connection(config) == "sqlite:///part"


def test_a_command_does_not_read_the_directory_of_the_service(tmp_path, monkeypatch):
    write(tmp_path, "sqlite:///service")
    monkeypatch.setenv("OS_PLACEMENT_CONFIG_DIR", str(tmp_path))

    assert connection(find.command_config([])) is None


def test_a_file_named_to_a_command_must_exist(tmp_path):
    with pytest.raises(exception.ConfigurationError, match=r"none\.conf"):
        find.command_config(["--config-file", str(tmp_path / "none.conf")])


def test_a_file_that_is_not_ini_is_refused(tmp_path):
    path = tmp_path / "placement.conf"
    path.write_text("connection\n")

    with pytest.raises(exception.ConfigurationError, match=r"placement\.conf"):
        find.command_config(["--config-file", str(path)])


def test_wrong_arguments_end_the_command(capsys):
    with pytest.raises(SystemExit) as left:
        find.command_config(["--no-such-option"], prog="some-command")

    assert left.value.code == 2
    assert "usage: some-command" in capsys.readouterr().err
