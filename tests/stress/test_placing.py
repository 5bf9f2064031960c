"""Concurrent requests that pick and claim break no group and no key."""

import os

import pytest

from tests.functional import invariants
from tests.stress import contention, placing

ROUNDS = int(os.environ.get("PLACEMENT_TEST_RACE_ROUNDS", "4"))
SEED = 1


@pytest.mark.parametrize("kind", placing.KINDS)
def test_races_of_placed_consumers_have_one_outcome(
    database_url: str, kind: str
) -> None:
    services = contention.in_process_services([database_url])

    wrong, collided = placing.run(services, database_url, kind, ROUNDS, SEED)

    assert not wrong, "\n".join(wrong)
    # Sequential requests would prove nothing.
    assert collided > ROUNDS * 0.3
    assert not invariants.violations(database_url)
