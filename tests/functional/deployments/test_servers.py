"""Every deployment starts with its sample files, serves requests, and stops."""

import collections.abc
import concurrent.futures
import contextlib
import os
import pathlib
import re
import signal
import typing
import uuid

import httpx
import pytest
import sqlalchemy as sa
import yaml

from placement import client
from tests import waiting
from tests.functional.deployments import conftest
from tests.functional.deployments.conftest import DEPLOY, UNITS, Machine
from tests.servers import databases, sandbox, sessions

SECONDS = 30
TOKEN = {"X-Auth-Token": "admin", "OpenStack-API-Version": "placement latest"}
METRICS_TOKEN = "a-token-for-prometheus"
# More claims than there is room for, from several clients at a time.
ROOM, CLAIMS, CLIENTS = 16, 24, 8
# Without connections that stay open, which a server that stops would close.
HTTP = httpx.Client(
    headers={"Connection": "close"}, timeout=SECONDS, verify=False, trust_env=False
)
# What the tests change in the configuration: who may do what.
OVERRIDES = "[api]\nauth_strategy = noauth2\n"


class Deployment(typing.NamedTuple):
    """A running server; ``signal`` ends it after the requests in progress."""

    name: str
    url: str
    pid: int
    signal: int = signal.SIGTERM
    # Whether /readyz answers while the server stops.
    is_draining: bool = True
    # What a search with 1,000 aggregates gets, whose line has 37 kB.
    long_line: int = 200


def test_the_image_runs_without_a_configuration(
    machine: Machine, tmp_path: pathlib.Path
) -> None:
    image = machine.image
    words = [*image.entrypoint, *image.command]
    with machine.running(words, image.place, tmp_path) as pid:
        healthy = machine.sandbox.run(*image.healthcheck, place=image.place)
        with open(f"/proc/{pid}/status") as status:
            assert f"\nUid:\t{image.place.user}\t" in status.read()
        with pytest.raises(RuntimeError, match="Read-only file system"):
            machine.sandbox.run("touch", "/opt/placement/bin/placement")
        os.kill(pid, signal.SIGTERM)
        waiting.until_ended(pid)
    with pytest.raises(RuntimeError, match="No server found"):
        machine.sandbox.run(*image.healthcheck, place=image.place)

    assert re.search(r"^database +ok$", healthy, re.M)


def test_the_unit_of_a_standalone_server_starts_one(
    machine: Machine, tmp_path: pathlib.Path
) -> None:
    unit = machine.unit(DEPLOY / "systemd" / "placement.service")

    place = sandbox.Place(machine.image.place.user, unit.environment)
    with machine.running(unit.command, place, tmp_path):
        wait_for_line(f"{machine.url}/readyz", "ok")
        files = machine.sandbox.run("ls", unit.environment["PLACEMENT_STATE_DIR"])
    assert {"placement.db", "admin-token", "endpoint"} <= set(files.split())


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_systemd_accepts_a_unit(
    machine: Machine, pytestconfig: pytest.Config, path: pathlib.Path
) -> None:
    conftest.require(pytestconfig, "systemd-analyze")
    installed = f"/run/systemd/system/{path.name}"

    def verify(text: str) -> str:
        machine.sandbox.write(installed, text)
        return machine.sandbox.run("systemd-analyze", "--man=no", "verify", installed)

    # There may be messages about other units of this machine.
    assert path.name not in verify(path.read_text())
    with pytest.raises(RuntimeError, match=path.name):
        verify(path.read_text().replace("ExecStart=/", "ExecStart=/missing/"))


@pytest.fixture(scope="module")
def database_url(
    machine: Machine, postgresql_server: databases.Databases
) -> collections.abc.Iterator[str]:
    """A database, which the configured commands reach but have not migrated."""
    with postgresql_server.empty() as url:
        secret = re.sub(
            "^connection = .*$",
            f"connection = {url}",
            (DEPLOY / "secret.conf").read_text(),
            flags=re.M,
        )
        owner = machine.image.place.user
        files = {
            "placement.conf.d/secret.conf": secret,
            "placement.conf.d/tests.conf": OVERRIDES,
            "metrics-token": METRICS_TOKEN,
        }
        for name, text in files.items():
            machine.sandbox.write(f"/etc/placement/{name}", text, "0400", owner)
        yield url


def manifest(name: str) -> typing.Any:
    return yaml.safe_load((DEPLOY / "kubernetes" / f"{name}.yaml").read_text())


@contextlib.contextmanager
def kubernetes(
    machine: Machine, directory: pathlib.Path, _config: pytest.Config
) -> collections.abc.Iterator[Deployment]:
    """Run the Job, then the container of the Deployment, with the ConfigMap."""
    text = manifest("configmap")["data"]["placement.conf"]
    machine.sandbox.write("/etc/placement/placement.conf", text)
    (job,) = manifest("migration")["spec"]["template"]["spec"]["containers"]
    (container,) = manifest("deployment")["spec"]["template"]["spec"]["containers"]
    place = machine.image.place
    machine.sandbox.run(*job["command"], place=place)
    words = [*machine.image.entrypoint, *container["args"]]
    with machine.running(words, place, directory) as pid:
        yield Deployment("kubernetes", machine.url, pid)


@contextlib.contextmanager
def gunicorn(
    machine: Machine, directory: pathlib.Path, _config: pytest.Config
) -> collections.abc.Iterator[Deployment]:
    with _unit(machine, directory, "placement-gunicorn.service") as pid:
        yield Deployment("gunicorn", machine.url, pid)


@contextlib.contextmanager
def uwsgi(
    machine: Machine, directory: pathlib.Path, config: pytest.Config
) -> collections.abc.Iterator[Deployment]:
    conftest.require(config, "uwsgi")
    _require_python()
    with _unit(machine, directory, "placement-uwsgi.service") as pid:
        yield Deployment("uwsgi", machine.url, pid, is_draining=False, long_line=414)


@contextlib.contextmanager
def apache(
    machine: Machine, directory: pathlib.Path, config: pytest.Config
) -> collections.abc.Iterator[Deployment]:
    conftest.require(config, "apache2")
    _require_python()
    _install_configuration(machine)
    unit = machine.unit(DEPLOY / "apache" / "systemd.conf")
    machine.sandbox.run(*unit.options["ExecStartPre"][0].split())
    words = ["apache2", "-D", "FOREGROUND", "-f", conftest.APACHE_CONFIGURATION]
    place = sandbox.Place(0, unit.environment)
    with machine.running(words, place, directory) as pid:
        # What `apache2ctl graceful-stop` sends.
        yield Deployment("apache", machine.url, pid, signal.SIGWINCH, False)


@contextlib.contextmanager
def _unit(
    machine: Machine, directory: pathlib.Path, name: str
) -> collections.abc.Iterator[int]:
    _install_configuration(machine)
    unit = machine.unit(DEPLOY / "systemd" / name)
    place = sandbox.Place(machine.image.place.user, unit.environment)
    with machine.running(unit.command, place, directory) as pid:
        yield pid


def _install_configuration(machine: Machine) -> None:
    text = (DEPLOY / "placement.conf").read_text()
    machine.sandbox.write("/etc/placement/placement.conf", text)


def _require_python() -> None:
    if not sandbox.has_debian_python():
        pytest.skip("Debian's servers load another version of Python than this one")


@pytest.fixture(
    scope="module",
    params=[kubernetes, gunicorn, uwsgi, apache],
    ids=lambda p: p.__name__,
)
def deployment(
    request: pytest.FixtureRequest,
    machine: Machine,
    database_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> collections.abc.Iterator[Deployment]:
    # The Job of the first one migrates the database.
    directory = tmp_path_factory.mktemp("deployment")
    with request.param(machine, directory, request.config) as running:
        yield running


def test_probes_are_answered(deployment: Deployment) -> None:
    for path in ("/livez", "/readyz"):
        wait_for_line(f"{deployment.url}{path}", "ok")


def test_concurrent_claims_fill_a_host_and_are_counted(deployment: Deployment) -> None:
    before = counted_claims(deployment.url)
    with client.Client.connect(deployment.url, "admin") as api:
        host = api.create_provider(f"host-{deployment.name}")
        offer = client.Inventories(
            host.generation, {"VCPU": client.Inventory(total=ROOM)}
        )
        api.replace_inventories(host.uuid, offer)
        wanted = client.RequestGroup(resources={"VCPU": 1}, in_tree=host.uuid)
        (candidate,) = api.get_candidates([wanted]).requests

        def is_claimed(_number: int) -> bool:
            with client.Client.connect(deployment.url, "admin") as own:
                return bool(
                    own.claim(
                        uuid.uuid4(),
                        candidate,
                        project_id="project",
                        user_id="user",
                        consumer_type="INSTANCE",
                    )
                )

        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
            claimed = list(clients.map(is_claimed, range(CLAIMS)))
        assert sum(claimed) == ROOM
        assert not api.get_candidates([wanted]).requests
    # Of all processes, whichever answers.
    after = counted_claims(deployment.url)
    found = {result: after[result] - before[result] for result in after}
    assert (found["ok"], found["capacity"]) == (ROOM, CLAIMS - ROOM)


def counted_claims(url: str) -> dict[str, float]:
    """Return the number of claims by result, from the metrics."""
    given = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    text = HTTP.get(f"{url}/metrics", headers=given).raise_for_status().text
    pattern = r'^placement_claims_total\{operation="put",result="(\w+)"\} (\S+)$'
    return {result: float(value) for result, value in re.findall(pattern, text, re.M)}


def test_long_request_lines_and_chunked_bodies_are_accepted(
    deployment: Deployment,
) -> None:
    for count, status in ((600, 200), (1000, deployment.long_line)):
        aggregates = ",".join(str(uuid.uuid4()) for _ in range(count))
        searched = HTTP.get(
            f"{deployment.url}/allocation_candidates?resources=VCPU:1"
            f"&member_of=in:{aggregates}",
            headers=TOKEN,
        )
        assert searched.status_code == status, searched.text
    name = f"chunked-{deployment.name}"
    created = HTTP.post(
        f"{deployment.url}/resource_providers",
        headers={**TOKEN, "Content-Type": "application/json"},
        content=iter([b'{"name": ', f'"{name}"}}'.encode()]),
    )

    assert created.json()["name"] == name


def test_headers_of_the_proxy_are_used(deployment: Deployment) -> None:
    name = f"/traits/CUSTOM_{deployment.name.upper()}"
    proxy = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "api.example.com"}

    created = HTTP.put(f"{deployment.url}{name}", headers={**TOKEN, **proxy})

    assert created.headers["Location"] == f"https://api.example.com{name}"


# The last test of a deployment, because it ends the server.
def test_a_server_that_stops_finishes_its_requests(
    deployment: Deployment, database_url: str
) -> None:
    engine = sa.create_engine(database_url)
    with concurrent.futures.ThreadPoolExecutor(1) as clients:
        with engine.connect() as conn:
            conn.execute(sa.text("LOCK TABLE resource_providers"))
            created = clients.submit(
                HTTP.post,
                f"{deployment.url}/resource_providers",
                json={"name": f"last-{deployment.name}"},
                headers=TOKEN,
            )
            sessions.wait_until_blocked(engine)
            os.kill(deployment.pid, deployment.signal)
            if deployment.is_draining:
                reason = "draining: the server is stopping"
                wait_for_line(f"{deployment.url}/readyz", reason)
        # The lock is released.
        assert created.result(SECONDS).status_code == 200
    engine.dispose()
    # Some processes of uWSGI end only after ``worker-reload-mercy``.
    waiting.until_ended(deployment.pid)


def wait_for_line(url: str, line: str) -> None:
    """Probe until the response has a line; a check may fail on a busy machine."""
    waiting.until(lambda: line in HTTP.get(url).text.splitlines(), lambda: line)
