"""Claims with picks are counted by result, like those of the versioned API."""

import contextlib
import re
import uuid

import pytest

from placement import client, metrics
from placement.metrics import text
from tests.servers import server

pytestmark = pytest.mark.any_database

QUERIES = {
    "resources=VCPU:8": "ok",
    "resources=VCPU:1": "capacity",
    "resources=VCPU:9": "capacity",
    "resources=VGPU:1": "no_inventory",
    "resources=VCPU:1&required=CUSTOM_UNUSED": "no_inventory",
    "resources=MEMORY_MB:1": "cordoned",
}


@pytest.fixture
def api(application: server.Application) -> client.Client:
    found = client.Client(client.WSGITransport(application))
    for name, resource_class in (("host", "VCPU"), ("cordoned", "MEMORY_MB")):
        provider = found.create_provider(name).uuid
        offered = {resource_class: client.Inventory(8)}
        found.replace_inventories(provider, client.Inventories(0, offered))
        if name == "cordoned":
            found.cordon(provider)
    found.ensure_trait("CUSTOM_UNUSED")
    return found


def counted() -> dict[str, float]:
    shown = text.render(is_openmetrics=False).decode()
    name = r'placement_claims_total\{operation="place",result="(\w+)"\} (\S+)'
    return {result: float(number) for result, number in re.findall(name, shown)}


def test_claims_with_picks_are_counted_by_result(api: client.Client) -> None:
    assert set(counted()) == set(metrics.CLAIM_RESULTS)
    found = {}
    for query in QUERIES:
        before = counted()
        with contextlib.suppress(client.NoCandidate):
            api.place(client.Wanted(uuid.uuid4(), query, "p", "u", "INSTANCE"))
        after = counted()
        found[query] = [each for each in after if after[each] > before[each]]

    assert found == {query: [result] for query, result in QUERIES.items()}
