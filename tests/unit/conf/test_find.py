"""The sources of the configuration and their precedence."""

import pytest

from placement import exception
from placement.conf import find

CONF = "[placement_database]\nconnection = {}\n"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Use an empty home directory, so that no file of the machine is read."""
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


def test_a_named_directory_without_the_file_is_an_error(tmp_path):
    with pytest.raises(exception.ConfigurationError, match=r"placement\.conf"):
        find.service_config({"OS_PLACEMENT_CONFIG_DIR": str(tmp_path)})


@pytest.mark.parametrize("environ", [{}, {"OS_PLACEMENT_CONFIG_DIR": "  "}])
def test_without_a_named_directory_the_default_directories_are_read(home, environ):
    write(home, "sqlite:///home")
    assert connection(find.service_config(environ)) == "sqlite:///home"

    write(home / ".placement", "sqlite:///dotted")
    assert connection(find.service_config(environ)) == "sqlite:///dotted"


def test_the_service_needs_no_file(monkeypatch):
    monkeypatch.setenv("OS_PLACEMENT_DATABASE__CONNECTION", "sqlite:///environment")

    assert connection(find.service_config({})) == "sqlite:///environment"


def test_the_environment_overrides_the_file(tmp_path, monkeypatch):
    write(tmp_path, "sqlite:///file")
    monkeypatch.setenv("OS_PLACEMENT_DATABASE__CONNECTION", "sqlite:///environment")

    config = find.service_config({"OS_PLACEMENT_CONFIG_DIR": str(tmp_path)})

    assert connection(config) == "sqlite:///environment"


def test_a_command_line_option_overrides_the_environment(monkeypatch):
    monkeypatch.setenv("OS_DEFAULT__DEBUG", "true")

    assert find.command_config([]).debug
    assert not find.command_config(["--nodebug"]).debug


def test_a_command_reads_files_in_the_order_given(tmp_path, home):
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


PLACES = ("home/.placement", "home", "snap/etc/placement")
SERVICE, MANAGE, STATUS = "service", "placement-manage", "placement-status"
NAMED = "OS_PLACEMENT_CONFIG_DIR={0}/named"

# Program, existing files, arguments or environment variables, and the file that takes
# precedence. The same as in OpenStack Placement 16.0.0, except for files named after
# the WSGI server.
SOURCES = [
    *(
        (program, [f"{place}/{name}"], [], f"{place}/{name}")
        for program in (SERVICE, MANAGE, STATUS)
        for place in PLACES
        for name in ("placement.conf", "placement.conf.d/a.conf")
    ),
    *(
        (program, [f"{place}/{program}{rest}"], [], f"{place}/{program}{rest}")
        for program in (MANAGE, STATUS)
        for place in PLACES
        for rest in (".conf", ".conf.d/a.conf")
    ),
    *(
        (program, [*files], [], files[-1])
        for program in (SERVICE, MANAGE)
        for files in (
            # Earlier directories take precedence, and drop-in files over the main file.
            ("home/placement.conf", "home/.placement/placement.conf"),
            ("home/placement.conf.d/b.conf", "home/.placement/placement.conf.d/a.conf"),
            ("home/placement.conf.d/a.conf", "home/placement.conf.d/b.conf"),
            ("home/.placement/placement.conf", "home/placement.conf.d/a.conf"),
            ("home/placement.conf", "home/.placement/placement.conf.d/a.conf"),
            ("home/placement.conf.d/a.ini", "home/placement.conf"),
        )
    ),
    *(
        (MANAGE, [*files], [], files[-1])
        for files in (
            ("home/placement.conf", "home/placement-manage.conf"),
            ("home/placement.conf.d/a.conf", "home/placement-manage.conf.d/a.conf"),
            ("home/placement-manage.conf", "home/placement.conf.d/a.conf"),
            ("home/placement-status.conf", "home/placement.conf"),
        )
    ),
    (SERVICE, ["home/placement/placement.conf"], [], None),
    (SERVICE, ["home/.placement/placement/placement.conf.d/a.conf"], [], None),
    (SERVICE, ["named/placement.conf", "home/placement.conf"], [NAMED], 0),
    (SERVICE, ["named/placement.conf", "home/placement.conf.d/a.conf"], [NAMED], 1),
    (SERVICE, ["named/placement.conf", "named/placement.conf.d/a.conf"], [NAMED], 0),
    (MANAGE, ["named/placement.conf", "home/placement.conf"], [NAMED], 1),
    (MANAGE, ["named/placement.conf"], [NAMED], None),
    (MANAGE, ["f.conf", "home/placement.conf"], ["--config-file={0}/f.conf"], 0),
    (
        MANAGE,
        ["f.conf", "home/placement.conf.d/a.conf"],
        ["--config-file={0}/f.conf"],
        0,
    ),
    (
        MANAGE,
        ["empty.conf", "home/placement.conf.d/a.conf"],
        ["--config-file={0}/empty.conf"],
        1,
    ),
    (
        MANAGE,
        ["empty.conf", "home/placement.conf"],
        ["--config-file={0}/empty.conf"],
        None,
    ),
    (MANAGE, ["d/f.conf", "home/placement.conf"], ["--config-dir={0}/d"], 0),
    (MANAGE, ["d/empty.conf", "home/placement.conf"], ["--config-dir={0}/d"], 1),
    (
        MANAGE,
        ["d/empty.conf", "home/placement.conf.d/a.conf"],
        ["--config-dir={0}/d"],
        None,
    ),
    *(
        (MANAGE, ["d/f.conf", "f.conf"], options, last)
        for last, options in enumerate(
            (
                ["--config-file={0}/f.conf", "--config-dir={0}/d"],
                ["--config-dir={0}/d", "--config-file={0}/f.conf"],
            )
        )
    ),
]


@pytest.mark.parametrize(("program", "files", "called_with", "expected_file"), SOURCES)
def test_the_source_with_precedence_is_read(
    tmp_path, monkeypatch, program, files, called_with, expected_file
):
    monkeypatch.setenv("SNAP_COMMON", str(tmp_path / "snap"))
    for name in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if path.name == "empty.conf" else CONF.format(name))
    called_with = [each.format(tmp_path) for each in called_with]
    options = [each for each in called_with if each.startswith("--")]
    environ = dict(each.split("=") for each in called_with if each not in options)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    if program == SERVICE:
        config = find.service_config(environ)
    else:
        config = find.command_config(options, prog=program)

    expected = files[expected_file] if isinstance(expected_file, int) else expected_file
    assert connection(config) == expected
    if expected is not None:
        assert str(tmp_path / expected) in find.files_read(config)


@pytest.mark.parametrize(
    ("program", "found"), [("placement-api", True), ("gunicorn", False)]
)
def test_a_file_named_after_the_program_is_read_only_for_our_programs(
    home, monkeypatch, program, found
):
    monkeypatch.setattr("sys.argv", [f"/usr/bin/{program}"])
    write(home, program, f"{program}.conf")

    assert (connection(find.service_config({})) == program) is found


def test_a_missing_file_of_a_command_is_an_error(tmp_path):
    with pytest.raises(exception.ConfigurationError, match=r"none\.conf"):
        find.command_config(["--config-file", str(tmp_path / "none.conf")])


def test_a_file_that_is_not_ini_is_rejected(tmp_path):
    path = tmp_path / "placement.conf"
    path.write_text("connection\n")

    with pytest.raises(exception.ConfigurationError, match=r"placement\.conf"):
        find.command_config(["--config-file", str(path)])


def test_wrong_arguments_exit_with_status_2(capsys):
    with pytest.raises(SystemExit) as left:
        find.command_config(["--no-such-option"], prog="some-command")

    assert left.value.code == 2
    assert "usage: some-command" in capsys.readouterr().err
