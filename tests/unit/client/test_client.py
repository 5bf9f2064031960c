"""Every method of the client, against a service in this process."""

import importlib.metadata
import random
import subprocess
import sys
import threading
import uuid

import pytest

from placement import client as api
from placement.client import (
    Aggregates,
    AllocationRequest,
    Allocations,
    Client,
    Inventories,
    Inventory,
    Outcome,
    ProviderTraits,
    RequestGroup,
    Response,
    Retry,
    WSGITransport,
)
from tests.unit import in_process

NAME = "standalone-placement"
QUICK = Retry(attempts=3, pause_seconds=0)
OWNER = {"project_id": "p", "user_id": "u", "consumer_type": "INSTANCE"}


def new_uuid():
    return str(uuid.uuid4())


@pytest.fixture
def host(client):
    """A provider with 4 VCPU and 8 DISK_GB, at generation 1."""
    provider = client.create_provider("host")
    offer = {"VCPU": Inventory(4, max_unit=3), "DISK_GB": Inventory(8, step_size=2)}
    client.replace_inventories(provider.uuid, Inventories(0, offer))
    return client.get_provider(provider.uuid)


@pytest.fixture
def claim(client, host):
    def claim(amount=1, consumer=None, name="VCPU", provider=host.uuid, **more):
        request = AllocationRequest({provider: {name: amount}})
        return client.claim(consumer or new_uuid(), request, **OWNER, **more)

    return claim


class TestProviders:
    def test_get_versions_returns_the_version_document(self, client):
        [version] = client.get_versions()["versions"]

        assert version["max_version"] >= api.VERSION

    def test_read_providers_includes_inventories_usages_and_traits(
        self, client, claim, host
    ):
        claim(2)
        client.replace_provider_traits(
            host.uuid,
            ProviderTraits(
                client.get_provider(host.uuid).generation, ["STORAGE_DISK_SSD"]
            ),
        )
        child = client.create_provider("child", parent_uuid=host.uuid)
        other = client.create_provider("other")
        include = ["inventories", "usages", "traits"]

        of_all = list(client.read_providers(include))
        of_tree = list(client.read_providers(in_tree=child.uuid))

        assert [each.provider.uuid for each in of_all] == [
            host.uuid,
            child.uuid,
            other.uuid,
        ]
        assert of_all[0].inventories["VCPU"] == Inventory(4, max_unit=3)
        assert of_all[0].used == {"VCPU": 2, "DISK_GB": 0}
        assert of_all[0].traits == ("STORAGE_DISK_SSD",)
        assert [each.provider.parent_uuid for each in of_tree] == [None, host.uuid]
        assert of_tree[0].inventories == {}

    def test_read_providers_reads_all_pages(self, client):
        uuids = [client.create_provider(f"host-{n}").uuid for n in range(1001)]

        found = [each.provider.uuid for each in client.read_providers()]

        assert found == uuids

    def test_a_created_provider_is_found_by_its_uuid(self, client):
        given = new_uuid()

        created = client.create_provider("a", given)

        assert created == api.Provider(given, "a", 0, None, given)
        assert client.get_provider(given) == created

    def test_a_child_provider_has_its_parent_and_root(self, client):
        root = client.create_provider("root")

        child = client.create_provider("child", parent_uuid=root.uuid)

        assert (child.parent_uuid, child.root_uuid) == (root.uuid, root.uuid)

    def test_get_providers_sends_every_filter(self, client, host):
        other = client.create_provider("other & more")
        client.replace_provider_traits(
            other.uuid, ProviderTraits(0, frozenset({"HW_CPU_X86_AVX"}))
        )
        aggregate = new_uuid()
        client.replace_aggregates(other.uuid, Aggregates(1, frozenset({aggregate})))

        def names(**filters):
            return {provider.name for provider in client.get_providers(**filters)}

        assert names() == {"host", "other & more"}
        assert names(name="other & more") == {"other & more"}
        assert names(uuid=host.uuid) == {"host"}
        assert names(in_tree=other.uuid) == {"other & more"}
        assert names(resources={"VCPU": 3}) == {"host"}
        assert names(resources={"VCPU": 4}) == set()
        assert names(required=["HW_CPU_X86_AVX"]) == {"other & more"}
        assert names(required=["!HW_CPU_X86_AVX"]) == {"host"}
        assert names(member_of=[f"!{aggregate}"]) == {"host"}

    def test_renaming_a_provider_keeps_its_parent(self, client):
        root = client.create_provider("root")
        child = client.create_provider("child", parent_uuid=root.uuid)

        renamed = client.update_provider(child.uuid, "renamed")

        assert (renamed.name, renamed.parent_uuid) == ("renamed", root.uuid)

    def test_a_parent_of_none_makes_the_provider_a_root(self, client):
        root = client.create_provider("root")
        child = client.create_provider("child", parent_uuid=root.uuid)

        moved = client.update_provider(child.uuid, "child", parent_uuid=None)

        assert (moved.parent_uuid, moved.root_uuid) == (None, child.uuid)

    def test_each_rejection_raises_an_exception_of_its_own(self, client, host, claim):
        with pytest.raises(api.DuplicateName):
            client.create_provider("host")
        client.create_provider("child", parent_uuid=host.uuid)
        with pytest.raises(api.ProviderHasChildren):
            client.delete_provider(host.uuid)
        lone = client.create_provider("lone")
        client.create_inventory(lone.uuid, "VCPU", Inventory(1))
        assert claim(provider=lone.uuid)
        with pytest.raises(api.ProviderInUse):
            client.delete_provider(lone.uuid)
        with pytest.raises(api.NotFound):
            client.get_provider(new_uuid())
        with pytest.raises(api.BadRequest):
            client.create_provider("")

    def test_ensure_provider_creates_a_provider_only_once(self, client):
        given, root = new_uuid(), client.create_provider("root")

        made = client.ensure_provider("a", given, root.uuid)

        assert made == client.get_provider(given)
        assert made.parent_uuid == root.uuid
        assert client.ensure_provider("a") == made
        assert client.ensure_provider("a", given.upper(), root.uuid) == made

    def test_ensure_provider_raises_if_the_name_or_uuid_belongs_to_another_provider(
        self, client, host
    ):
        child = client.create_provider("child", parent_uuid=host.uuid)

        for name, more in (
            ("child", {"uuid": new_uuid()}),
            ("child", {"parent_uuid": new_uuid()}),
            ("host", {"parent_uuid": child.uuid}),
            ("new", {"uuid": host.uuid}),
        ):
            with pytest.raises(api.DuplicateName) as refused:
                client.ensure_provider(name, **more)
            assert refused.value.code == "placement.duplicate_name"
        assert len(client.get_providers()) == 2

    def test_ensure_provider_returns_a_provider_that_was_created_concurrently(
        self, client, monkeypatch
    ):
        create = client.create_provider

        def create_twice(name, *more):
            create(name)
            return create(name, *more)

        monkeypatch.setattr(client, "create_provider", create_twice)

        assert client.ensure_provider("a").name == "a"
        assert len(client.get_providers()) == 1

    def test_concurrent_calls_of_ensure_provider_create_one_provider(self, client):
        found, barrier = [], threading.Barrier(4)

        def ensure():
            barrier.wait(10)
            found.append(client.ensure_provider("a"))

        threads = [threading.Thread(target=ensure) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert found == client.get_providers() * 4

    def test_a_deleted_provider_is_not_listed(self, client):
        provider = client.create_provider("a")

        client.delete_provider(provider.uuid)

        assert client.get_providers() == []


class TestInventories:
    def test_inventories_are_returned_as_they_were_written(self, client, host):
        stored = client.get_inventories(host.uuid)

        assert stored == Inventories(
            1, {"VCPU": Inventory(4, max_unit=3), "DISK_GB": Inventory(8, step_size=2)}
        )

    def test_one_inventory_is_created_replaced_and_deleted(self, client, host):
        assert client.create_inventory(host.uuid, "MEMORY_MB", Inventory(64)) == 2
        changed = Inventory(64, reserved=4, allocation_ratio=1.5)

        assert client.replace_inventory(host.uuid, "MEMORY_MB", changed, 2) == 3

        assert client.get_inventory(host.uuid, "MEMORY_MB") == changed
        client.delete_inventory(host.uuid, "MEMORY_MB")
        with pytest.raises(api.NotFound):
            client.get_inventory(host.uuid, "MEMORY_MB")

    def test_a_stale_generation_changes_nothing(self, client, host):
        with pytest.raises(api.ConcurrentUpdate):
            client.replace_inventories(host.uuid, Inventories(0, {}))
        with pytest.raises(api.ConcurrentUpdate):
            client.replace_inventory(host.uuid, "VCPU", Inventory(9), 0)

        assert client.get_inventory(host.uuid, "VCPU").total == 4

    def test_an_inventory_in_use_cannot_be_removed(self, client, host, claim):
        assert claim()
        generation = client.get_provider(host.uuid).generation

        with pytest.raises(api.InventoryInUse):
            client.replace_inventories(host.uuid, Inventories(generation, {}))
        with pytest.raises(api.InventoryInUse):
            client.delete_inventories(host.uuid)

    def test_delete_inventories_deletes_all_of_them(self, client, host):
        client.delete_inventories(host.uuid)

        assert client.get_inventories(host.uuid).by_class == {}

    def test_capacity_is_rounded_down(self):
        assert Inventory(3, reserved=0, allocation_ratio=1.5).capacity == 4

    def test_traits_and_aggregates_are_replaced(self, client, host):
        names = frozenset({"HW_CPU_X86_AVX", "HW_CPU_X86_AVX2"})
        aggregates = frozenset({new_uuid(), new_uuid()})

        traits = client.replace_provider_traits(host.uuid, ProviderTraits(1, names))
        joined = client.replace_aggregates(host.uuid, Aggregates(2, aggregates))

        assert traits == ProviderTraits(2, names)
        assert joined == Aggregates(3, aggregates)
        assert client.get_provider_traits(host.uuid) == ProviderTraits(3, names)
        assert client.get_aggregates(host.uuid) == joined
        client.delete_provider_traits(host.uuid)
        assert client.get_provider_traits(host.uuid).names == frozenset()


class TestNames:
    def test_custom_resource_classes_are_created_and_deleted(self, client):
        client.create_resource_class("CUSTOM_A")
        with pytest.raises(api.Conflict):
            client.create_resource_class("CUSTOM_A")
        assert client.ensure_resource_class("CUSTOM_A") is False
        assert client.ensure_resource_class("CUSTOM_B") is True
        assert {"VCPU", "CUSTOM_A", "CUSTOM_B"} <= set(client.get_resource_classes())

        client.delete_resource_class("CUSTOM_A")

        assert client.has_resource_class("CUSTOM_A") is False
        assert client.has_resource_class("CUSTOM_B") is True

    def test_custom_traits_are_created_and_deleted(self, client):
        assert client.ensure_trait("CUSTOM_A") is True
        assert client.ensure_trait("CUSTOM_A") is False
        assert client.has_trait("CUSTOM_A") is True

        client.delete_trait("CUSTOM_A")

        assert client.has_trait("CUSTOM_A") is False

    def test_a_name_is_quoted_in_the_path(self, client):
        assert client.has_trait("A?c") is False
        with pytest.raises(api.BadRequest, match="The trait is invalid"):
            client.ensure_trait("CUSTOM_A?c")

    def test_traits_are_filtered_by_name_prefix_and_association(self, client, host):
        client.ensure_trait("CUSTOM_A")
        client.ensure_trait("CUSTOM_B")
        client.replace_provider_traits(
            host.uuid, ProviderTraits(1, frozenset({"CUSTOM_A"}))
        )

        assert client.get_traits(["CUSTOM_B", "NO_SUCH"]) == ["CUSTOM_B"]
        assert client.get_traits(prefix="CUSTOM_") == ["CUSTOM_A", "CUSTOM_B"]
        assert client.get_traits(is_associated=True) == ["CUSTOM_A"]
        assert "CUSTOM_A" not in client.get_traits(is_associated=False)
        assert len(client.get_traits()) > 300
        with pytest.raises(ValueError, match="not both"):
            client.get_traits(["CUSTOM_A"], prefix="CUSTOM_")


class TestClaims:
    def test_a_candidate_is_claimed(self, client, host):
        [request] = client.get_candidates([RequestGroup({"VCPU": 3})]).requests
        consumer = new_uuid()

        assert client.claim(consumer, request, **OWNER)

        assert client.get_allocations(consumer) == Allocations(
            {host.uuid: {"VCPU": 3}}, 1, "p", "u", "INSTANCE"
        )
        assert client.get_usages(host.uuid).resources == {"VCPU": 3, "DISK_GB": 0}

    def test_a_claim_above_the_free_capacity_has_the_outcome_no_room(self, claim):
        assert claim(3)
        assert claim(1)

        late = claim(1)

        assert not late
        assert late.outcome is Outcome.NO_ROOM
        assert "exceed the capacity" in late.detail

    def test_a_claim_does_not_overwrite_the_allocations_of_a_consumer(
        self, client, claim
    ):
        first = claim()

        again = claim(2, consumer=first.consumer)

        assert not again
        assert again.outcome is Outcome.CONSUMER_CHANGED
        [resources] = client.get_allocations(first.consumer).by_provider.values()
        assert resources == {"VCPU": 1}

    def test_a_claim_with_the_current_generation_replaces_the_allocations(
        self, client, claim
    ):
        first = claim()

        assert claim(2, consumer=first.consumer, consumer_generation=1)

        assert client.get_allocations(first.consumer).generation == 2

    def test_a_conflict_of_the_provider_has_the_outcome_provider_changed(self):
        body = (
            b'{"errors": [{"code": "placement.concurrent_update", "detail": '
            b'"Another thread concurrently updated the resource provider data."}]}'
        )
        client = Client(FixedTransport(Response(409, {}, body)))

        lost = client.claim(new_uuid(), AllocationRequest({}), **OWNER)

        assert not lost
        assert lost.outcome is Outcome.PROVIDER_CHANGED

    @pytest.mark.parametrize(
        ("given", "failure"),
        [
            ({"provider": new_uuid()}, api.BadRequest),
            ({"name": "CUSTOM_NO_SUCH"}, api.BadRequest),
            ({"consumer": "me"}, api.BadRequest),
            ({"amount": 4}, api.ConstraintViolation),
            ({"name": "DISK_GB", "amount": 3}, api.ConstraintViolation),
            ({"name": "VGPU"}, api.InventoryInvalid),
        ],
    )
    def test_an_invalid_claim_raises(self, client, host, claim, given, failure):
        with pytest.raises(failure):
            claim(**given)

        assert client.get_provider_allocations(host.uuid).by_consumer == {}

    def test_delete_allocations_deletes_all_allocations_of_a_consumer(
        self, client, host, claim
    ):
        consumer = claim(2).consumer
        held = client.get_provider_allocations(host.uuid)
        assert held.by_consumer == {consumer: api.ConsumerShare({"VCPU": 2}, 1)}

        client.delete_allocations(consumer)

        assert client.get_allocations(consumer) == Allocations({})
        with pytest.raises(api.NotFound):
            client.delete_allocations(consumer)

    def test_replace_many_allocations_writes_all_consumers_or_none(self, client, host):
        one, two = new_uuid(), new_uuid()

        def taking(amount):
            return Allocations({host.uuid: {"VCPU": amount}}, None, *OWNER.values())

        with pytest.raises(api.CapacityExceeded):
            client.replace_many_allocations({one: taking(3), two: taking(3)})
        assert client.get_allocations(one).by_provider == {}

        client.replace_many_allocations({one: taking(3), two: taking(1)})
        assert client.get_usages(host.uuid).resources["VCPU"] == 4

    def test_project_usages_are_filtered_by_user_and_consumer_type(self, client, claim):
        assert claim(2)
        assert claim(1)

        used = {"INSTANCE": api.ProjectUsage(2, {"VCPU": 3})}

        assert client.get_project_usages("p") == used
        assert client.get_project_usages("p", "u", "INSTANCE") == used
        assert client.get_project_usages("p", "somebody") == {}
        assert set(client.get_project_usages("p", consumer_type="all")) == {"all"}


class LosingTransport:
    """A transport that loses the responses to the first writes.

    ``losses`` has a failure for each of them. It is raised after the write was served,
    or, if ``is_served`` is false, instead of it. None loses nothing.
    """

    def __init__(self, transport, losses, is_served=True):
        self.methods = []
        self._transport = transport
        self._losses = list(losses)
        self._is_served = is_served

    def send(self, method, *rest):
        self.methods.append(method)
        failure = self._losses.pop(0) if method == "PUT" and self._losses else None
        if failure is None or self._is_served:
            answer = self._transport.send(method, *rest)
        if isinstance(failure, Response):
            return failure
        if failure is not None:
            raise failure
        return answer


LOST_COMMIT = Response(
    503,
    {},
    b'{"errors": [{"detail": "Whether it was is not known. Read again before you '
    b'repeat it."}]}',
)
IN_DOUBT = [
    api.TimedOut("late"),
    api.Unreachable("reset"),
    LOST_COMMIT,
    Response(502, {}, b"<html>Bad gateway</html>"),
    Response(504, {}, b""),
    Response(500, {}, b""),
]


class TestClaimsWithUnknownOutcome:
    @pytest.fixture
    def losing(self, client, host):
        """Return a client that loses responses to writes, and its transport."""

        def losing(losses, is_served=True, **more):
            transport = LosingTransport(client._transport, losses, is_served)
            return Client(transport, **more), transport

        return losing

    @pytest.fixture
    def request_of(self, host):
        return lambda amount: AllocationRequest({host.uuid: {"VCPU": amount}})

    @pytest.mark.parametrize("failure", IN_DOUBT)
    def test_a_claim_whose_response_is_lost_is_read_back(
        self, losing, request_of, failure
    ):
        lossy, transport = losing([failure])

        assert lossy.claim(new_uuid(), request_of(1), **OWNER)
        assert transport.methods == ["PUT", "GET"]

    @pytest.mark.parametrize("failure", IN_DOUBT)
    def test_a_claim_that_is_not_found_afterwards_raises(
        self, losing, request_of, failure
    ):
        lossy, transport = losing([failure], is_served=False)

        with pytest.raises(api.ClientError) as raised:
            lossy.claim(new_uuid(), request_of(1), **OWNER)
        assert raised.value.is_outcome_unknown
        assert transport.methods == ["PUT", "GET"]

    def test_a_replacing_claim_is_recognised_by_the_consumer_generation(
        self, client, losing, request_of
    ):
        consumer = new_uuid()
        assert client.claim(consumer, request_of(2), **OWNER)
        lossy, _ = losing([api.TimedOut("late")])

        given = {"consumer_generation": 1, **OWNER}
        assert lossy.claim(consumer, request_of(1), **given)

        assert client.get_allocations(consumer).generation == 2

    def test_equal_allocations_at_the_former_generation_are_not_this_claim(
        self, client, losing, request_of
    ):
        consumer = new_uuid()
        assert client.claim(consumer, request_of(1), **OWNER)
        lossy, _ = losing([api.TimedOut("late")], is_served=False)

        given = {"consumer_generation": 1, **OWNER}
        with pytest.raises(api.TimedOut):
            lossy.claim(consumer, request_of(1), **given)

    @pytest.mark.parametrize(
        "another",
        [
            {"amount": 2},
            {"project_id": "other"},
            {"user_id": "other"},
            {"consumer_type": "OTHER"},
        ],
    )
    def test_different_allocations_of_the_consumer_have_the_outcome_consumer_changed(
        self, client, losing, request_of, another
    ):
        consumer, amount = new_uuid(), another.get("amount", 1)
        owner = OWNER | {key: another[key] for key in another if key != "amount"}
        assert client.claim(consumer, request_of(amount), **owner)
        lossy, _ = losing([api.TimedOut("late")], is_served=False, retry=QUICK)

        lost = lossy.claim(consumer, request_of(1), **OWNER)

        assert lost.outcome is Outcome.CONSUMER_CHANGED

    def test_equal_allocations_are_a_conflict_if_no_response_was_lost(
        self, client, request_of
    ):
        consumer = new_uuid()
        assert client.claim(consumer, request_of(1), **OWNER)

        again = client.claim(consumer, request_of(1), **OWNER)

        assert again.outcome is Outcome.CONSUMER_CHANGED

    def test_a_repeated_claim_succeeds_if_its_allocations_are_stored(
        self, client, request_of
    ):
        consumer = new_uuid()
        assert client.claim(consumer, request_of(1), **OWNER)
        repeated = {"is_repeat": True, **OWNER}

        assert client.claim(consumer, request_of(1), **repeated)
        assert not client.claim(consumer, request_of(2), **repeated)
        assert client.get_allocations(consumer).generation == 1

    def test_a_claim_is_recognised_by_any_spelling_of_a_uuid(
        self, client, host, losing
    ):
        request = AllocationRequest({host.uuid.upper(): {"VCPU": 1}})
        lossy, _ = losing([api.TimedOut("late")])

        assert lossy.claim(new_uuid(), request, **OWNER)

    @pytest.mark.parametrize("is_served", [True, False])
    def test_with_retries_a_claim_is_sent_until_its_outcome_is_known(
        self, client, host, losing, request_of, is_served
    ):
        lossy, _ = losing(IN_DOUBT[:2], is_served, retry=QUICK)
        consumer = new_uuid()

        assert lossy.claim(consumer, request_of(1), **OWNER)

        assert client.get_allocations(consumer).generation == 1
        assert client.get_usages(host.uuid).resources["VCPU"] == 1

    def test_a_claim_that_is_served_late_is_recognised_by_the_next_attempt(
        self, client, request_of
    ):
        """The service serves the first PUT only after the GET of the client."""
        consumer, requests = new_uuid(), []

        class Late:
            def send(self, method, *rest):
                requests.append((method, *rest))
                if len(requests) == 1:
                    raise api.TimedOut("late")
                if len(requests) == 3:
                    client._transport.send(*requests[0])
                return client._transport.send(method, *rest)

        assert Client(Late(), retry=QUICK).claim(consumer, request_of(1), **OWNER)

        assert [method for method, *_ in requests] == ["PUT", "GET", "PUT", "GET"]
        assert client.get_allocations(consumer).generation == 1

    def test_the_outcome_stays_unknown_if_the_allocations_cannot_be_read(
        self, client, request_of
    ):
        consumer = new_uuid()
        assert client.claim(consumer, request_of(1), **OWNER)

        class Unreadable:
            def send(self, method, *rest):
                if method == "GET":
                    text = b'{"errors": [{"detail": "Wait. Nothing was changed."}]}'
                    return Response(503, {"retry-after": "1"}, text)
                return client._transport.send(method, *rest)

        with pytest.raises(api.Unavailable, match="not known") as raised:
            Client(Unreadable()).claim(consumer, request_of(1), is_repeat=True, **OWNER)
        assert raised.value.is_outcome_unknown
        assert raised.value.retry_after_seconds == 1


class TestClaimAny:
    HOSTS = 30

    @pytest.fixture
    def candidates(self, client):
        """The candidates of one search: one VCPU on each of the hosts."""
        for number in range(self.HOSTS):
            provider = client.create_provider(f"host-{number}")
            offer = {"VCPU": Inventory(1)}
            client.replace_inventories(provider.uuid, Inventories(0, offer))
        return client.get_candidates([RequestGroup({"VCPU": 1})], limit=self.HOSTS)

    def test_claims_of_the_same_candidates_rarely_conflict(self, client, candidates):
        conflicts = record_conflicts(client)
        random.seed(19)

        for _ in range(8):
            assert client.claim_any(new_uuid(), candidates, **OWNER)

        # In the given order, the n-th claim would be rejected n - 1 times: 28 in all.
        assert len(conflicts) <= 3

    def test_the_first_candidate_tried_is_random(self, client, candidates):
        first = set()
        for seed in range(4):
            random.seed(seed)
            transport = FixedTransport(Response(204, {}, b""))
            claim = Client(transport).claim_any(new_uuid(), candidates, **OWNER)
            first.add(*claim.request.by_provider)

        assert len(first) > 1

    def test_all_candidates_are_tried_before_no_room(self, client, candidates):
        for request in candidates.requests[:-1]:
            assert client.claim(new_uuid(), request, **OWNER)

        consumer = new_uuid()
        claim = client.claim_any(consumer, candidates.requests, **OWNER)

        assert claim
        assert claim.request == candidates.requests[-1]
        late = client.claim_any(new_uuid(), candidates, **OWNER)
        assert late.outcome is Outcome.NO_ROOM
        assert late.detail

    def test_is_ordered_tries_the_candidates_in_their_order(self, client, candidates):
        for request in candidates.requests[:3]:
            claim = client.claim_any(new_uuid(), candidates, is_ordered=True, **OWNER)

            assert claim.request == request

    def test_a_consumer_with_allocations_ends_the_attempts(self, client, candidates):
        conflicts = record_conflicts(client)
        consumer = new_uuid()
        assert client.claim_any(consumer, candidates, **OWNER)
        del conflicts[:]

        again = client.claim_any(consumer, candidates, **OWNER)

        assert again.outcome is Outcome.CONSUMER_CHANGED
        assert len(conflicts) == 1

    def test_an_empty_list_of_candidates_has_the_outcome_no_room(self, client):
        claim = client.claim_any(new_uuid(), [], **OWNER)

        assert not claim
        assert (claim.outcome, claim.request) == (Outcome.NO_ROOM, None)


def record_conflicts(client):
    """Return a list to which every 409 response to the client is appended."""
    conflicts, send = [], client._transport.send

    def counting(*request):
        answer = send(*request)
        if answer.status == 409:
            conflicts.append(answer)
        return answer

    client._transport.send = counting
    return conflicts


class TestUUIDs:
    """Every method accepts a uuid.UUID wherever it accepts a string."""

    def test_providers_accept_uuid_objects(self, client):
        root, child, aggregate = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()

        created = client.create_provider("root", root)
        client.create_provider("child", child, parent_uuid=root)
        client.create_inventory(child, "VCPU", Inventory(4))
        client.replace_inventories(root, Inventories(0, {"VCPU": Inventory(4)}))
        client.ensure_trait("CUSTOM_A")
        client.replace_provider_traits(root, ProviderTraits(1, {"CUSTOM_A"}))
        joined = client.replace_aggregates(root, Aggregates(2, [aggregate]))

        assert created.uuid == str(root)
        assert joined == Aggregates(3, {str(aggregate)})
        assert client.get_aggregates(root) == joined
        assert client.get_provider(child).parent_uuid == str(root)
        assert client.get_inventory(root, "VCPU").total == 4
        assert [each.name for each in client.get_providers(uuid=root)] == ["root"]
        assert len(client.get_providers(in_tree=child)) == 2
        assert [each.name for each in client.get_providers(member_of=[aggregate])] == [
            "root"
        ]
        assert client.ensure_provider("child", child, root).uuid == str(child)
        assert client.update_provider(child, "child", parent_uuid=root)

    def test_searches_and_consumers_accept_uuid_objects(self, client, host):
        provider, consumer, aggregate = uuid.UUID(host.uuid), uuid.uuid4(), uuid.uuid4()
        project, user = uuid.uuid4(), uuid.uuid4()
        owner = {"project_id": project, "user_id": user, "consumer_type": "INSTANCE"}
        client.replace_aggregates(provider, Aggregates(1, [aggregate]))
        group = RequestGroup({"VCPU": 1}, member_of=[aggregate], in_tree=provider)

        [candidate] = client.get_candidates([group]).requests
        assert client.claim(
            consumer, AllocationRequest({provider: {"VCPU": 1}}), **owner
        )

        assert candidate.by_provider == {host.uuid: {"VCPU": 1}}
        held = client.get_allocations(consumer)
        assert (held.project_id, held.user_id) == (str(project), str(user))
        assert client.get_project_usages(project, user)["INSTANCE"].consumer_count == 1
        other = Allocations({provider: {"VCPU": 1}}, None, project, user, "INSTANCE")
        client.replace_allocations(uuid.uuid4(), other)
        client.replace_many_allocations({uuid.uuid4(): other})
        client.delete_allocations(consumer)
        assert client.get_usages(provider).resources["VCPU"] == 2

    def test_reshape_accepts_uuid_objects(self):
        transport = FixedTransport(Response(204, {}, b""))
        given = uuid.uuid4()

        Client(transport).reshape({given: Inventories(0, {})}, {given: Allocations({})})

        assert transport.sent[0][3].count(str(given).encode()) == 2

    def test_other_objects_are_rejected(self):
        with pytest.raises(TypeError, match="object"):
            Client(FixedTransport(None)).request("PUT", "/x", {"a": object()})


@pytest.mark.parametrize(
    "call",
    [
        lambda client: RequestGroup(required="HW_CPU_X86_AVX"),
        lambda client: RequestGroup(member_of=new_uuid()),
        lambda client: RequestGroup(member_of=uuid.uuid4()),
        lambda client: ProviderTraits(1, "CUSTOM_A"),
        lambda client: Aggregates(1, new_uuid()),
        lambda client: Aggregates(1, uuid.uuid4()),
        lambda client: client.get_candidates([], root_required="CUSTOM_A"),
        lambda client: client.get_candidates([], same_subtree="_A,_B"),
        lambda client: client.get_candidates([], same_subtree=["_A", "_B"]),
        lambda client: client.get_candidates("VCPU:1"),
        lambda client: client.get_providers(required="CUSTOM_A"),
        lambda client: client.get_providers(member_of=new_uuid()),
        lambda client: client.get_traits("CUSTOM_A"),
    ],
)
def test_a_string_instead_of_a_list_is_rejected(call):
    transport = FixedTransport(Response(200, {}, b"{}"))

    with pytest.raises(TypeError, match="must be a list"):
        call(Client(transport))
    assert transport.sent == []


class TestSearches:
    def test_a_search_returns_requests_and_summaries(self, client, host, claim):
        assert claim(1)

        found = client.get_candidates([RequestGroup({"VCPU": 2})], limit=5)

        assert found.requests == (
            AllocationRequest({host.uuid: {"VCPU": 2}}, {"": (host.uuid,)}),
        )
        summary = found.summaries[host.uuid]
        assert summary.by_class["VCPU"] == api.ClassSummary(capacity=4, used=1)
        assert (summary.parent_uuid, summary.root_uuid) == (None, host.uuid)

    def test_a_search_without_candidates_is_empty(self, client, host):
        found = client.get_candidates([RequestGroup({"VCPU": 5})])

        assert found == api.Candidates((), {})

    def test_suffixed_groups_have_mappings(self, client, host):
        groups = [
            RequestGroup({"VCPU": 1}, suffix="_A"),
            RequestGroup({"DISK_GB": 2}, suffix="_B"),
        ]

        [request] = client.get_candidates(groups, group_policy="none").requests

        assert request.mappings == {"_A": (host.uuid,), "_B": (host.uuid,)}

    @pytest.mark.usefixtures("host")
    @pytest.mark.parametrize("query", ["resources=VCPU:1", "resources=VCPU%3A1 "])
    def test_get_candidates_by_query_accepts_a_query_string(self, client, query):
        assert len(client.get_candidates_by_query(query).requests) == 1

    def test_an_unknown_resource_class_raises_bad_request(self, client):
        with pytest.raises(api.BadRequest, match="No such resource class"):
            client.get_candidates([RequestGroup({"CUSTOM_NO_SUCH": 1})])


class TestReshaping:
    @pytest.fixture
    def client(self, tmp_path):
        """A client with the role service, which may reshape."""
        application = in_process.application(tmp_path)

        def as_service(environ, start_response):
            environ["HTTP_X_ROLES"] = "service"
            return application(environ, start_response)

        return Client(WSGITransport(as_service))

    def test_reshape_moves_inventories_and_allocations(self, client, host, claim):
        consumer = claim(2).consumer
        child = client.create_provider("child", parent_uuid=host.uuid)
        generation = client.get_provider(host.uuid).generation

        client.reshape(
            {
                host.uuid: Inventories(generation, {}),
                child.uuid: Inventories(0, {"VCPU": Inventory(4)}),
            },
            {consumer: Allocations({child.uuid: {"VCPU": 2}}, 1, *OWNER.values())},
        )

        assert client.get_inventories(host.uuid).by_class == {}
        assert client.get_usages(child.uuid).resources == {"VCPU": 2}


class FixedTransport:
    """A transport that records requests and always returns the same response."""

    def __init__(self, answer):
        self.sent = []
        self.is_closed = False
        self._answer = answer

    def send(self, *request):
        self.sent.append(request)
        return self._answer

    def close(self):
        self.is_closed = True


def test_every_request_has_the_version_accept_and_user_agent_headers():
    transport = FixedTransport(Response(200, {}, b'{"traits": []}'))
    Client(transport).get_traits()

    [(method, path, headers, body)] = transport.sent
    assert (method, path, body) == ("GET", "/traits", None)
    assert headers == {
        "accept": "application/json",
        "openstack-api-version": "placement 1.39",
        "user-agent": f"standalone-placement/{importlib.metadata.version(NAME)}",
    }


def test_user_agent_is_put_before_that_of_the_client():
    transport = FixedTransport(Response(200, {}, b'{"traits": []}'))
    Client(transport, user_agent="scheduler/2.1").get_traits()

    [(_, _, headers, _)] = transport.sent
    assert headers["user-agent"].startswith("scheduler/2.1 standalone-placement/")


@pytest.mark.parametrize("name", ["a\r\nX-Roles: admin", "ü"])
def test_an_invalid_user_agent_is_rejected(name):
    with pytest.raises(ValueError, match="user_agent"):
        Client(FixedTransport(None), user_agent=name)


def test_a_client_closes_its_transport():
    transport = FixedTransport(Response(200, {}, b'{"traits": []}'))

    with Client(transport) as client:
        client.get_traits()
        assert not transport.is_closed
    assert transport.is_closed


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"traits": 1}', b"null"])
def test_a_response_of_another_form_is_unexpected(body):
    client = Client(FixedTransport(Response(200, {}, body)))

    with pytest.raises(api.UnexpectedAnswer):
        client.get_traits()


def test_a_redirect_is_unexpected():
    client = Client(FixedTransport(Response(302, {}, b"")))

    with pytest.raises(api.UnexpectedAnswer):
        client.ensure_trait("CUSTOM_A")


def test_the_client_imports_nothing_of_the_service():
    program = (
        "import sys, placement.client; "
        "print([name for name in sys.modules if name.startswith('placement.') "
        "and not name.startswith('placement.client')])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert found.stdout.strip() == "[]"


def test_the_client_imports_only_the_standard_library():
    program = (
        "import sys; before = set(sys.modules); import placement.client; "
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - sys.stdlib_module_names))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert found.stdout.strip() == "['placement']"


def test_in_process_starts_a_service_in_this_process(tmp_path):
    from placement.client import direct  # noqa: PLC0415

    client = direct.in_process(in_process.configuration(tmp_path))

    assert client.get_providers() == []
