"""What ordinary requests leave in PostgreSQL's own log; see docs/logs.md."""

import collections.abc
import concurrent.futures
import pathlib
import re
import typing

import pytest
import sqlalchemy as sa

from tests.functional import sending
from tests.servers import databases, server

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "logs.md"
HOST, OTHER = (f"00000000-0000-4000-8000-00000000000{end}" for end in "12")
CONSUMER = "10000000-0000-4000-8000-000000000001"
AGGREGATE = "20000000-0000-4000-8000-000000000001"
UNKNOWN = "30000000-0000-4000-8000-000000000001"

REFUSED_CLAIM = (
    "ERROR:  invalid input syntax for type integer: "
    '"condition not met, Placement handles this"'
)
DUPLICATE = "ERROR:  duplicate key value violates unique constraint "

# Of a session that waits for another transaction.
WAITS = (
    "EXISTS (SELECT 1 FROM pg_stat_activity "
    "WHERE wait_event_type = 'Lock' AND datname = '{}')"
)


class Place:
    """A service on a database of its own, and the log of the database server."""

    def __init__(
        self,
        application: server.Application,
        url: str,
        cluster: databases.PostgresqlCluster,
    ) -> None:
        self.url = url
        self.cluster = cluster
        self._application = application
        self._seen = 0
        self.new_errors()

    def send(self, method: str, path: str, body: typing.Any = None, **more: str) -> int:
        """Send a request with ``more`` headers; return its status."""
        answer = sending.send(self._application, method, path, body, headers=more)
        return typing.cast(int, answer.status_int)

    def claim(
        self, provider: str, units: int, consumer: str = CONSUMER, project: str = "one"
    ) -> int:
        return self.send(
            "PUT",
            f"/allocations/{consumer}",
            {
                "allocations": {provider: {"resources": {"VCPU": units}}},
                "project_id": project,
                "user_id": "ann",
                "consumer_generation": None,
                "consumer_type": "INSTANCE",
            },
        )

    def new_errors(self) -> list[str]:
        """Return what the server has logged since the last call, above LOG."""
        text = self.cluster.log.read_text(errors="replace")
        lines = text[self._seen :].splitlines()
        self._seen = len(text)
        pattern = re.compile(r"(?:ERROR|WARNING|FATAL|PANIC):.*")
        return [found[0] for found in map(pattern.search, lines) if found]


@pytest.fixture(scope="module")
def place(
    postgresql_server: databases.Databases,
) -> collections.abc.Iterator[Place]:
    assert isinstance(postgresql_server, databases.PostgresqlCluster)
    with (
        postgresql_server.new() as url,
        server.in_process(url) as application,
    ):
        made = Place(application, url, postgresql_server)
        for uuid, name in ((HOST, "host"), (OTHER, "other")):
            assert made.send("POST", "/resource_providers", _provider(uuid, name)) < 300
            inventory = {"VCPU": {"total": 4}}
            path = f"/resource_providers/{uuid}/inventories"
            assert made.send("PUT", path, _at(0, inventories=inventory)) == 200
        assert made.claim(HOST, 1) == 204
        yield made


def _provider(uuid: str, name: str) -> dict[str, str]:
    return {"uuid": uuid, "name": name}


def _at(generation: int, **body: typing.Any) -> dict[str, typing.Any]:
    return {"resource_provider_generation": generation, **body}


def test_these_refusals_leave_no_error(place: Place) -> None:
    place.new_errors()
    host = f"/resource_providers/{HOST}"
    statuses = [
        place.send("POST", "/resource_providers", _provider(UNKNOWN, "host")),
        place.send("POST", "/resource_providers", _provider(HOST, "new")),
        place.send("PUT", f"{host}/inventories", _at(99, inventories={})),
        place.send("PUT", f"{host}/inventories", _at(2, inventories={})),
        place.send("PUT", f"{host}/traits", _at(2, traits=["CUSTOM_UNKNOWN"])),
        place.send("DELETE", host),
        place.send("POST", "/resource_classes", {"name": "VCPU"}),
        place.send("PUT", "/resource_classes/CUSTOM_TWICE"),
        place.send("PUT", "/resource_classes/CUSTOM_TWICE"),
        place.send("PUT", "/traits/CUSTOM_TWICE"),
        place.send("PUT", "/traits/CUSTOM_TWICE"),
        place.send("DELETE", "/traits/HW_CPU_X86_AVX"),
        place.send("GET", "/allocation_candidates?resources=CUSTOM_NONE:1"),
    ]

    assert statuses == [
        *(409, 409, 409, 409, 400, 409),
        *(400, 201, 204, 201, 204, 400, 400),
    ]
    assert place.new_errors() == []


def test_a_refused_claim_leaves_one_documented_error(place: Place) -> None:
    # The names of the owner are known, so that claims take one round trip.
    assert place.claim(OTHER, 1, "10000000-0000-4000-8000-00000000000a") == 204
    place.new_errors()

    refused = [
        place.claim(OTHER, 100, f"10000000-0000-4000-8000-00000000000{end}")
        for end in "bcd"
    ]

    assert refused == [409] * 3
    # The provider is known to be full afterwards.
    assert place.new_errors() == [REFUSED_CLAIM]


def test_a_refused_release_leaves_the_same_error(place: Place) -> None:
    place.new_errors()

    assert place.send("DELETE", f"/allocations/{UNKNOWN}") == 404
    assert place.new_errors() == [REFUSED_CLAIM]


_SAME_TIME: dict[str, tuple[str, collections.abc.Callable[[Place], int], list[int]]] = {
    "trait": (
        "INSERT INTO traits (name) VALUES ('CUSTOM_RACE')",
        lambda place: place.send("PUT", "/traits/CUSTOM_RACE"),
        [204],
    ),
    "resource class": (
        "INSERT INTO resource_classes (id, name) SELECT max(id) + 1, 'CUSTOM_RACE' "
        "FROM (SELECT id FROM resource_classes UNION SELECT 9999) AS ids",
        lambda place: place.send("PUT", "/resource_classes/CUSTOM_RACE"),
        [204],
    ),
    "aggregate": (
        f"INSERT INTO placement_aggregates (uuid) VALUES ('{AGGREGATE}')",
        lambda place: place.send(
            "PUT",
            f"/resource_providers/{OTHER}/aggregates",
            # At the generation after one claim.
            _at(2, aggregates=[AGGREGATE]),
        ),
        [200, 409],
    ),
    "project": (
        "INSERT INTO projects (external_id) VALUES ('race')",
        lambda place: place.claim(
            HOST, 1, "10000000-0000-4000-8000-0000000000aa", "race"
        ),
        [204],
    ),
}


@pytest.mark.parametrize("kind", _SAME_TIME)
def test_a_name_that_another_transaction_inserts_leaves_no_error(
    place: Place, kind: str
) -> None:
    statement, request, statuses = _SAME_TIME[kind]

    status = _while_uncommitted(place, statement, request)

    assert status in statuses
    assert place.new_errors() == []


def test_sessions_show_the_ids_of_a_request_and_prepare_its_statements(
    place: Place,
) -> None:
    options = {"placement_database": {"request_id_comments": "true"}}
    id_ = "req-a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01"
    path = f"/resource_providers/{HOST}/allocations"
    with server.in_process(place.url, options) as application:
        traced = Place(application, place.url, place.cluster)
        for _ in range(5):
            status = traced.send("GET", path, **{"x-openstack-request-id": id_})
            assert status == 200

        shown = place.cluster.value(
            "array_agg(query) FROM pg_stat_activity "
            f"WHERE query LIKE '/* req-% {id_} */%' AND pid <> pg_backend_pid()"
        )
    assert shown
    assert any("EXECUTE placement_" in query for query in shown)


def test_simultaneous_providers_with_one_name_leave_a_documented_error(
    place: Place,
) -> None:
    status = _while_uncommitted(
        place,
        "INSERT INTO resource_providers (uuid, name, generation) "
        f"VALUES ('{UNKNOWN}', 'race', 0)",
        lambda place: place.send("POST", "/resource_providers", {"name": "race"}),
    )

    assert status == 409
    (line,) = place.new_errors()
    assert line.startswith(DUPLICATE)
    assert f"`{DUPLICATE.strip()}" in DOCUMENT.read_text()


def test_the_error_of_a_refused_claim_is_documented() -> None:
    assert f"`{REFUSED_CLAIM}`" in DOCUMENT.read_text()


def _while_uncommitted(
    place: Place,
    statement: str,
    request: collections.abc.Callable[[Place], int],
) -> int:
    """Send a request that waits for a transaction; return its status after COMMIT."""
    place.new_errors()
    engine = sa.create_engine(place.url)
    name = sa.make_url(place.url).database
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        with engine.connect() as conn:
            conn.exec_driver_sql(statement)
            waiting = threads.submit(request, place)
            place.cluster.wait_until(WAITS.format(name))
            conn.commit()
        status = waiting.result()
    engine.dispose()
    return status
