"""Concurrent claims never exceed a capacity.

For longer runs: ``python -m tests.stress.contention``.
"""

import os

import sqlalchemy as sa

from tests.functional import invariants
from tests.servers import databases, isolation_levels
from tests.stress import contended_claims, contention, last_of_limit, last_unit

ROUNDS = int(os.environ.get("PLACEMENT_TEST_RACE_ROUNDS", "30"))
CLAIMS = int(os.environ.get("PLACEMENT_TEST_CLAIMS", "600"))
SEED = 1


def test_one_of_several_claims_for_the_last_unit_succeeds(database_url: str) -> None:
    require_one_winner(database_url, ROUNDS)


def test_one_claim_succeeds_at_each_default_isolation_level(
    database_server: databases.Databases, database_kind: str
) -> None:
    def check(url: str, level: str) -> None:
        assert level_of_new_connections(url) == level
        require_one_winner(url, ROUNDS // 3)

    # The other tests have the default level.
    isolation_levels.check_others(database_server, database_kind, check)


def require_one_winner(url: str, rounds: int) -> None:
    figures = last_unit.run(contention.in_process_services([url]), [url], rounds, SEED)

    assert not figures.violations, "\n".join(figures.violations)
    assert figures.winners == {1: rounds}
    # Sequential claims would prove nothing.
    assert figures.collided > rounds * 0.5
    if not url.startswith(databases.SQLITE):
        assert figures.blocked > rounds * 0.2
    assert not invariants.violations(url)


def test_one_of_several_claims_for_the_last_unit_of_a_limit_succeeds(
    database_url: str,
) -> None:
    services = contention.in_process_services([database_url])
    figures = last_of_limit.run(services, database_url, ROUNDS // 3, SEED)

    assert not figures.violations, "\n".join(figures.violations)
    assert figures.winners == {1: ROUNDS // 3}


def level_of_new_connections(url: str) -> str:
    """Return the default level of new connections, as ``isolation_levels`` names it."""
    engine = sa.create_engine(url)
    with engine.connect() as conn:
        level = str(conn.get_isolation_level()).lower()
        snapshots = "SELECT @@innodb_snapshot_isolation"
        if conn.dialect.name == "mysql" and conn.scalar(sa.text(snapshots)):
            level = "snapshots"
    engine.dispose()
    return level


def test_contended_claims_fill_the_capacity_and_never_exceed_it(
    database_url: str,
) -> None:
    urls = [database_url]
    figures = contended_claims.run(
        contention.in_process_services(urls), urls, CLAIMS, SEED
    )

    assert not figures.violations, "\n".join(figures.violations)
    assert set(figures.claims) == {
        "204",
        contended_claims.NO_ROOM,
        contended_claims.STALE,
    }
    assert figures.full > 0
    assert figures.snapshots > 0
