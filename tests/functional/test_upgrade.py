"""What ``docs/upgrade.md`` says about restarts and about a newer schema is true."""

import collections.abc
import os
import pathlib
import re
import signal
import time
import urllib.request
import uuid

import httpx
import pytest
import sqlalchemy as sa

from placement import client, exception
from placement.cmd import manage, status
from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import migrations
from tests.servers import configuration, server
from tests.unit.cmd import operators

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "upgrade.md"
SECONDS = 60
NEWER = "9999"

_COMMANDS = re.compile(r"^ *```sh\n(.*?)^ *```$", re.M | re.S)
COMMANDS = [
    line.split()
    for block in _COMMANDS.findall(PAGE.read_text())
    for line in block.splitlines()
]
MAINS = {"placement-manage": manage.main, "placement-status": status.main}
HANG_UP = ["kill", "-HUP", '"$GUNICORN_PID"']


@pytest.fixture(autouse=True)
def _logging() -> collections.abc.Iterator[None]:
    """Restore what commands in this process set up."""
    with operators.restored_logging():
        yield


@pytest.fixture
def database_url(tmp_path: pathlib.Path) -> str:
    """A database on SQLite: nothing here depends on its kind."""
    url = f"sqlite:///{tmp_path / 'placement.db'}"
    engine = engines.create_engine(DatabaseSettings(url))
    migrations.sync(engine)
    engine.dispose()
    return url


def workers_of(pid: int) -> set[str]:
    return set(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def test_every_command_of_the_page_succeeds(
    database_url: str, tmp_path: pathlib.Path
) -> None:
    """The last one is of the next test."""
    *commands, last = COMMANDS
    path = configuration.write(tmp_path, database_url)

    statuses = [
        MAINS[program](["--config-file", str(path), *arguments])
        for program, *arguments in commands
    ]

    assert statuses == [0] * 4
    assert last == HANG_UP


def test_no_request_fails_while_workers_are_replaced(database_url: str) -> None:
    with server.processes(database_url, workers=1) as service:
        old = workers_of(service.pid)
        deadline = time.monotonic() + SECONDS

        os.kill(service.pid, signal.SIGHUP)
        statuses = set()
        while workers_of(service.pid) & old or not workers_of(service.pid):
            assert time.monotonic() < deadline
            # Each on a new connection.
            with urllib.request.urlopen(f"{service.url}/livez", timeout=SECONDS) as one:
                statuses.add(one.status)
            time.sleep(0.02)

        assert httpx.get(f"{service.url}/livez").status_code == 200
        assert statuses == {200}


@pytest.fixture
def newer_schema(database_url: str, application: server.Application) -> client.Client:
    """A client of a service that has started before a newer ``db sync``."""
    api = client.Client(client.WSGITransport(application, "admin"))
    host = api.create_provider("host")
    offers = {"VCPU": client.Inventory(8)}
    api.replace_inventories(host.uuid, client.Inventories(0, offers))
    table = migrations.VERSION_TABLES[migrations.OWN]
    engine = sa.create_engine(database_url)
    with engine.begin() as conn:
        conn.exec_driver_sql(f"UPDATE {table} SET version_num = '{NEWER}'")
    engine.dispose()
    return api


def test_old_workers_serve_with_a_newer_schema_but_are_not_ready(
    newer_schema: client.Client,
) -> None:
    wanted = client.Wanted(uuid.uuid4(), "resources=VCPU:8", "p", "u")

    (placed,) = newer_schema.place(wanted)

    assert placed.by_provider
    assert newer_schema.get_health().failed.keys() == {"schema", "used"}
    assert newer_schema.get_health(exclude=["schema", "used"]).is_ready


def test_an_old_release_neither_starts_nor_migrates_with_a_newer_schema(
    newer_schema: client.Client,
    database_url: str,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = configuration.write(tmp_path, database_url)
    refusal = f"has the schema {NEWER} and .* is needed"

    with (
        pytest.raises(exception.ConfigurationError, match=refusal),
        server.in_process(database_url),
    ):
        pass
    exit_status = manage.main(["--config-file", str(path), "db", "sync"])

    assert exit_status == 1
    assert "Can't locate revision" in capsys.readouterr().err
    assert len(newer_schema.get_providers()) == 1
