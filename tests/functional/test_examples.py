"""The schedulers in ``examples/`` do what they say, on each database."""

import importlib.util
import pathlib
import typing
import uuid

import pytest

from placement.client import Client, Inventories, Inventory, NoCandidate, WSGITransport
from tests.servers import server

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
PATHS = sorted(EXAMPLES.glob("*.py"))


def load(name: str) -> typing.Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def client(application: server.Application) -> Client:
    return Client(WSGITransport(application, "admin"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_an_example_is_short_and_runs(
    path: pathlib.Path,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert len(path.read_text().splitlines()) <= 80
    example = load(path.stem)
    monkeypatch.setattr(example.Client, "connect", lambda: client)

    example.main()

    assert capsys.readouterr().out


def test_jobs_get_gpus_beside_their_processors(client: Client) -> None:
    jobs = load("gpu_jobs")
    client.create_resource_class(jobs.SLICE)
    jobs.add_host(client, "host")

    # Four slices are left in each GPU, then one in each.
    started = [jobs.start(client, 3, 8, 1024) for _ in range(5)]

    assert [bool(job) for job in started] == [True] * 4 + [False]
    nodes = []
    for job in started[:4]:
        providers = client.get_allocations(job).by_provider
        names = sorted(client.get_providers(uuid=each)[0].name for each in providers)
        gpu, numa = names
        assert gpu[-1] == numa[-1]
        nodes.append(numa)
    # The first node is filled before the second is used.
    assert sorted(nodes) == nodes
    jobs.finish(client, started[0])
    assert jobs.start(client, 4, 8, 1024) is not None


def test_addresses_are_held_until_they_are_kept(client: Client) -> None:
    pool = load("address_pool")
    segment = str(uuid.uuid4())
    subnets = {pool.add_subnet(client, name, 5, segment) for name in ("one", "two")}

    taken = [pool.take(client, segment, "project") for _ in range(4)]

    assert [subnet for _, subnet in taken].count(taken[0][1]) == 2
    assert {subnet for _, subnet in taken} == subnets
    with pytest.raises(NoCandidate):
        pool.take(client, segment, "project")
    port, _ = taken[0]
    assert pool.keep(client, port)
    assert not pool.keep(client, port)
    assert len(list(client.holds())) == 3


def test_a_gang_starts_whole_or_waits(client: Client) -> None:
    batch = load("batch_queue")
    for number in range(3):
        host = client.create_provider(f"host {number}")
        client.replace_inventories(host.uuid, Inventories(0, {"VCPU": Inventory(8)}))
    queue = batch.Queue(client)
    large, small = batch.Gang("large", 6, 4), batch.Gang("small", 3, 1)
    later = batch.Gang("later", 6, 2)
    queue.waiting.extend([large, small, later])

    assert queue.start_all() == [large]
    hosts = [
        next(iter(client.get_allocations(task).by_provider)) for task in large.tasks
    ]
    assert sorted(map(hosts.count, set(hosts))) == [2, 2, 2]
    assert list(queue.waiting) == [small, later]
    queue.finish(large)
    assert queue.start_all() == [small, later]
