"""Names that differ in case, accents or trailing blanks are different names."""

import pytest

from placement import client
from tests.servers import server

ALIKE = ("a", "A", "a ", "\u00e1", "\uff41")
OFFER = client.Inventory(total=100)


@pytest.fixture
def api(application: server.Application) -> client.Client:
    return client.Client(client.WSGITransport(application))


def consumer(place: int) -> str:
    return f"c0000000-0000-0000-0000-{place:012}"


def provider(place: int) -> str:
    return f"a0000000-0000-0000-0000-{place:012}"


def add_hosts(api: client.Client) -> None:
    for place, name in enumerate(ALIKE):
        api.create_provider(name, provider(place))


def test_provider_names_are_compared_exactly(api: client.Client) -> None:
    add_hosts(api)

    for place, name in enumerate(ALIKE):
        found = api.get_providers(name=name)
        assert [each.uuid for each in found] == [provider(place)]


def test_projects_and_users_are_compared_exactly(api: client.Client) -> None:
    host = provider(0)
    api.create_provider("host", host)
    api.replace_inventories(host, client.Inventories(0, {"VCPU": OFFER}))
    amounts = {project: place + 1 for place, project in enumerate(ALIKE)}
    for place, (project, amount) in enumerate(amounts.items()):
        held = client.Allocations(
            {host: {"VCPU": amount}}, None, project, project, "INSTANCE"
        )
        api.replace_allocations(consumer(place), held)

    for project, amount in amounts.items():
        assert used(api, project) == amount
        assert used(api, project, project) == amount
    assert used(api, "a", "A") == 0
    assert [api.get_allocations(consumer(n)).project_id for n in range(5)] == list(
        ALIKE
    )


def used(api: client.Client, project: str, user: str | None = None) -> int:
    found = api.get_project_usages(project, user)
    return sum(usage.resources.get("VCPU", 0) for usage in found.values())
