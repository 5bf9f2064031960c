"""The commands of ``docs/backup.md`` save and restore a database under the service."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing
import uuid

import pytest
import sqlalchemy as sa

from placement import client
from tests.functional import invariants
from tests.servers import databases, postgresql, server
from tests.servers.plugin import skip_missing

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "backup.md"
SECONDS = 120

_SECTION = re.compile(r"^## (.*)\n((?:(?!^## ).*\n)*)", re.M)
_COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
SECTIONS = {
    name: _COMMANDS.findall(text) for name, text in _SECTION.findall(PAGE.read_text())
}

# By kind of database: the section of the page, and a program that it uses.
TOOLS = {
    databases.SQLITE: ("SQLite", "sqlite3"),
    databases.POSTGRESQL: ("PostgreSQL", "pg_dump"),
    databases.MARIADB: ("MariaDB", "mariadb-dump"),
}


class Terminal(typing.NamedTuple):
    """Where an operator runs the commands, with access to the database."""

    directory: pathlib.Path
    variables: dict[str, str]

    def run(self, commands: str) -> None:
        done = subprocess.run(
            ["bash", "-euc", commands],
            cwd=self.directory,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def terminal(
    database_kind: str,
    database_url: str,
    tmp_path: pathlib.Path,
    pytestconfig: pytest.Config,
) -> Terminal:
    url = sa.make_url(database_url)
    path = [str(pathlib.Path(sys.executable).parent), os.environ["PATH"]]
    access: dict[str, str] = {"DATABASE": url.database or ""}
    if database_kind == databases.POSTGRESQL:
        path.append(str(postgresql.programs()))
        access |= {
            "PGHOST": url.host or "",
            "PGPORT": str(url.port),
            "PGUSER": url.username or "",
        }
    if database_kind == databases.MARIADB:
        (tmp_path / ".my.cnf").write_text(
            f"[client]\nhost={url.host}\nport={url.port}\nuser={url.username}\n"
            "skip-ssl\n"
        )
    _, program = TOOLS[database_kind]
    if shutil.which(program, path=os.pathsep.join(path)) is None:
        skip_missing(pytestconfig, database_kind, f"no program {program} found")
    return Terminal(
        tmp_path,
        {
            "PATH": os.pathsep.join(path),
            "HOME": str(tmp_path),
            "OS_PLACEMENT_DATABASE__CONNECTION": database_url,
            "CONNECTION": database_url,
            **access,
        },
    )


@pytest.fixture
def api(application: server.Application) -> client.Client:
    return client.Client(client.WSGITransport(application, "admin"))


def wanted(query: str) -> client.Wanted:
    return client.Wanted(uuid.uuid4(), query, "project", "user")


def used(api: client.Client) -> typing.Any:
    """Return the usage of the host as a search shows it, from the cache if it can."""
    (host,) = api.get_candidates([client.RequestGroup({"VCPU": 1})]).summaries.values()
    return {name: each.used for name, each in host.by_class.items()}


def test_a_backup_is_restored_under_the_running_service(
    database_kind: str, database_url: str, terminal: Terminal, api: client.Client
) -> None:
    section, _ = TOOLS[database_kind]
    back_up, restore = SECTIONS[section]
    host = api.create_provider("host")
    offers = {"VCPU": client.Inventory(8), "MEMORY_MB": client.Inventory(4096)}
    api.replace_inventories(host.uuid, client.Inventories(0, offers))
    (kept,) = api.place(wanted("resources=VCPU:2"))

    terminal.run(back_up)
    (lost,) = api.place(wanted("resources=VCPU:5,MEMORY_MB:512"))
    assert used(api) == {"VCPU": 7, "MEMORY_MB": 512}
    terminal.run(restore)

    assert used(api) == {"VCPU": 2, "MEMORY_MB": 0}
    assert api.get_allocations(kept.consumer).by_provider == kept.by_provider
    assert api.get_allocations(lost.consumer).by_provider == {}
    api.place(wanted("resources=VCPU:6"))
    with pytest.raises(client.NoCandidate):
        api.place(wanted("resources=VCPU:1"))
    # They fail if anything is wrong with the data.
    terminal.run(*SECTIONS["After a restore"])
    if database_kind == databases.SQLITE:
        # Nothing of it depends on the kind of the database.
        terminal.run("".join(SECTIONS["Try it"]))
    assert invariants.violations(database_url) == []


def test_every_command_of_the_page_is_run() -> None:
    used_here = {"After a restore", "Try it", *(name for name, _ in TOOLS.values())}

    assert {name for name, commands in SECTIONS.items() if commands} == used_here
