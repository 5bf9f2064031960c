"""Concurrent requests that pick and claim break no group, key, limit, hold or state."""

import os

from tests.servers import databases, isolation_levels
from tests.stress import contended_holds, contention, placing, placing_races

ROUNDS = int(os.environ.get("PLACEMENT_TEST_RACE_ROUNDS", "2"))
DECISIONS = int(os.environ.get("PLACEMENT_TEST_DECISIONS", "200"))
SEED = 1

# At other isolation levels.
FEW_ROUNDS = ROUNDS // 2


def test_races_of_placed_consumers_have_one_outcome(database_url: str) -> None:
    require_no_violations(database_url, ROUNDS)


def test_they_have_one_outcome_at_each_default_isolation_level(
    database_server: databases.Databases, database_kind: str
) -> None:
    def check(url: str, _level: str) -> None:
        require_no_violations(url, FEW_ROUNDS)

    # The other tests have the default level.
    isolation_levels.check_others(database_server, database_kind, check)


def test_contended_holds_never_exceed_a_capacity_group_limit_or_time(
    database_url: str,
) -> None:
    services = contention.in_process_services([database_url])

    figures = contended_holds.run(services, database_url, DECISIONS, SEED)

    assert not figures.violations, "\n".join(figures.violations)
    assert figures.outcomes.total() >= DECISIONS
    assert figures.outcomes["place 200"] > 0
    assert figures.full > 0
    assert figures.expired > 0
    assert figures.snapshots > 0


def require_no_violations(url: str, rounds: int) -> None:
    services = contention.in_process_services([url])
    collided = 0

    for figures in placing.run(services, url, list(placing_races.KINDS), rounds, SEED):
        assert not figures.violations, "\n".join([figures.kind, *figures.violations])
        assert figures.rounds == rounds
        collided += figures.collided

    # Sequential requests would prove nothing.
    assert collided > 0
