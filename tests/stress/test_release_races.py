"""A release and a change of the same consumer at the same moment: one of them wins.

For longer runs: ``python -m tests.stress.release_races``.
"""

import os

from tests.stress import contention, release_races
from tests.stress.release_races import Change, Release, State

ROUNDS = int(os.environ.get("PLACEMENT_TEST_RELEASE_ROUNDS", "30"))
SEED = 1


def test_a_release_or_a_change_wins(database_url: str) -> None:
    services = contention.in_process_services([database_url])
    figures = release_races.run(services, database_url, ROUNDS, SEED)

    assert not figures.violations, "\n".join(figures.violations)
    # Both have won some rounds.
    assert set(figures.outcomes) == {"released", "changed"}


def test_wrong_outcomes_are_noticed() -> None:
    held = {"host": {"VCPU": 1}}
    kept = State(held, [])
    record = {
        "restore": {"body": {"allocations": {"host": {"resources": held["host"]}}}}
    }
    gone = State({}, [record])
    done, refused = Release(True, frozenset()), Release(False, frozenset("c"))
    deleted, failed = Change("c", {}, True), Change("c", {}, False)
    noticed = release_races.violations

    assert noticed(held, [done], [failed], {"c": gone}) == []
    assert noticed(held, [refused], [deleted], {"c": State({}, [])}) == []
    # Both have won; none has; what was released stays; it is not recorded; it is lost.
    assert noticed(held, [done], [deleted], {"c": gone})
    assert noticed(held, [refused], [failed], {"c": kept})
    assert noticed(held, [done], [failed], {"c": kept})
    assert noticed(held, [done], [failed], {"c": State({}, [])})
    assert noticed(held, [refused], [Change("b", {}, True)], {"c": State({}, [])})
