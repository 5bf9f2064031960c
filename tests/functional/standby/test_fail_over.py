"""Fail-overs to the standby lose no acknowledged write."""

import os
import uuid

import pytest
import sqlalchemy as sa

from placement import client
from tests.functional import invariants
from tests.functional.connection import Connection
from tests.functional.standby.places import (
    options,
    running_pair,
)
from tests.servers import server, standby
from tests.stress import crashes, sequential_claims

FAILOVERS = int(os.environ.get("PLACEMENT_TEST_FAILOVERS", "2"))

# The units of the host that all clients claim from.
SCARCE = 10


class FailsOver:
    """A database for ``crashes`` that fails over to its standby when killed."""

    def __init__(self, pair: standby.Pair) -> None:
        self._pair = pair
        self._times = 0
        self.url = pair.writing.url()

    def prepare(self) -> None:
        if self._times:
            self._pair.replace_standby()
        self._pair.synchronise()

    def kill(self, number: int) -> None:
        self._times = number + 1
        self._pair.primary.kill()

    def come_back(self) -> None:
        self._pair.promote()


class Claims(sequential_claims.Claims):
    """Claims for units of a small host, with a release whenever it is full.

    ``acknowledged`` has the consumers of acknowledged claims without a release.
    """

    pause_seconds = 0.02

    def make_room(self, api: Connection) -> None:
        if self.acknowledged:
            # The release may fail: nothing is asserted about its consumer.
            api.send("DELETE", f"/allocations/{self.acknowledged.pop()}")


@pytest.mark.cluster
def test_a_fail_over_loses_no_acknowledged_write(
    database_kinds: list[str], pytestconfig: pytest.Config
) -> None:
    """Kill a worker and the primary each time, and start a new standby.

    Besides the clients of ``crashes``, two clients claim the units of a small host.
    """
    with running_pair(pytestconfig, database_kinds, durable=True) as pair:
        with server.in_process(pair.writing.url(), options(pair)) as application:
            api = client.Client(client.WSGITransport(application))
            host = str(uuid.uuid4())
            api.create_provider(host, host)
            scarce = {"VCPU": client.Inventory(total=SCARCE)}
            api.replace_inventories(host, client.Inventories(0, scarce))
        with (
            server.processes(
                pair.writing.url(), workers=1, options=options(pair)
            ) as service,
            Claims(service.url, host) as one,
            Claims(service.url, host) as other,
        ):
            figures = crashes.run_on(
                FailsOver(pair),
                FAILOVERS,
                FAILOVERS,
                seed=1,
                preload=True,
                options=options(pair),
            )
        assert not one.violations
        assert not other.violations
        acknowledged = one.acknowledged | other.acknowledged
        statuses = one.statuses + other.statuses
        found = consumers_of(pair, host)
        violations = invariants.violations(pair.writing.url())

    assert not figures.violations, "\n".join(figures.violations)
    assert figures.databases_killed == FAILOVERS
    assert figures.unanswered + figures.unavailable > 0
    assert statuses.keys() <= {204, 409, 503}
    # Some claims met a full host, and some an outage.
    assert min(statuses[204], statuses[409], statuses[503]) > 0
    assert acknowledged <= found
    assert len(found) <= SCARCE
    assert not violations


def consumers_of(pair: standby.Pair, host: str) -> set[str]:
    engine = sa.create_engine(pair.writing.url())
    select = sa.text(
        "SELECT consumer_id FROM allocations JOIN resource_providers "
        "ON resource_providers.id = resource_provider_id WHERE uuid = :host"
    )
    with engine.connect() as conn:
        found = set(conn.scalars(select, {"host": host}))
    engine.dispose()
    return found
