"""Claims at the moment at which their provider is cordoned.

The claims of each round are sent at the same time as the request that cordons. No claim
succeeds that is sent after its response, and no amount of the provider grows after it.
"""

import concurrent.futures
import os
import threading
import uuid

import sqlalchemy as sa
import webob

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import tables
from tests.functional import invariants
from tests.functional.sending import send
from tests.servers import databases, isolation_levels, server

ROUNDS = int(os.environ.get("PLACEMENT_TEST_CORDON_ROUNDS", "25"))
CLIENTS = 4
CLAIMS = 4
SECONDS = 60

_OWNER = {"project_id": "p", "user_id": "u", "consumer_type": "INSTANCE"}


class Race:
    """One host, whose VCPU several clients claim while it is cordoned."""

    def __init__(self, application: server.Application, url: str) -> None:
        self._application = application
        self._engine = engines.create_engine(DatabaseSettings(url))
        self.host = str(uuid.uuid4())
        self._send("POST", "/resource_providers", {"name": "host", "uuid": self.host})
        body = {
            "resource_provider_generation": 0,
            "inventories": {"VCPU": {"total": 10**6}},
        }
        self._send("PUT", f"/resource_providers/{self.host}/inventories", body)
        # The consumer whose allocation grows.
        self.held = str(uuid.uuid4())
        self.claim(self.held, 1, None)

    def close(self) -> None:
        self._engine.dispose()

    def _send(self, method: str, path: str, body: object = None) -> webob.Response:
        return send(self._application, method, path, body)

    def claim(self, consumer: str, units: int, generation: int | None) -> int:
        body = {
            "allocations": {self.host: {"resources": {"VCPU": units}}},
            "consumer_generation": generation,
            **_OWNER,
        }
        status: int = self._send("PUT", f"/allocations/{consumer}", body).status_int
        return status

    def grow(self) -> int:
        """Claim one more unit for a consumer that exists."""
        held = self._send("GET", f"/allocations/{self.held}").json
        units = held["allocations"][self.host]["resources"]["VCPU"]
        return self.claim(self.held, units + 1, held["consumer_generation"])

    def set_state(self, state: str) -> None:
        path = f"/-/v1/providers/{self.host}/state"
        assert self._send("PUT", path, {"state": state}).status_int == 200

    def used(self) -> int:
        with self._engine.connect() as conn:
            found: int = conn.execute(sa.select(tables.inventories.c.used)).scalar_one()
            return found

    def claim_some(self, start: "Start", number: int) -> list[int]:
        start.barrier.wait(SECONDS)
        statuses = []
        for _ in range(CLAIMS):
            new = str(uuid.uuid4())
            statuses.append(self.grow() if number == 0 else self.claim(new, 1, None))
            start.answered.release()
        return statuses

    def cordon(self, start: "Start", after: int) -> tuple[list[int], int]:
        """Cordon the host when ``after`` claims were answered.

        Returns the statuses of claims afterwards, and the usage.
        """
        start.barrier.wait(SECONDS)
        for _ in range(after):
            assert start.answered.acquire(timeout=SECONDS)
        self.set_state("cordoned")
        used = self.used()
        later = [self.claim(str(uuid.uuid4()), 1, None), self.grow()]
        return later, used


class Start:
    """What the threads of one round wait for."""

    def __init__(self) -> None:
        self.barrier = threading.Barrier(CLIENTS + 1)
        self.answered = threading.Semaphore(0)


def test_no_claim_succeeds_after_the_host_is_cordoned(database_url: str) -> None:
    run(database_url, ROUNDS)


def test_none_does_at_each_default_isolation_level(
    database_server: databases.Databases, database_kind: str
) -> None:
    def check(url: str, _level: str) -> None:
        run(url, ROUNDS // 3)

    # The other tests have the default level.
    isolation_levels.check_others(database_server, database_kind, check)


def run(url: str, rounds: int) -> None:
    with server.in_process(url) as application:
        race = Race(application, url)
        statuses = [
            status for number in range(rounds) for status in run_round(race, number % 4)
        ]
        race.close()
    # The claims met the request that cordons at various moments.
    assert set(statuses) == {204, 409}
    assert invariants.violations(url) == []


def run_round(race: Race, after: int) -> list[int]:
    """Cordon the host while clients claim it, when they have ``after`` answers.

    Returns the statuses of their claims.
    """
    race.set_state("in_service")
    start = Start()
    with concurrent.futures.ThreadPoolExecutor(CLIENTS + 1) as threads:
        cordoning = threads.submit(race.cordon, start, after)
        claiming = [threads.submit(race.claim_some, start, n) for n in range(CLIENTS)]
        later, used = cordoning.result(SECONDS)
        statuses = [status for each in claiming for status in each.result(SECONDS)]
    assert later == [409, 409]
    assert race.used() == used
    return statuses
