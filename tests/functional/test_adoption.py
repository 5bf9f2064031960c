"""The existing service and this one use one database in turn.

Each reads what the other has written; see api-ref/adoption.md.
"""

import collections.abc
import contextlib
import json
import pathlib
import typing

import httpx
import pytest
import sqlalchemy as sa

from placement.cmd import audit, manage
from placement.conf.settings import DatabaseSettings, PlacementSettings
from placement.db import engine as engines
from placement.db import migrations
from tests.functional import invariants
from tests.servers import configuration, peer, programs, server, virtualenvs
from tests.servers.plugin import skip_missing
from tests.unit.cmd import operators

NEWEST = "1.39"
# 1.37 is the last version without consumer types.
VERSIONS = (NEWEST, "1.37")
# Allocations without a project, as a list.
OLDEST = "1.0"
SECONDS = 60
HEAD = "a082b8bb98d0"
# An audit without repairs needs no settings.
NO_SETTINGS = typing.cast(PlacementSettings, None)
# The version table of this service.
OURS = migrations.VERSION_TABLES[migrations.OWN]

PROJECT, USER = "project", "user"
AGGREGATE = "5b0f5b1e-4c0f-4c63-9d4c-6f0e0fd6aa01"


def uuid(number: int) -> str:
    return f"11111111-2222-4333-8444-{number:012}"


HOST, NUMA, DEVICE, OTHER, SHARED, LATER, LAST = (uuid(n) for n in range(1, 8))
TYPED, UNTYPED, ANCIENT, MOVED, FIRST_OF_OURS, THEIRS = (uuid(n) for n in range(21, 27))
PROVIDERS = (HOST, NUMA, DEVICE, OTHER, SHARED, LATER, LAST)
CONSUMERS = (TYPED, UNTYPED, ANCIENT, MOVED, FIRST_OF_OURS, THEIRS)

OF_PROVIDER = ("", "/inventories", "/usages", "/aggregates", "/traits", "/allocations")
READ = (
    "/resource_providers",
    f"/resource_providers?in_tree={DEVICE}",
    f"/resource_providers?member_of={AGGREGATE}",
    "/resource_providers?resources=VCPU:1",
    *(
        f"/resource_providers/{each}{part}"
        for each in PROVIDERS
        for part in OF_PROVIDER
    ),
    *(f"/allocations/{each}" for each in CONSUMERS),
    f"/usages?project_id={PROJECT}",
    f"/usages?project_id={PROJECT}&user_id={USER}&consumer_type=INSTANCE",
    "/usages?project_id=00000000-0000-0000-0000-000000000000",
    "/resource_classes/CUSTOM_GOLD",
    "/traits?name=startswith:CUSTOM_",
    "/allocation_candidates?resources=VCPU:1,DISK_GB:10",
    "/allocation_candidates?resources=CUSTOM_GOLD:1&required=CUSTOM_FAST",
)

Read = dict[tuple[str, str], typing.Any]


class Api(typing.NamedTuple):
    """A client of a service, with an administrator's token."""

    http: httpx.Client

    def send(
        self, method: str, path: str, body: object = None, version: str = NEWEST
    ) -> httpx.Response:
        return self.http.request(
            method,
            path,
            json=body,
            headers={
                "X-Auth-Token": "admin",
                "X-Roles": "admin,service",
                "Accept": "application/json",
                "OpenStack-API-Version": f"placement {version}",
            },
            timeout=SECONDS,
        )

    def do(
        self, method: str, path: str, body: object = None, version: str = NEWEST
    ) -> typing.Any:
        """Send a request that must succeed; return the document."""
        answer = self.send(method, path, body, version)
        assert answer.is_success, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def read(self) -> Read:
        """Return all responses, with Last-Modified if it is stored."""
        return {
            (path, version): self._read_one(path, version)
            for version in VERSIONS
            for path in READ
        }

    def _read_one(self, path: str, version: str) -> typing.Any:
        answer = self.send("GET", path, version=version)
        if not answer.is_success:
            return answer.status_code
        is_stored = path.count("/") == 2 and path.startswith("/resource_providers/")
        modified = answer.headers["Last-Modified"] if is_stored else None
        document = answer.json() if answer.content else None
        return modified, sorted_throughout(document)

    def create(self, provider: str, name: str, parent: str | None = None) -> None:
        body = {"uuid": provider, "name": name, "parent_provider_uuid": parent}
        self.do("POST", "/resource_providers", body)

    def offer(self, provider: str, **inventories: dict[str, float]) -> None:
        self._put(provider, "inventories", inventories)

    def set_traits(self, provider: str, *traits: str) -> None:
        self._put(provider, "traits", traits)

    def set_aggregates(self, provider: str, *aggregates: str) -> None:
        self._put(provider, "aggregates", aggregates)

    def claim(
        self,
        consumer: str,
        resources: dict[str, dict[str, int]],
        generation: int | None = None,
        consumer_type: str = "INSTANCE",
    ) -> None:
        answer = self.try_to_claim(consumer, resources, generation, consumer_type)
        assert answer.is_success, answer.text

    def try_to_claim(
        self,
        consumer: str,
        resources: dict[str, dict[str, int]],
        generation: int | None = None,
        consumer_type: str = "INSTANCE",
    ) -> httpx.Response:
        body = allocations(resources, generation) | {"consumer_type": consumer_type}
        return self.send("PUT", f"/allocations/{consumer}", body)

    def _put(self, provider: str, what: str, value: object) -> None:
        path = f"/resource_providers/{provider}"
        generation = self.do("GET", path)["generation"]
        body = {what: value, "resource_provider_generation": generation}
        self.do("PUT", f"{path}/{what}", body)


def allocations(
    resources: dict[str, dict[str, int]], generation: int | None = None
) -> dict[str, object]:
    """Return a body of microversion 1.28, without a consumer type."""
    return {
        "allocations": {
            each: {"resources": units} for each, units in resources.items()
        },
        "project_id": PROJECT,
        "user_id": USER,
        "consumer_generation": generation,
    }


def sorted_throughout(value: typing.Any) -> typing.Any:
    """Return the document with sorted lists: their order is not defined."""
    if isinstance(value, dict):
        return {name: sorted_throughout(each) for name, each in value.items()}
    if isinstance(value, list):
        return sorted(map(sorted_throughout, value), key=json.dumps)
    return value


def differences(ours: Read, theirs: Read) -> list[typing.Any]:
    """Return the requests with different responses, with ours and theirs.

    Ignores their server errors: usages by consumer type fail on PostgreSQL.
    """
    return [
        (request, answer, theirs[request])
        for request, answer in ours.items()
        if answer != theirs[request] and theirs[request] != 500
    ]


@pytest.fixture(scope="session")
def peer_python(pytestconfig: pytest.Config) -> pathlib.Path:
    try:
        return peer.python()
    except virtualenvs.MissingError as missing:
        skip_missing(pytestconfig, "openstack-placement", str(missing))


class Place:
    """A database that either service can use."""

    def __init__(
        self, url: str, directory: pathlib.Path, their_python: pathlib.Path
    ) -> None:
        self._url = url
        self._directory = directory
        self._their_python = their_python
        configuration.write(directory, url)

    @property
    def database_url(self) -> str:
        return self._url

    @contextlib.contextmanager
    def ours(self) -> collections.abc.Iterator[Api]:
        with (
            server.in_process(self._url) as application,
            httpx.Client(
                transport=httpx.WSGITransport(app=application), base_url="http://ours"
            ) as http,
        ):
            yield Api(http)

    @contextlib.contextmanager
    def theirs(self) -> collections.abc.Iterator[Api]:
        with (
            server.processes(
                self._url, workers=1, python=self._their_python
            ) as running,
            httpx.Client(base_url=running.url) as http,
        ):
            yield Api(http)

    def manage(self, *command: str) -> None:
        """Run our ``placement-manage db`` in this process; it must succeed."""
        path = str(self._directory / "placement.conf")
        with operators.restored_logging():
            assert manage.main(["--config-file", path, "db", *command]) == manage.DONE

    def their_manage(self, *command: str) -> None:
        """Run their ``placement-manage db``. Raises RuntimeError if it fails."""
        programs.run(
            self._directory,
            self._their_python.with_name("placement-manage"),
            *("--config-file", self._directory / "placement.conf", "db"),
            *command,
        )

    def audit(self) -> int:
        """Audit in this process, and print the findings; return the exit status."""
        with self._engine() as engine:
            return audit.run(engine, NO_SETTINGS, is_fixing=False, is_json=True)

    def execute(self, statement: str) -> None:
        with self._engine() as engine, engine.begin() as conn:
            conn.execute(sa.text(statement))

    def tables(self) -> set[str]:
        with self._engine() as engine:
            return set(sa.inspect(engine).get_table_names())

    def revision(self) -> str | None:
        """Return the revision of the schema that both services share."""
        with self._engine() as engine:
            return migrations.version(engine)

    @contextlib.contextmanager
    def _engine(self) -> collections.abc.Iterator[sa.Engine]:
        engine = engines.create_engine(DatabaseSettings(self._url))
        try:
            yield engine
        finally:
            engine.dispose()


@pytest.fixture
def place(
    empty_database_url: str, tmp_path: pathlib.Path, peer_python: pathlib.Path
) -> Place:
    return Place(empty_database_url, tmp_path, peer_python)


def fill(api: Api) -> None:
    """Create some of everything that a database in use has."""
    api.do("PUT", "/traits/CUSTOM_FAST")
    api.do("PUT", "/resource_classes/CUSTOM_GOLD")
    api.create(HOST, "host")
    api.create(NUMA, "numa", HOST)
    api.create(DEVICE, "device", NUMA)
    api.create(OTHER, "other")
    api.create(SHARED, "shared")
    api.offer(
        HOST,
        VCPU={"total": 10, "allocation_ratio": 16.0, "reserved": 1},
        MEMORY_MB={"total": 1000, "step_size": 8, "allocation_ratio": 1.1},
    )
    api.offer(NUMA, CUSTOM_GOLD={"total": 10, "allocation_ratio": 0.9})
    api.offer(DEVICE, SRIOV_NET_VF={"total": 8, "min_unit": 1, "max_unit": 4})
    api.offer(OTHER, VCPU={"total": 4}, DISK_GB={"total": 100, "reserved": 10})
    api.offer(SHARED, DISK_GB={"total": 1000})
    api.set_traits(NUMA, "CUSTOM_FAST", "HW_NUMA_ROOT")
    api.set_traits(SHARED, "MISC_SHARES_VIA_AGGREGATE")
    api.set_aggregates(HOST, AGGREGATE)
    api.set_aggregates(SHARED, AGGREGATE)
    api.claim(TYPED, {HOST: {"VCPU": 2, "MEMORY_MB": 64}, SHARED: {"DISK_GB": 20}})
    body = allocations({HOST: {"VCPU": 1}, NUMA: {"CUSTOM_GOLD": 4}})
    api.do("PUT", f"/allocations/{UNTYPED}", body, "1.28")
    body = {
        "allocations": [
            {"resource_provider": {"uuid": OTHER}, "resources": {"VCPU": 3}},
        ]
    }
    api.do("PUT", f"/allocations/{ANCIENT}", body, OLDEST)
    api.claim(MOVED, {OTHER: {"DISK_GB": 5}, DEVICE: {"SRIOV_NET_VF": 2}})


def write_with_ours(api: Api) -> None:
    api.create(LATER, "later", OTHER)
    api.offer(LATER, CUSTOM_GOLD={"total": 3})
    api.claim(FIRST_OF_OURS, {LATER: {"CUSTOM_GOLD": 3}}, consumer_type="VOLUME")
    api.claim(MOVED, {SHARED: {"DISK_GB": 7}}, generation=1)
    api.do("DELETE", f"/allocations/{UNTYPED}")
    api.set_traits(OTHER, "CUSTOM_FAST")


def write_with_theirs(api: Api) -> None:
    api.create(LAST, "last")
    api.offer(LAST, VCPU={"total": 4})
    api.claim(THEIRS, {LAST: {"VCPU": 3}, SHARED: {"DISK_GB": 90}})
    api.do("DELETE", f"/allocations/{MOVED}")
    api.do("DELETE", f"/allocations/{FIRST_OF_OURS}")
    # The total of VCPUs stays the same, on different providers.
    api.claim(TYPED, {OTHER: {"VCPU": 1}, HOST: {"VCPU": 1, "MEMORY_MB": 64}}, 1)
    api.do("DELETE", f"/resource_providers/{LATER}")


def test_each_service_reads_what_the_other_has_written(place: Place) -> None:
    place.their_manage("sync")
    assert place.tables() & {"alembic_version", OURS} == {"alembic_version"}
    with place.theirs() as api:
        fill(api)
        theirs = api.read()

    place.manage("sync")
    assert place.audit() == audit.CLEAN
    with place.ours() as api:
        assert differences(api.read(), theirs) == []
        write_with_ours(api)
        ours = api.read()

    place.their_manage("sync")
    place.their_manage("online_data_migrations")
    assert place.revision() == HEAD
    with place.theirs() as api:
        assert differences(ours, api.read()) == []
        write_with_theirs(api)
        theirs = api.read()

    assert place.audit() == audit.FINDINGS
    with place.ours() as api:
        assert place.audit() == audit.CLEAN
        assert differences(api.read(), theirs) == []
        # ``used`` was corrected to the allocations that theirs has written.
        assert api.try_to_claim(UNTYPED, {LAST: {"VCPU": 2}}).status_code == 409
        api.claim(UNTYPED, {LAST: {"VCPU": 1}, NUMA: {"CUSTOM_GOLD": 9}})
    assert place.audit() == audit.CLEAN


# Canonical uuids, which the other service gets in other spellings.
SPELLED = "abcdef01-0000-4000-8000-00000000000{}"
GROUP = SPELLED.format(1)
GROUP_DIGITS = GROUP.replace("-", "")
NAMED, RELEASED = (SPELLED.format(n) for n in (2, 3))


def write_misspelled(api: Api) -> None:
    api.create(HOST, "host")
    api.create(OTHER, "other")
    api.offer(HOST, VCPU={"total": 10})
    api.offer(OTHER, DISK_GB={"total": 10})
    api.set_traits(OTHER, "MISC_SHARES_VIA_AGGREGATE")
    api.set_aggregates(HOST, GROUP_DIGITS)
    api.set_aggregates(OTHER, GROUP.upper())
    body = allocations({HOST: {"VCPU": 3}}) | {"consumer_type": "INSTANCE"}
    api.do("POST", "/allocations", {NAMED.upper(): body, RELEASED.upper(): body})


def test_uuids_in_other_spellings_are_found_after_a_start(place: Place) -> None:
    place.manage("sync")
    with place.theirs() as api:
        write_misspelled(api)

    with place.ours() as api:
        for uuid_ in (NAMED, NAMED.upper(), NAMED.replace("-", "")):
            held = api.do("GET", f"/allocations/{uuid_}")
            assert held["allocations"][HOST]["resources"] == {"VCPU": 3}
        used = api.do("GET", f"/resource_providers/{HOST}/allocations")["allocations"]
        assert used.keys() == {NAMED, RELEASED}
        api.claim(NAMED, {HOST: {"VCPU": 4}}, generation=held["consumer_generation"])
        api.do("DELETE", f"/allocations/{RELEASED}")
        assert api.try_to_claim(TYPED, {HOST: {"VCPU": 7}}).status_code == 409
        api.claim(TYPED, {HOST: {"VCPU": 6}})
        api.do("DELETE", f"/allocations/{TYPED}")
        for provider, written in ((HOST, GROUP_DIGITS), (OTHER, GROUP.upper())):
            shown = api.do("GET", f"/resource_providers/{provider}/aggregates")
            assert shown["aggregates"] == [written]
        for group in (GROUP, GROUP.upper(), GROUP_DIGITS):
            found = api.do("GET", f"/resource_providers?member_of={group}")
            assert len(found["resource_providers"]) == 2
        search = "/allocation_candidates?resources=VCPU:1,DISK_GB:1"
        assert len(api.do("GET", search)["allocation_requests"]) == 1
    assert invariants.violations(place.database_url) == []


RELEASED_BY_THEM, KEPT, NEXT = (uuid(n) for n in range(31, 34))
LIMITS = f"/-/v1/limits/{PROJECT}"


def place_consumer(api: Api, consumer: str) -> typing.Any:
    """Place a consumer in a group, with a hold."""
    claim = {
        "consumer_uuid": consumer,
        "project_id": PROJECT,
        "user_id": USER,
        "query": "resources=VCPU:2",
    }
    group = {"name": "together", "policy": "affinity"}
    body = {"claims": [claim], "group": group, "hold_seconds": 3600}
    api.http.headers["Idempotency-Key"] = consumer
    placed = api.do("POST", "/-/v1/claims", body)
    del api.http.headers["Idempotency-Key"]
    return placed


def test_the_other_service_uses_a_database_with_holds_groups_and_limits(
    place: Place,
) -> None:
    place.manage("sync")
    with place.ours() as api:
        for host, name in ((HOST, "host"), (OTHER, "other"), (LATER, "later")):
            api.create(host, name)
            api.offer(host, VCPU={"total": 20})
        api.do("PUT", LIMITS, {"VCPU": 9, "consumers": 5})
        placed = [place_consumer(api, each) for each in (RELEASED_BY_THEM, KEPT)]
        (host,) = placed[1]["claims"][0]["allocations"]
        (cordoned, deleted) = sorted({HOST, OTHER, LATER} - {host})
        for each in (cordoned, deleted):
            api.do("PUT", f"/-/v1/providers/{each}/state", {"state": "cordoned"})
        ours = api.read()
    # What is counted soon after a limit was set is counted again later anyway.
    place.execute("UPDATE placement_limits SET set_at = 1")
    place.execute("UPDATE placement_limited_usages SET counted_at = 70000000")

    place.their_manage("sync")
    with place.theirs() as api:
        assert differences(ours, api.read()) == []
        api.do("DELETE", f"/allocations/{RELEASED_BY_THEM}")
        api.claim(KEPT, {host: {"VCPU": 3}}, generation=1)
        # They know neither states nor limits.
        api.claim(THEIRS, {cordoned: {"VCPU": 4}})
        api.do("DELETE", f"/resource_providers/{deleted}")
        theirs = api.read()

    assert place.audit() == audit.FINDINGS
    place.manage("audit", "--fix")
    with place.ours() as api:
        assert place.audit() == audit.CLEAN
        assert differences(api.read(), theirs) == []
        (held,) = api.do("GET", "/-/v1/holds")["holds"]
        assert held["consumer_uuid"] == KEPT
        state = api.do("GET", f"/-/v1/providers/{cordoned}")["state"]
        assert state == "cordoned"
        used = api.do("GET", LIMITS)["usages"]
        assert used == {"VCPU": 7, "consumers": 2}
        # The same key gets the same answer, and the group is where its member is.
        assert place_consumer(api, KEPT) == placed[1]
        (joined,) = place_consumer(api, NEXT)["claims"]
        assert joined["allocations"].keys() == {host}
        api.do("POST", f"/-/v1/holds/{KEPT}:confirm")
        answer = api.try_to_claim(TYPED, {host: {"VCPU": 1}})
        assert "placement.ext.limit_exceeded" in answer.text
    assert place.audit() == audit.CLEAN
    assert invariants.violations(place.database_url) == []
