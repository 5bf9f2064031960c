"""Metrics of a running server are sums over its workers, even after one has died."""

import collections.abc
import concurrent.futures
import itertools
import os
import pathlib
import signal
import uuid

import httpx
import pytest
import sqlalchemy as sa

from placement.client import location
from tests import waiting
from tests.servers import ports, programs, server
from tests.unit.test_metrics import value

SECONDS = 30
WORKERS = 2
HEADERS = {"openstack-api-version": "placement 1.39", "accept": "application/json"}
HOST = "a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01"
CAPACITY = 20


class Service:
    """A server with several workers, and a client of it."""

    def __init__(self, url: str, pid: int, token: str) -> None:
        self.pid = pid
        self._url = url
        self._headers = {**HEADERS, "x-auth-token": token}

    def send(self, method: str, path: str, body: object = None) -> httpx.Response:
        # Each request on a new connection, which any worker may take.
        return httpx.request(
            method,
            f"{self._url}{path}",
            json=body,
            headers=self._headers,
            timeout=SECONDS,
        )

    def claim(self, amount: int, generation: int | None = None) -> int:
        body = {
            "allocations": {HOST: {"resources": {"VCPU": amount}}},
            "consumer_generation": generation,
            "consumer_type": "INSTANCE",
            "project_id": "project",
            "user_id": "user",
        }
        return self.send("PUT", f"/allocations/{uuid.uuid4()}", body).status_code

    def value(self, series: str) -> float:
        return value(self.send("GET", "/metrics").text, series) or 0

    def claims(self, result: str) -> float:
        return self.value(
            f'placement_claims_total{{operation="put",result="{result}"}}'
        )

    def workers(self) -> list[int]:
        path = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(child) for child in path.read_text().split()]


@pytest.fixture(scope="module")
def service(
    module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> collections.abc.Iterator[Service]:
    """``placement serve`` with several workers, and a host."""
    directory = tmp_path_factory.mktemp("server")
    state = directory / "state"
    token = directory / "token"
    token.write_text("secret")
    environment = programs.environment(directory) | {
        "PLACEMENT_STATE_DIR": str(state),
        "OS_PLACEMENT_DATABASE__CONNECTION": module_database_url,
        "OS_API__AUTH_STRATEGY": "token",
        "OS_API__TOKEN_FILE": str(token),
        "OS_PLACEMENT__ALLOCATION_CONFLICT_RETRY_COUNT": "10",
    }
    environment.pop("OS_PLACEMENT_CONFIG_DIR")
    # What a server that was killed has left.
    (state / "metrics").mkdir(parents=True)
    (state / "metrics" / "1-2.metrics").write_bytes(b"\0" * 1024)
    url = f"http://{ports.HOST}:{ports.free_port()}"
    command: list[str | pathlib.Path] = [programs.THIS.with_name("placement"), "serve"]
    command += ["--bind", url.removeprefix("http://"), "--workers", str(WORKERS)]
    with server.listening(command, directory, environment, url) as pid:
        assert (state / location.ENDPOINT_FILE).exists()
        made = Service(url, pid, "secret")
        made.send("POST", "/resource_providers", {"name": "host", "uuid": HOST})
        inventories = {"VCPU": {"total": CAPACITY, "max_unit": 10}}
        made.send(
            "PUT",
            f"/resource_providers/{HOST}/inventories",
            {"resource_provider_generation": 0, "inventories": inventories},
        ).raise_for_status()
        yield made


def test_claims_are_counted_by_result(service: Service) -> None:
    before = {
        result: service.claims(result)
        for result in ("ok", "capacity", "unit_rule", "generation")
    }

    assert [service.claim(1) for _ in range(3)] == [204] * 3
    assert service.claim(11) == 409
    assert service.claim(1, generation=7) == 409
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(service.claim, itertools.repeat(10, 16)))

    after = {result: service.claims(result) for result in before}
    assert {name: after[name] - before[name] for name in after} == {
        "ok": 3 + statuses.count(204),
        "capacity": statuses.count(409),
        "unit_rule": 1,
        "generation": 1,
    }
    assert statuses.count(204) == 1


def test_a_worker_that_is_replaced_loses_no_counts(service: Service) -> None:
    route = 'http_route="/traits/{name}"'
    series = (
        "http_server_request_duration_seconds_count{"
        f'http_request_method="GET",http_response_status_code="204",{route}}}'
    )
    path = "/traits/HW_CPU_X86_AVX2"
    before = service.value(series)
    for _ in range(10):
        assert service.send("GET", path).status_code == 204
    killed = service.workers()

    for worker in killed:
        os.kill(worker, signal.SIGKILL)
    waiting.until(lambda: len(set(service.workers()) - set(killed)) >= WORKERS)

    for _ in range(10):
        assert service.send("GET", path).status_code == 204
    assert service.value(series) - before == 20
    # The connections of the killed workers are not counted any more.
    assert service.value('db_client_connection_count{state="used"}') == 0


@pytest.fixture
def busy(database_kind: str, module_database_url: str) -> collections.abc.Iterator[str]:
    """Let the database end one write of claims by a deadlock or a timeout."""
    if database_kind != "postgresql":
        pytest.skip("a trigger that fails once is written for PostgreSQL")
    engine = sa.create_engine(module_database_url)
    create = """
        CREATE SEQUENCE attempts;
        CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('attempts') <= 2 THEN
                RAISE EXCEPTION 'once' USING ERRCODE = '40P01';
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER fail_once BEFORE INSERT ON traits
        FOR EACH ROW EXECUTE FUNCTION fail_once()
    """
    with engine.begin() as conn:
        conn.exec_driver_sql(create)
    yield module_database_url
    with engine.begin() as conn:
        conn.exec_driver_sql("DROP TRIGGER fail_once ON traits")
    engine.dispose()


def test_retries_are_counted_by_reason(service: Service, busy: str) -> None:
    series = 'placement_transaction_retries_total{operation="write",reason="conflict"}'
    before = service.value(series)

    assert service.send("PUT", "/traits/CUSTOM_TWICE").status_code == 201

    assert service.value(series) - before == 2
    given_up = 'placement_transactions_given_up_total{operation="write"'
    assert service.value(f'{given_up},reason="conflict"}}') == 0
