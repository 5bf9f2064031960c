"""Unit tests start no server: one that does fails."""

import collections.abc
import os
import pathlib
import subprocess
import typing
from unittest import mock

import pytest

_SERVERS = {
    "gunicorn",
    "initdb",
    "mariadb-install-db",
    "mariadbd",
    "mysqld",
    "pg_ctl",
    "postgres",
}
_FIXTURES = {"database_servers", "postgresql_server"}
_DIRECTORY = pathlib.Path(__file__).parent
_HINT = "a unit test starts no server; move the test to tests/functional"


class _Popen(subprocess.Popen[typing.Any]):
    """Refuses to start a server program."""

    def __init__(self, args: typing.Any, *others: typing.Any, **named: typing.Any):
        words = [args] if isinstance(args, str | bytes | os.PathLike) else list(args)
        names = [pathlib.Path(os.fsdecode(word)).name for word in words]
        if _SERVERS & set(names) or "serve" in names[1:]:
            pytest.fail(f"{_HINT}: {' '.join(names)}")
        super().__init__(args, *others, **named)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> collections.abc.Iterator[None]:
    """Refuse servers in the setup, call and teardown of a unit test.

    A fixture would not do: fixtures of the session are set up before it. The hook is
    also called for other tests.
    """
    if _DIRECTORY not in item.path.parents:
        return (yield)
    with mock.patch.object(subprocess, "Popen", _Popen):
        return (yield)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse the fixtures of servers, which another test may have started."""
    if _FIXTURES & set(getattr(item, "fixturenames", ())):
        pytest.fail(_HINT, pytrace=False)
