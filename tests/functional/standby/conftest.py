"""Fixtures: the service on servers for a module, or for one test."""

import collections.abc

import pytest

from placement.db import replica
from tests.functional.standby.places import (
    Clock,
    Place,
    running_pair,
    serving,
)
from tests.servers import standby


@pytest.fixture(scope="module")
def shared_pair(
    database_kinds: list[str], pytestconfig: pytest.Config
) -> collections.abc.Iterator[standby.Pair]:
    """Servers for the tests of a module that leave them running and unchanged."""
    with running_pair(pytestconfig, database_kinds) as pair:
        yield pair


@pytest.fixture
def place(shared_pair: standby.Pair) -> collections.abc.Iterator[Place]:
    with serving(shared_pair) as served:
        yield served


@pytest.fixture
def own_place(
    database_kinds: list[str], pytestconfig: pytest.Config
) -> collections.abc.Iterator[Place]:
    """A service on servers of its own, which the test may change."""
    with running_pair(pytestconfig, database_kinds) as pair, serving(pair) as served:
        yield served


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(replica, "time", made)
    return made
