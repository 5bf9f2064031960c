"""Claims that come at the same moment never get more than there is."""

import collections
import os

from tests.functional import invariants, race, server

ROUNDS = int(os.environ.get("PLACEMENT_TEST_RACE_ROUNDS", "200"))
CLAIMERS = 8


def test_of_eight_claims_for_one_unit_exactly_one_gets_it(database_url: str) -> None:
    with server.processes(database_url, workers=4, threads=4) as service:
        held = list(race.rounds(service.url, ROUNDS, CLAIMERS))

    outcomes = collections.Counter((each.winners, each.losers) for each in held)
    assert outcomes == {(1, CLAIMERS - 1): ROUNDS}
    assert {each.used for each in held} == {1}
    # A race in which they came one after the other would prove nothing.
    assert sum(each.collided for each in held) >= ROUNDS / 2
    assert not invariants.violations(database_url)
