"""Claims that come at the same moment never get more than there is.

The same for a long time: ``python -m tests.stress.contention``.
"""

import os

import pytest
import sqlalchemy as sa

from tests.functional import invariants
from tests.servers import databases, isolation_levels
from tests.stress import contended_claims, contention, last_unit

ROUNDS = int(os.environ.get("PLACEMENT_TEST_RACE_ROUNDS", "60"))
CLAIMS = int(os.environ.get("PLACEMENT_TEST_CLAIMS", "1000"))
SEED = 1


def test_of_several_claims_for_one_unit_exactly_one_gets_it(database_url: str) -> None:
    require_one_winner(database_url, ROUNDS)


def test_so_it_is_whatever_the_server_isolates_by(
    database_server: databases.Databases, database_kind: str
) -> None:
    # It comes with the first, and so do all other tests.
    levels = isolation_levels.LEVELS[database_kind][1:]
    if not levels:
        pytest.skip("there is but one way")
    for level in levels:
        with database_server.new() as url, isolation_levels.set_to(url, level):
            assert level_of_new_connections(url) == level
            require_one_winner(url, ROUNDS // 3)


def require_one_winner(url: str, rounds: int) -> None:
    figures = last_unit.run(contention.inside([url]), [url], rounds, SEED)

    assert not figures.wrong, "\n".join(figures.wrong)
    assert figures.winners == {1: rounds}
    # A race in which they came one after the other would prove nothing.
    assert figures.collided > rounds * 0.5
    if not url.startswith(databases.SQLITE):
        assert figures.held > rounds * 0.2
    assert not invariants.violations(url)


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


def test_claims_for_more_than_there_is_take_what_there_is(database_url: str) -> None:
    urls = [database_url]
    figures = contended_claims.run(contention.inside(urls), urls, CLAIMS, SEED)

    assert not figures.wrong, "\n".join(figures.wrong)
    assert set(figures.claims) == {
        "204",
        contended_claims.NO_ROOM,
        contended_claims.STALE,
    }
    assert figures.full > 0
    assert figures.snapshots > 0
