"""Random claims by both APIs, holds, groups, limits and states agree with a model."""

import itertools
import math
import os
import typing
import uuid

import hypothesis
import pytest
import sqlalchemy as sa
from hypothesis import stateful
from hypothesis import strategies as st

from placement import client
from placement.db import tables
from placement.objects import hold
from tests.functional import invariants
from tests.functional.db import contexts, worlds
from tests.functional.placing_model import APART, TOGETHER, Held, World
from tests.servers import databases, server

EXAMPLES = int(os.environ.get("PLACEMENT_TEST_EXAMPLES", "10"))
# On a server, where they take longer: the rules are the same on every database.
EXAMPLES_ON_SERVERS = math.ceil(EXAMPLES / 2)
STEPS = 25

HOSTS = [str(uuid.UUID(int=0xA0 + number)) for number in range(3)]
PROJECTS = [str(uuid.UUID(int=0xB0 + number)) for number in range(2)]
USER = str(uuid.UUID(int=1))
HOLD_SECONDS = 3600

hosts = st.sampled_from(HOSTS)
projects = st.sampled_from(PROJECTS)
units = st.integers(1, 3)
orders = st.sampled_from(["any", "pack", "spread", "seed:7"])
groups = st.sampled_from([None, None, APART, TOGETHER])
picks = st.integers(0, 10)


class Placing(stateful.RuleBasedStateMachine):
    """Sends the same requests to the service and to the model."""

    def __init__(self, api: client.Client, context: typing.Any) -> None:
        super().__init__()
        self._api = api
        self._context = context
        self._world = World()
        self._numbers = itertools.count(1)
        worlds.clear(context.engine)

    @stateful.initialize(capacities=st.tuples(*[st.integers(1, 6)] * len(HOSTS)))
    def create_hosts(self, capacities: tuple[int, ...]) -> None:
        for host, capacity in zip(HOSTS, capacities, strict=True):
            self._api.create_provider(host, host)
            offer = client.Inventories(0, {"VCPU": client.Inventory(total=capacity)})
            self._api.replace_inventories(host, offer)
            self._world.capacities[host] = capacity

    @stateful.rule(
        project=projects,
        units=units,
        count=st.integers(1, 3),
        order=orders,
        group=groups,
        is_hold=st.booleans(),
    )
    def place(
        self,
        project: str,
        units: int,
        count: int,
        order: str,
        group: str | None,
        is_hold: bool,
    ) -> None:
        self._place(Held("", units, project, group, is_hold), count, order)

    @stateful.rule(project=projects, host=hosts, units=units)
    def claim(self, project: str, host: str, units: int) -> None:
        consumer = self._new_consumer()
        self._claim(consumer, Held(host, units, project))

    @stateful.precondition(lambda self: self._world.held)
    @stateful.rule(pick=picks, host=hosts, units=units)
    def move_or_resize(self, pick: int, host: str, units: int) -> None:
        consumer, held = self._pick(pick)
        if held.group is None:
            self._claim(consumer, held._replace(host=host, units=units))

    @stateful.precondition(lambda self: self._world.held)
    @stateful.rule(pick=picks)
    def place_a_consumer_that_exists(self, pick: int) -> None:
        consumer, held = self._pick(pick)
        with pytest.raises(client.Conflict):
            self._api.place(self._wanted(consumer, held))

    @stateful.precondition(lambda self: self._world.held)
    @stateful.rule(pick=picks)
    def release(self, pick: int) -> None:
        consumer, _ = self._pick(pick)
        self._api.delete_allocations(consumer)
        del self._world.held[consumer]

    @stateful.precondition(lambda self: self._world.held)
    @stateful.rule(pick=picks)
    def confirm(self, pick: int) -> None:
        consumer, held = self._pick(pick)
        if held.is_hold:
            self._api.confirm(consumer)
            self._world.held[consumer] = held._replace(is_hold=False)
        else:
            with pytest.raises(client.NotFound):
                self._api.confirm(consumer)

    @stateful.rule()
    def expire_all_holds(self) -> None:
        self._expire()
        hold.release_expired(self._context)

    @stateful.rule(project=projects, units=units, count=st.integers(1, 2))
    def place_what_expired_holds_leave(
        self, project: str, units: int, count: int
    ) -> None:
        """Expired holds that were not released yet give way."""
        self._expire()
        self._place(Held("", units, project), count, "any")
        hold.release_expired(self._context)

    @stateful.rule(host=hosts)
    def cordon(self, host: str) -> None:
        self._api.cordon(host, "test")
        self._world.cordoned.add(host)

    @stateful.rule(host=hosts)
    def uncordon(self, host: str) -> None:
        self._api.uncordon(host)
        self._world.cordoned.discard(host)

    @stateful.rule(project=projects, limit=st.integers(0, 8))
    def limit_project(self, project: str, limit: int) -> None:
        self._api.replace_limits(project, {"VCPU": limit})
        self._world.limits[project] = limit

    @stateful.rule(project=projects)
    def delete_limit(self, project: str) -> None:
        if self._world.limits.pop(project, None) is None:
            with pytest.raises(client.NotFound):
                self._api.delete_limits(project)
        else:
            self._api.delete_limits(project)

    @stateful.invariant()
    def the_service_shows_what_the_model_has(self) -> None:
        for host in self._world.capacities:
            used = self._api.get_usages(host).resources["VCPU"]
            assert used == self._world.used(host)
        holding = {
            consumer for consumer, held in self._world.held.items() if held.is_hold
        }
        assert {each.consumer for each in self._api.holds()} == holding
        for project, limit in self._world.limits.items():
            shown = self._api.get_limits(project)
            assert shown.limits == {"VCPU": limit}
            assert shown.usages == {"VCPU": self._world.used_by(project)}

    @stateful.invariant()
    def the_database_is_consistent(self) -> None:
        with self._context.engine.connect() as conn:
            assert not invariants.violations_in(conn)

    def _place(self, wanted: Held, count: int, order: str) -> None:
        consumers = [self._new_consumer() for _ in range(count)]
        refusals = self._world.refusals_of_placing(wanted, count)

        def place() -> list[client.Placed]:
            return self._api.place(
                [self._wanted(each, wanted) for each in consumers],
                order=order,
                group=client.Group(wanted.group, wanted.group)
                if wanted.group
                else None,
                hold_seconds=HOLD_SECONDS if wanted.is_hold else None,
            )

        if refusals:
            with pytest.raises(tuple(refusals)):
                place()
            return
        placed = place()
        assert [each.consumer for each in placed] == consumers
        chosen = [host for each in placed for host in each.by_provider]
        assert self._world.can_place(wanted, chosen)
        for consumer, host in zip(consumers, chosen, strict=True):
            self._world.held[consumer] = wanted._replace(host=host)

    def _claim(self, consumer: str, wanted: Held) -> None:
        refusals = self._world.refusals_of_claim(consumer, wanted)
        allocations = client.Allocations(
            {wanted.host: {"VCPU": wanted.units}},
            self._api.get_allocations(consumer).generation,
            wanted.project,
            USER,
            "INSTANCE",
        )
        if refusals:
            with pytest.raises(tuple(refusals)):
                self._api.replace_allocations(consumer, allocations)
        else:
            self._api.replace_allocations(consumer, allocations)
            self._world.held[consumer] = wanted

    def _wanted(self, consumer: str, held: Held) -> client.Wanted:
        query = f"resources=VCPU:{held.units}"
        return client.Wanted(consumer, query, held.project, USER, "INSTANCE")

    def _pick(self, number: int) -> tuple[str, Held]:
        chosen = list(self._world.held)[number % len(self._world.held)]
        return chosen, self._world.held[chosen]

    def _new_consumer(self) -> str:
        return str(uuid.UUID(int=0xC0000 + next(self._numbers)))

    def _expire(self) -> None:
        """Let all holds expire; the sweeper has not run yet."""
        with self._context.engine.begin() as conn:
            conn.execute(sa.update(tables.holds).values(expires_at=1))
        self._world.held = {
            consumer: held
            for consumer, held in self._world.held.items()
            if not held.is_hold
        }


def test_random_claims_by_both_apis_agree_with_the_model(
    database_kind: str, database_url: str, application: server.Application
) -> None:
    is_on_server = database_kind != databases.SQLITE
    examples = EXAMPLES_ON_SERVERS if is_on_server else EXAMPLES
    api = client.Client(client.WSGITransport(application))

    with contexts.context(database_url) as context:

        class PlacingHere(Placing):
            def __init__(self) -> None:
                super().__init__(api, context)

        stateful.run_state_machine_as_test(
            PlacingHere,
            settings=hypothesis.settings(
                max_examples=examples,
                stateful_step_count=STEPS,
                deadline=None,
                print_blob=True,
                suppress_health_check=list(hypothesis.HealthCheck),
            ),
        )
