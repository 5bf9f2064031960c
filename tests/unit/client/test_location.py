"""The client finds the server of this machine; only that server gets its token."""

import os
import pathlib

import pytest

from placement.client import ServerNotLocated, locate, state_directory

LOCAL = "http://127.0.0.1:8778"


@pytest.fixture
def environ(tmp_path):
    return {"PLACEMENT_STATE_DIR": str(tmp_path)}


@pytest.fixture
def running(tmp_path):
    (tmp_path / "endpoint").write_text(f"{LOCAL}\n")
    (tmp_path / "admin-token").write_text("secret\n")


@pytest.mark.usefixtures("running")
def test_endpoint_and_token_are_read_from_the_state_directory(environ):
    assert locate(environ=environ) == (LOCAL, "secret")


@pytest.mark.usefixtures("running")
def test_environment_variables_override_files(environ):
    environ |= {"PLACEMENT_ENDPOINT": "http://far", "PLACEMENT_TOKEN": "mine"}

    assert locate(environ=environ) == ("http://far", "mine")


@pytest.mark.usefixtures("running")
def test_arguments_override_environment_variables(environ):
    environ |= {"PLACEMENT_ENDPOINT": "http://far", "PLACEMENT_TOKEN": "mine"}

    assert locate("http://here", "this", environ) == ("http://here", "this")


@pytest.mark.usefixtures("running")
def test_the_local_token_is_not_used_for_another_server(environ):
    with pytest.raises(ServerNotLocated, match="No token for http://far"):
        locate("http://far", environ=environ)


@pytest.mark.usefixtures("running")
def test_a_token_argument_is_used_with_the_local_endpoint(environ):
    assert locate(token="mine", environ=environ) == (LOCAL, "mine")


def test_a_missing_endpoint_file_is_reported_with_its_directory(environ, tmp_path):
    with pytest.raises(ServerNotLocated, match="placement serve") as failure:
        locate(token="mine", environ=environ)

    assert str(tmp_path) in str(failure.value)


def test_an_empty_token_file_counts_as_missing(environ, tmp_path, running):
    (tmp_path / "admin-token").write_text("")

    with pytest.raises(ServerNotLocated, match="No token"):
        locate(environ=environ)


@pytest.mark.parametrize(
    ("user", "environ", "expected"),
    [
        (0, {}, "/var/lib/placement"),
        (0, {"XDG_STATE_HOME": "/x"}, "/var/lib/placement"),
        (1000, {"XDG_STATE_HOME": "/x"}, "/x/placement"),
        (1000, {"PLACEMENT_STATE_DIR": "/s", "XDG_STATE_HOME": "/x"}, "/s"),
    ],
)
def test_the_state_directory_depends_on_user_and_environment(
    monkeypatch, user, environ, expected
):
    monkeypatch.setattr(os, "geteuid", lambda: user)

    assert state_directory(environ) == pathlib.Path(expected)


def test_the_default_state_directory_of_a_user_is_in_the_home_directory(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/ada")

    assert state_directory({}) == pathlib.Path("/home/ada/.local/state/placement")
