"""The client finds the server of this machine, and shows its token to no other."""

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
def test_a_running_server_is_found(environ):
    assert locate(environ=environ) == (LOCAL, "secret")


@pytest.mark.usefixtures("running")
def test_the_environment_wins_over_files(environ):
    environ |= {"PLACEMENT_ENDPOINT": "http://far", "PLACEMENT_TOKEN": "mine"}

    assert locate(environ=environ) == ("http://far", "mine")


@pytest.mark.usefixtures("running")
def test_arguments_win_over_the_environment(environ):
    environ |= {"PLACEMENT_ENDPOINT": "http://far", "PLACEMENT_TOKEN": "mine"}

    assert locate("http://here", "this", environ) == ("http://here", "this")


@pytest.mark.usefixtures("running")
def test_the_local_token_is_for_the_local_server_only(environ):
    with pytest.raises(ServerNotLocated, match="No token for http://far"):
        locate("http://far", environ=environ)


@pytest.mark.usefixtures("running")
def test_a_token_may_be_given_for_the_local_server(environ):
    assert locate(token="mine", environ=environ) == (LOCAL, "mine")


def test_no_server_was_started(environ, tmp_path):
    with pytest.raises(ServerNotLocated, match="placement serve") as failure:
        locate(token="mine", environ=environ)

    assert str(tmp_path) in str(failure.value)


def test_an_empty_file_is_none(environ, tmp_path, running):
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
def test_where_the_state_is_kept(monkeypatch, user, environ, expected):
    monkeypatch.setattr(os, "geteuid", lambda: user)

    assert state_directory(environ) == pathlib.Path(expected)


def test_the_state_of_a_person_is_in_the_home_directory(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/ada")

    assert state_directory({}) == pathlib.Path("/home/ada/.local/state/placement")
