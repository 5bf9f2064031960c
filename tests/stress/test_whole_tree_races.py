"""Concurrent replacements of one tree have the effect of some order of them."""

import concurrent.futures
import os
import threading
import uuid

from placement import client
from tests.functional import invariants
from tests.servers import server

ROUNDS = int(os.environ.get("PLACEMENT_TEST_WHOLE_TREE_ROUNDS", "5"))
CLIENTS = 6
SECONDS = 60


def wanted(root: str, number: int) -> list[client.TreeProvider]:
    """Return the tree as one client wants it, with a node of its own."""
    names = [f"{root}-{name}" for name in ("host", "node", str(number))]
    uuids = [root, *(str(uuid.uuid5(uuid.UUID(root), name)) for name in names[1:])]
    inventories = {"VCPU": client.Inventory(number + 1)}
    return [
        client.TreeProvider(
            one, name, root if one != root else None, inventories, [], []
        )
        for one, name in zip(uuids, names, strict=True)
    ]


def test_a_tree_is_that_of_one_of_its_concurrent_writers(
    application: server.Application, database_url: str
) -> None:
    api = client.Client(client.WSGITransport(application))
    for _ in range(ROUNDS):
        root = str(uuid.uuid4())
        # The first replacement creates the tree, the others change it.
        for _ in range(2):
            barrier = threading.Barrier(CLIENTS + 1)

            def replace(
                number: int, root: str = root, barrier: threading.Barrier = barrier
            ) -> None:
                barrier.wait(SECONDS)
                api.replace_tree(wanted(root, number), has_prune=True)

            def read(root: str = root, barrier: threading.Barrier = barrier) -> int:
                barrier.wait(SECONDS)
                return len(list(api.read_providers(in_tree=root)))

            with concurrent.futures.ThreadPoolExecutor(CLIENTS + 1) as pool:
                reading = pool.submit(read)
                list(pool.map(replace, range(CLIENTS)))
            assert reading.result() in (0, 3)
            found = list(api.read_providers(["inventories"], in_tree=root))
            totals = {each.inventories["VCPU"].total for each in found}
            assert len(found) == 3
            assert len(totals) == 1
            (number,) = (total - 1 for total in totals)
            names = {each.provider.name for each in found}
            assert names == {each.name for each in wanted(root, number)}
    assert not invariants.violations(database_url)


def test_a_node_is_pruned_or_claimed(
    application: server.Application, database_url: str
) -> None:
    api = client.Client(client.WSGITransport(application))
    for _ in range(ROUNDS):
        root = str(uuid.uuid4())
        host, node, _ = wanted(root, 7)
        api.replace_tree([host, node])
        barrier = threading.Barrier(2)

        def prune(
            host: client.TreeProvider = host, barrier: threading.Barrier = barrier
        ) -> bool:
            barrier.wait(SECONDS)
            try:
                api.replace_tree([host], has_prune=True)
            except client.ProviderInUse:
                return False
            return True

        def claim(
            node: client.TreeProvider = node, barrier: threading.Barrier = barrier
        ) -> bool:
            barrier.wait(SECONDS)
            try:
                return bool(
                    api.claim(
                        uuid.uuid4(),
                        client.AllocationRequest({str(node.uuid): {"VCPU": 1}}),
                        project_id="p",
                        user_id="u",
                        consumer_type="VM",
                    )
                )
            except client.ClientError:
                return False

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            pruned, claimed = pool.submit(prune), pool.submit(claim)
        assert pruned.result() is not claimed.result()
        left = [each.provider.uuid for each in api.read_providers(in_tree=root)]
        assert left == ([root] if pruned.result() else [root, str(node.uuid)])
    assert not invariants.violations(database_url)
