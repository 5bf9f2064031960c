"""Fixtures: the service with one provider, which refused requests do not change."""

import collections.abc

import pytest

from tests.functional import invariants
from tests.functional.malformed.service import INVENTORIES, UUID, send
from tests.servers import server


@pytest.fixture(scope="module")
def shared_service(
    module_database_url: str,
) -> collections.abc.Iterator[server.Application]:
    """The service with one provider, for all tests of a module."""
    with server.in_process(module_database_url) as application:
        send(application, "POST /resource_providers", {"name": "host", "uuid": UUID})
        offer = {
            "resource_provider_generation": 0,
            "inventories": {"VCPU": {"total": 8}},
        }
        send(application, f"PUT {INVENTORIES}", offer)
        yield application
    assert not invariants.violations(module_database_url)


@pytest.fixture
def service(
    shared_service: server.Application,
) -> collections.abc.Iterator[server.Application]:
    """The service with one provider, which must be unchanged after the test."""
    yield shared_service
    kept = send(shared_service, f"GET {INVENTORIES}").json
    assert kept["resource_provider_generation"] == 1
    assert list(kept["inventories"]) == ["VCPU"]
    assert kept["inventories"]["VCPU"]["total"] == 8
    uuids = [
        one["uuid"]
        for one in send(shared_service, "GET /resource_providers").json[
            "resource_providers"
        ]
    ]
    assert uuids == [UUID]
