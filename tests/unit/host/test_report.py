"""A report stores the resources of the machine, and changes nothing else."""

import dataclasses
import uuid

import pytest

from placement.client import (
    AllocationRequest,
    Client,
    ConcurrentUpdate,
    Inventories,
    Inventory,
    ProviderTraits,
    WSGITransport,
)
from placement.host import report
from placement.host.kernel import Machine, Node, Processor
from tests.unit import in_process
from tests.unit.cmd.conftest import recorded_requests

AVX, SSE = "HW_CPU_X86_AVX", "HW_CPU_X86_SSE"

MACHINE = Machine(
    cpus=4,
    memory_mb=8192,
    disk_gb=100,
    processor=Processor("GenuineIntel", frozenset({"avx", "sse"})),
    nodes=(Node(0, 2, 3072), Node(1, 2, 5120)),
)


def run(client, machine=MACHINE, is_numa=False, ratios=None, custom_traits=()):
    wanted = report.plan(machine, "host", is_numa, custom_traits)
    return report.Report(client, ratios).run(wanted)


def named(client, name):
    [provider] = client.get_providers(name=name)
    return provider


def totals(client, name):
    stored = client.get_inventories(named(client, name).uuid).by_class
    return {key: inventory.total for key, inventory in stored.items()}


def traits_of(client, name):
    return client.get_provider_traits(named(client, name).uuid).names


def snapshot(client):
    """Everything stored about all providers, generations included."""
    return {
        provider.name: (
            dataclasses.astuple(provider),
            client.get_inventories(provider.uuid),
            client.get_provider_traits(provider.uuid),
        )
        for provider in client.get_providers()
    }


def allocate(client, name, resource_class):
    request = AllocationRequest({named(client, name).uuid: {resource_class: 1}})
    consumer = str(uuid.uuid4())
    assert client.claim(
        consumer, request, project_id="p", user_id="u", consumer_type="T"
    )
    return consumer


class TestPlan:
    def test_a_flat_plan_has_all_resources_on_the_root(self):
        [root] = report.plan(MACHINE, "host", is_numa=False)

        assert root.totals == {"VCPU": 4, "MEMORY_MB": 8192, "DISK_GB": 100}
        assert root.traits == {AVX, SSE}

    def test_a_numa_plan_has_cpus_and_memory_on_the_nodes(self):
        root, *nodes = report.plan(MACHINE, "host", is_numa=True)

        assert root.totals == {"DISK_GB": 100}
        assert [(node.name, node.totals) for node in nodes] == [
            ("host_NUMA_0", {"VCPU": 2, "MEMORY_MB": 3072}),
            ("host_NUMA_1", {"VCPU": 2, "MEMORY_MB": 5120}),
        ]
        assert root.traits == {AVX, SSE}
        assert nodes[0].traits == {AVX, SSE, "HW_NUMA_ROOT"}

    def test_a_node_without_cpus_or_memory_gets_no_inventory_of_them(self):
        nodes = (Node(0, 4, 0), Node(1, 0, 8192), Node(2, 0, 0))
        machine = dataclasses.replace(MACHINE, nodes=nodes)

        _, *planned = report.plan(machine, "host", is_numa=True)

        assert [(node.name, node.totals) for node in planned] == [
            ("host_NUMA_0", {"VCPU": 4}),
            ("host_NUMA_1", {"MEMORY_MB": 8192}),
        ]

    def test_a_machine_may_have_no_disk_and_no_traits(self):
        machine = Machine(cpus=2, memory_mb=64, disk_gb=None)

        [root] = report.plan(machine, "host", is_numa=False)

        assert root.totals == {"VCPU": 2, "MEMORY_MB": 64}
        assert root.traits == frozenset()

    @pytest.mark.parametrize(
        ("machine", "what"),
        [(Machine(0, 64, 1), "no CPUs"), (Machine(2, None, 1), "no memory")],
    )
    def test_a_machine_without_cpus_or_memory_is_rejected(self, machine, what):
        with pytest.raises(report.ReportError, match=what):
            report.plan(machine, "host", is_numa=False)

    def test_a_numa_plan_of_a_machine_without_nodes_is_rejected(self):
        with pytest.raises(report.ReportError, match="no NUMA nodes"):
            report.plan(Machine(2, 1024, 10), "host", is_numa=True)


class TestFlat:
    def test_a_new_machine_is_created_with_inventories_and_traits(self, client):
        changes = run(client, custom_traits=["CUSTOM_FAST"])

        assert totals(client, "host") == {
            "VCPU": 4,
            "MEMORY_MB": 8192,
            "DISK_GB": 100,
        }
        assert traits_of(client, "host") == {AVX, SSE, "CUSTOM_FAST"}
        assert changes == [
            ("host", "created"),
            ("host", "DISK_GB added: total 100"),
            ("host", "MEMORY_MB added: total 8192"),
            ("host", "VCPU added: total 4"),
            ("host", f"traits added: CUSTOM_FAST, {AVX}, {SSE}"),
        ]

    @pytest.mark.parametrize("is_numa", [False, True])
    def test_reporting_the_same_machine_again_writes_nothing(self, client, is_numa):
        run(client, is_numa=is_numa, ratios={"VCPU": 4.0})
        before = snapshot(client)

        assert run(client, is_numa=is_numa, ratios={"VCPU": 4.0}) == []
        assert snapshot(client) == before

    @pytest.mark.parametrize("is_numa", [False, True])
    def test_an_unchanged_machine_is_read_with_three_requests(
        self, client, monkeypatch, is_numa
    ):
        run(client, is_numa=is_numa)
        requests = recorded_requests(client, monkeypatch)

        run(client, is_numa=is_numa)

        assert requests == [
            "GET /traits",
            "GET /resource_providers",
            "GET /-/v1/providers",
        ]

    @pytest.mark.parametrize("is_numa", [False, True])
    def test_a_service_without_bulk_reads_gets_the_same_report(
        self, client, tmp_path, is_numa
    ):
        (tmp_path / "other").mkdir()
        app = in_process.application(tmp_path / "other")
        other = Client(WSGITransport(in_process.without_extensions(app)))

        for each in (client, other):
            run(each, is_numa=not is_numa)
        changes = [run(each, is_numa=is_numa) for each in (client, other)]

        assert changes[0] == changes[1] != []
        assert run(other, is_numa=is_numa) == []

    def test_only_differences_are_written(self, client):
        run(client)
        flags = Processor("GenuineIntel", frozenset({"sse", "avx2"}))
        grown = dataclasses.replace(MACHINE, cpus=8, processor=flags)

        assert run(client, grown) == [
            ("host", "VCPU: total 4 -> 8"),
            ("host", "VCPU: max_unit 4 -> 8"),
            ("host", "traits added: HW_CPU_X86_AVX2"),
            ("host", f"traits removed: {AVX}"),
        ]

    def test_the_settings_of_operators_are_kept(self, client):
        run(client)
        host = named(client, "host")
        stored = client.get_inventories(host.uuid)
        tuned = Inventory(
            4, reserved=1, min_unit=2, max_unit=3, step_size=1, allocation_ratio=2.0
        )
        client.replace_inventories(
            host.uuid,
            Inventories(
                stored.generation,
                {**stored.by_class, "VCPU": tuned, "VGPU": Inventory(1)},
            ),
        )
        mine = ProviderTraits(
            stored.generation + 1, frozenset({SSE, AVX, "STORAGE_DISK_SSD"})
        )
        client.replace_provider_traits(host.uuid, mine)

        run(client, dataclasses.replace(MACHINE, cpus=8))

        by_class = client.get_inventories(host.uuid).by_class
        assert by_class["VCPU"] == dataclasses.replace(tuned, total=8)
        assert by_class["VGPU"] == Inventory(1)
        assert traits_of(client, "host") == mine.names

    def test_a_max_unit_equal_to_the_total_follows_the_total(self, client):
        host = client.create_provider("host")
        client.create_inventory(host.uuid, "VCPU", Inventory(2))

        run(client)

        assert client.get_inventory(host.uuid, "VCPU").max_unit == 4

    def test_a_given_ratio_overrides_the_stored_one(self, client):
        run(client, ratios={"VCPU": 4.0})

        assert run(client, ratios={"VCPU": 8.0}) == [
            ("host", "VCPU: allocation_ratio 4.0 -> 8.0")
        ]

    def test_the_total_of_an_inventory_in_use_is_changed(self, client):
        run(client)
        allocate(client, "host", "VCPU")

        run(client, dataclasses.replace(MACHINE, cpus=2))

        assert totals(client, "host")["VCPU"] == 2

    def test_a_host_may_be_anywhere_in_a_tree(self, client):
        rack = client.create_provider("rack")
        client.create_provider("host", parent_uuid=rack.uuid)

        run(client, is_numa=True)

        assert named(client, "host").parent_uuid == rack.uuid
        assert named(client, "host_NUMA_1").root_uuid == rack.uuid


class TestNUMA:
    def test_nodes_are_children_of_the_host(self, client):
        run(client, is_numa=True)

        host = named(client, "host")
        assert totals(client, "host") == {"DISK_GB": 100}
        assert totals(client, "host_NUMA_0") == {"VCPU": 2, "MEMORY_MB": 3072}
        assert totals(client, "host_NUMA_1") == {"VCPU": 2, "MEMORY_MB": 5120}
        assert named(client, "host_NUMA_1").parent_uuid == host.uuid
        assert "HW_NUMA_ROOT" in traits_of(client, "host_NUMA_0")
        assert "HW_NUMA_ROOT" not in traits_of(client, "host")

    def test_a_numa_report_and_then_a_flat_one_restore_the_flat_inventories(
        self, client
    ):
        run(client)
        flat = totals(client, "host")

        run(client, is_numa=True)
        changes = run(client)

        assert totals(client, "host") == flat
        assert [provider.name for provider in client.get_providers()] == ["host"]
        assert changes[:2] == [("host_NUMA_0", "deleted"), ("host_NUMA_1", "deleted")]

    def test_a_node_that_no_longer_exists_is_deleted(self, client):
        run(client, is_numa=True)
        smaller = dataclasses.replace(MACHINE, nodes=MACHINE.nodes[:1])

        assert run(client, smaller, is_numa=True) == [("host_NUMA_1", "deleted")]

    def test_other_children_and_providers_are_kept(self, client):
        run(client, is_numa=True)
        host = named(client, "host")
        client.create_provider("host_NUMA_x", parent_uuid=host.uuid)
        client.create_provider("host_gpu", parent_uuid=host.uuid)
        client.create_provider("host_NUMA_7")

        run(client)

        names = {provider.name for provider in client.get_providers()}
        assert names == {"host", "host_NUMA_x", "host_gpu", "host_NUMA_7"}

    def test_a_numa_report_is_rejected_while_the_host_has_allocations(self, client):
        run(client)
        consumer = allocate(client, "host", "VCPU")
        before = snapshot(client)

        with pytest.raises(report.ReportError, match="host has allocations"):
            run(client, is_numa=True)

        assert snapshot(client) == before
        client.delete_allocations(consumer)
        assert run(client, is_numa=True)

    def test_a_numa_report_is_accepted_if_only_the_disk_is_allocated(self, client):
        run(client)
        allocate(client, "host", "DISK_GB")

        run(client, is_numa=True)

        assert totals(client, "host") == {"DISK_GB": 100}

    def test_a_flat_report_is_rejected_while_a_node_has_allocations(self, client):
        run(client, is_numa=True)
        allocate(client, "host_NUMA_1", "VCPU")
        before = snapshot(client)

        with pytest.raises(report.ReportError, match="host_NUMA_1 has allocations"):
            run(client)

        assert snapshot(client) == before

    def test_a_flat_report_is_rejected_while_a_node_has_children(self, client):
        run(client, is_numa=True)
        client.create_provider("pf", parent_uuid=named(client, "host_NUMA_1").uuid)
        before = snapshot(client)

        with pytest.raises(report.ReportError, match=r"host_NUMA_1 .* has children"):
            run(client)

        assert snapshot(client) == before

    def test_a_node_name_in_another_tree_is_an_error(self, client):
        client.create_provider("host_NUMA_0")

        with pytest.raises(report.ReportError, match="not a child of host"):
            run(client, is_numa=True)


# The paths that a report writes, with and without the extensions.
TREES, VERSIONED = "/-/v1/trees/", "/resource_providers/"


class InterferingTransport:
    """A transport that updates the host before each of the first writes."""

    def __init__(self, transport, written, interfere, times):
        self._transport = transport
        self._written = written
        self._interfere = interfere
        self._times = times

    def send(self, method, path, headers, body):
        if method == "PUT" and path.startswith(self._written) and self._times:
            self._times -= 1
            self._interfere()
        return self._transport.send(method, path, headers, body)


class TestConcurrentUpdates:
    @pytest.fixture(params=[TREES, VERSIONED])
    def written(self, request):
        return request.param

    @pytest.fixture
    def transport(self, tmp_path, written):
        application = in_process.application(tmp_path)
        if written == VERSIONED:
            application = in_process.without_extensions(application)
        return WSGITransport(application)

    @pytest.fixture
    def interfere(self, transport):
        """Change an inventory of the host, which increments its generation."""
        client = Client(transport)

        def interfere():
            host = named(client, "host")
            stored = client.get_inventories(host.uuid)
            units = stored.by_class.get("VGPU", Inventory(0)).total + 1
            by_class = {**stored.by_class, "VGPU": Inventory(units)}
            client.replace_inventories(
                host.uuid, Inventories(stored.generation, by_class)
            )

        return interfere

    def test_a_step_is_repeated_after_a_concurrent_update(
        self, transport, written, interfere
    ):
        times = report.ATTEMPTS - 1
        Client(transport).create_provider("host")

        run(Client(InterferingTransport(transport, written, interfere, times)))

        client = Client(transport)

        assert totals(client, "host") == {
            "VCPU": 4,
            "MEMORY_MB": 8192,
            "DISK_GB": 100,
            "VGPU": times,
        }
        assert traits_of(client, "host") == {AVX, SSE}

    @pytest.mark.parametrize("is_numa", [False, True])
    def test_a_new_machine_is_written_by_one_request(
        self, client, monkeypatch, is_numa
    ):
        requests = recorded_requests(client, monkeypatch)

        run(client, is_numa=is_numa)

        assert requests == [
            "GET /traits",
            "GET /resource_providers",
            f"PUT /-/v1/trees/{named(client, 'host').uuid}",
            "GET /resource_providers",
        ]

    def test_a_host_below_another_provider_stays_there(self, client):
        row = client.create_provider("row")
        rack = client.create_provider("rack", parent_uuid=row.uuid)
        host = client.create_provider("host", parent_uuid=rack.uuid)
        client.change_provider(rack.uuid, add_traits=[SSE])

        run(client, is_numa=True)

        assert named(client, "host").parent_uuid == rack.uuid
        assert named(client, "host_NUMA_0").parent_uuid == host.uuid
        assert named(client, "rack").parent_uuid == row.uuid
        assert traits_of(client, "rack") == {SSE}

    def test_aggregates_are_kept(self, client):
        run(client)
        host = named(client, "host").uuid
        rack = str(uuid.UUID(int=1))
        client.change_provider(host, add_aggregates=[rack])

        run(client, dataclasses.replace(MACHINE, cpus=8))

        assert client.get_aggregates(host).uuids == {rack}

    def test_the_number_of_attempts_is_limited(self, transport, written, interfere):
        Client(transport).create_provider("host")
        interfering = InterferingTransport(
            transport, written, interfere, report.ATTEMPTS
        )
        client = Client(interfering)

        with pytest.raises(ConcurrentUpdate):
            run(client)

    def test_a_host_that_is_created_concurrently_is_used(self, transport):
        plain = Client(transport)

        class Racing:
            """Creates the host just before the client does."""

            def send(self, method, path, headers, body):
                is_write = method == "POST" or path.startswith(TREES)
                if is_write and not plain.get_providers(name="host"):
                    plain.create_provider("host")
                return transport.send(method, path, headers, body)

        changes = run(Client(Racing()))

        assert ("host", "created") not in changes
        assert totals(plain, "host")["VCPU"] == 4


def test_standard_traits_unknown_to_the_service_are_omitted(client, monkeypatch):
    known = client.get_traits

    def older(names=None, **filters):
        return [name for name in known(names, **filters) if name != AVX]

    monkeypatch.setattr(client, "get_traits", older)

    run(client)

    assert traits_of(client, "host") == {SSE}
