"""Random sequences of writes have the same results in the service and in a model."""

import math
import os
import uuid

import hypothesis
import pytest
import sqlalchemy as sa
from hypothesis import stateful
from hypothesis import strategies as st

from placement import client
from tests.functional import invariants
from tests.functional.allocation_model import Amounts, World
from tests.servers import databases, server

EXAMPLES = int(os.environ.get("PLACEMENT_TEST_EXAMPLES", "30"))
# On a server, where they take longer: the rules are the same on every database.
EXAMPLES_ON_SERVERS = math.ceil(EXAMPLES / 3)
STEPS = 30

PROVIDERS = [str(uuid.UUID(int=0xA0 + number)) for number in range(3)]
CONSUMERS = [str(uuid.UUID(int=0xC0 + number)) for number in range(5)]
CLASSES = ["VCPU", "MEMORY_MB"]
PROJECT = str(uuid.UUID(int=1))
USER = str(uuid.UUID(int=2))
CLEAR = [
    "DELETE FROM allocations",
    "DELETE FROM consumers",
    "DELETE FROM inventories",
    "UPDATE resource_providers SET root_provider_id = NULL",
    "DELETE FROM resource_providers",
]

providers = st.sampled_from(PROVIDERS)
consumers = st.sampled_from(CONSUMERS)
classes = st.sampled_from(CLASSES)
# Small, so that providers are often full, and nearly full.
inventories = st.builds(
    client.Inventory,
    total=st.integers(1, 8),
    reserved=st.integers(0, 1),
    min_unit=st.integers(1, 2),
    max_unit=st.integers(2, 8),
    step_size=st.integers(1, 2),
    allocation_ratio=st.sampled_from([0.9, 1.0, 1.5, 2.0]),
)
amounts = st.dictionaries(
    st.tuples(providers, classes), st.integers(1, 5), min_size=1, max_size=3
)


class Claims(stateful.RuleBasedStateMachine):
    """Sends the same writes to the service and to the model."""

    def __init__(self, api: client.Client, engine: sa.Engine) -> None:
        super().__init__()
        self._api = api
        self._engine = engine
        self._world = World()
        self._known: list[str] = []
        self._used_before: dict[tuple[str, str], int] = {}
        self._clear()

    @stateful.initialize(offers=st.tuples(inventories, inventories))
    def begin_with_two_providers(
        self, offers: tuple[client.Inventory, client.Inventory]
    ) -> None:
        for provider, offer in zip(PROVIDERS, offers, strict=False):
            self._create(provider)
            self._replace(provider, "VCPU", offer)

    @stateful.rule(provider=providers)
    def create_provider(self, provider: str) -> None:
        if provider in self._known:
            with pytest.raises(client.DuplicateName):
                self._api.create_provider(provider, provider)
        else:
            self._create(provider)

    @stateful.rule(provider=providers)
    def delete_provider(self, provider: str) -> None:
        if provider not in self._known:
            with pytest.raises(client.NotFound):
                self._api.delete_provider(provider)
        elif self._world.is_used(provider):
            with pytest.raises(client.ProviderInUse):
                self._api.delete_provider(provider)
        else:
            self._delete(provider)

    @stateful.rule(provider=providers, resource_class=classes, offer=inventories)
    def change_inventory(
        self, provider: str, resource_class: str, offer: client.Inventory
    ) -> None:
        if provider in self._known:
            self._replace(provider, resource_class, offer)

    @stateful.rule(provider=providers, resource_class=classes)
    def delete_inventory(self, provider: str, resource_class: str) -> None:
        key = provider, resource_class
        if key not in self._world.offers:
            with pytest.raises(client.NotFound):
                self._api.delete_inventory(*key)
        elif self._world.used(key):
            with pytest.raises(client.ConcurrentUpdate):
                self._api.delete_inventory(*key)
        else:
            self._api.delete_inventory(*key)
            del self._world.offers[key]

    @stateful.rule(
        provider=providers, offers=st.dictionaries(classes, st.none() | inventories)
    )
    def change_provider(
        self, provider: str, offers: dict[str, client.Inventory | None]
    ) -> None:
        """Set some inventories without a generation, and remove others."""
        wanted = {name: offer for name, offer in offers.items() if offer is not None}
        removed = [(provider, name) for name in offers.keys() - wanted.keys()]

        def change() -> None:
            self._api.change_provider(
                provider,
                set_inventories=wanted,
                remove_inventories=[name for _, name in removed],
            )

        if provider not in self._known:
            with pytest.raises(client.NotFound):
                change()
        elif any(self._world.used(key) for key in removed):
            with pytest.raises(client.InventoryInUse):
                change()
        else:
            change()
            for key in removed:
                self._world.offers.pop(key, None)
            for name, offer in wanted.items():
                self._world.offers[provider, name] = offer

    @stateful.rule(consumer=consumers, wanted=amounts)
    def claim_or_move(self, consumer: str, wanted: Amounts) -> None:
        """Replace the allocations of the consumer with ``wanted``."""
        unknown = any(provider not in self._known for provider, _ in wanted)
        refusals = self._world.refusals(consumer, wanted)
        allocations = self._allocations(consumer, wanted)
        # Of several reasons, the service reports the first that it finds.
        reasons = (*refusals, *((client.BadRequest,) if unknown else ()))
        if reasons:
            with pytest.raises(reasons):
                self._api.replace_allocations(consumer, allocations)
        else:
            self._api.replace_allocations(consumer, allocations)
            self._world.held[consumer] = wanted

    @stateful.rule(consumer=consumers, wanted=amounts)
    def claim_with_a_stale_generation(self, consumer: str, wanted: Amounts) -> None:
        known = [key for key in wanted if key in self._world.offers]
        if not known:
            return
        held = self._api.get_allocations(consumer)
        stale = client.Allocations(
            self._allocations(consumer, {known[0]: 1}).by_provider,
            0 if held.generation is None else held.generation + 1,
            PROJECT,
            USER,
            "INSTANCE",
        )
        with pytest.raises(client.ConsumerConflict):
            self._api.replace_allocations(consumer, stale)

    @stateful.rule(consumer=consumers, by_deleting=st.booleans())
    def release(self, consumer: str, by_deleting: bool) -> None:
        if consumer not in self._world.held:
            with pytest.raises(client.NotFound):
                self._api.delete_allocations(consumer)
            return
        if by_deleting:
            self._api.delete_allocations(consumer)
        else:
            self._api.replace_allocations(consumer, self._allocations(consumer, {}))
        del self._world.held[consumer]

    @stateful.invariant()
    def the_service_shows_what_the_model_has(self) -> None:
        for provider in self._known:
            assert self._api.get_usages(provider).resources == {
                resource_class: self._world.used((owner, resource_class))
                for owner, resource_class in self._world.offers
                if owner == provider
            }

    @stateful.invariant()
    def used_is_the_sum_of_the_allocations(self) -> None:
        with self._engine.connect() as conn:
            assert not invariants.violations_in(conn)

    @stateful.invariant()
    def used_never_rises_above_capacity(self) -> None:
        used = {key: self._world.used(key) for key in self._world.offers}
        for key, offer in self._world.offers.items():
            assert used[key] <= max(offer.capacity, self._used_before.get(key, 0))
        self._used_before = used

    def _clear(self) -> None:
        """Delete the rows of the previous run, which may have failed."""
        with self._engine.begin() as conn:
            for statement in CLEAR:
                conn.execute(sa.text(statement))

    def _create(self, provider: str) -> None:
        self._api.create_provider(provider, provider)
        self._known.append(provider)

    def _delete(self, provider: str) -> None:
        self._api.delete_provider(provider)
        self._known.remove(provider)
        self._world.offers = {
            key: offer
            for key, offer in self._world.offers.items()
            if key[0] != provider
        }

    def _replace(
        self, provider: str, resource_class: str, offer: client.Inventory
    ) -> None:
        """Create or change an inventory; its usage may then exceed the capacity."""
        present = self._api.get_inventories(provider)
        by_class = {**present.by_class, resource_class: offer}
        self._api.replace_inventories(
            provider, client.Inventories(present.generation, by_class)
        )
        self._world.offers[provider, resource_class] = offer

    def _allocations(self, consumer: str, wanted: Amounts) -> client.Allocations:
        by_provider: dict[str, dict[str, int]] = {}
        for (provider, resource_class), amount in wanted.items():
            by_provider.setdefault(provider, {})[resource_class] = amount
        generation = self._api.get_allocations(consumer).generation
        return client.Allocations(by_provider, generation, PROJECT, USER, "INSTANCE")


def test_random_writes_agree_with_the_model(
    database_kind: str, database_url: str, application: server.Application
) -> None:
    is_on_server = database_kind != databases.SQLITE
    examples = EXAMPLES_ON_SERVERS if is_on_server else EXAMPLES
    api = client.Client(client.WSGITransport(application))
    engine = sa.create_engine(database_url)

    class ClaimsHere(Claims):
        def __init__(self) -> None:
            super().__init__(api, engine)

    try:
        stateful.run_state_machine_as_test(
            ClaimsHere,
            settings=hypothesis.settings(
                max_examples=examples,
                stateful_step_count=STEPS,
                deadline=None,
                print_blob=True,
                suppress_health_check=list(hypothesis.HealthCheck),
            ),
        )
    finally:
        engine.dispose()
