"""Claims that come at the same moment never get more than there is."""

import collections
import collections.abc
import contextlib
import os
import pathlib

import pytest
import sqlalchemy as sa

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import tables
from tests.functional import (
    accounts,
    databases,
    invariants,
    mariadb,
    race,
    server,
)
from tests.functional.conftest import skip_loudly

ROUNDS = int(os.environ.get("PLACEMENT_TEST_RACE_ROUNDS", "200"))
CLAIMERS = 8

# What a server of MariaDB may be set to; what comes with it is the first.
ISOLATION = {
    "repeatable read": {"transaction-isolation": "REPEATABLE-READ"},
    "read committed": {"transaction-isolation": "READ-COMMITTED"},
    "snapshots": {
        "transaction-isolation": "REPEATABLE-READ",
        "innodb-snapshot-isolation": "ON",
    },
}


def test_of_eight_claims_for_one_unit_exactly_one_gets_it(database_url: str) -> None:
    require_one_winner(database_url, ROUNDS)


@pytest.mark.parametrize("options", ISOLATION.values(), ids=ISOLATION)
def test_so_it_is_however_mariadb_is_set_up(
    options: mariadb.Options,
    database_kinds: list[str],
    pytestconfig: pytest.Config,
    tmp_path: pathlib.Path,
) -> None:
    if databases.MARIADB not in database_kinds:
        pytest.skip("about MariaDB")
    with contextlib.ExitStack() as stack:
        try:
            database = stack.enter_context(mariadb.running(options=options))
        except accounts.MissingError as missing:
            skip_loudly(pytestconfig, databases.MARIADB, str(missing))
        made = databases.MariadbDatabases(tmp_path, database)
        require_one_winner(stack.enter_context(made.new()), ROUNDS // 4)


def require_one_winner(database_url: str, rounds: int) -> None:
    with (
        server.processes(database_url, workers=4, threads=4) as service,
        holding_back(database_url) as gate,
    ):
        held = list(race.rounds(service.url, rounds, CLAIMERS, gate))

    outcomes = collections.Counter((each.winners, each.losers) for each in held)
    assert outcomes == {(1, CLAIMERS - 1): rounds}
    assert {each.used for each in held} == {1}
    # A race in which they came one after the other would prove nothing.
    assert sum(each.collided for each in held) >= rounds * 0.9
    assert not invariants.violations(database_url)


@contextlib.contextmanager
def holding_back(database_url: str) -> collections.abc.Iterator[race.Gate]:
    """Yield a gate: while it is closed, no other writer gets at a provider.

    So all claims have read that there is room before the first of them is decided.
    """
    engine = engines.create_engine(DatabaseSettings(database_url))

    @contextlib.contextmanager
    def gate() -> collections.abc.Iterator[None]:
        with engine.connect() as fresh:
            conn = fresh.execution_options(**{engines.WRITES: True})
            conn.execute(sa.select(tables.resource_providers.c.id).with_for_update())
            yield

    try:
        yield gate
    finally:
        engine.dispose()
