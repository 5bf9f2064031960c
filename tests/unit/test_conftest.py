"""A unit test cannot start a server."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "command",
    [
        ["/usr/lib/postgresql/15/bin/postgres", "-D", "data"],
        ["mariadbd", "--no-defaults"],
        [sys.executable, "-m", "gunicorn", "placement.wsgi.api:application"],
        ["placement", "serve"],
    ],
)
def test_starting_a_server_fails(command):
    with pytest.raises(pytest.fail.Exception, match="starts no server"):
        subprocess.run(command, check=False)


def test_other_programs_can_be_started():
    done = subprocess.run([sys.executable, "-c", ""], check=False)

    assert done.returncode == 0
