"""The service on a database in memory, with concurrent threads."""

import concurrent.futures
import uuid

import pytest
import webob

from placement import client
from placement.web import providers
from tests.servers import server

THREADS = 8
ROOM = 20


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_concurrent_claims_stop_at_the_capacity(url: str) -> None:
    with server.in_process(url) as application:
        api = client.Client(client.WSGITransport(application))
        host = api.create_provider("host")
        offer = client.Inventories(0, {"VCPU": client.Inventory(total=ROOM)})
        api.replace_inventories(host.uuid, offer)
        asked = [client.RequestGroup(resources={"VCPU": 1})]
        (found,) = api.get_candidates(asked).requests

        def claim(_number: int) -> bool:
            own = client.Client(client.WSGITransport(application))
            own.get_candidates(asked)
            owner = {"project_id": "p", "user_id": "u", "consumer_type": "INSTANCE"}
            return bool(own.claim(str(uuid.uuid4()), found, **owner))

        with concurrent.futures.ThreadPoolExecutor(THREADS) as threads:
            claimed = list(threads.map(claim, range(2 * ROOM)))

        assert claimed.count(True) == ROOM
        assert not api.get_candidates(asked).requests


def test_a_forked_worker_shows_what_it_has_stored() -> None:
    with server.processes("sqlite://", workers=1, arguments=("--preload",)) as running:
        api = client.Client.connect(running.url, "admin")
        api.create_provider("host")

        assert [each.name for each in api.get_providers()] == ["host"]


def test_a_client_that_reads_lines_slowly_does_not_lock_out_writers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(providers, "_PROVIDERS_PER_CHUNK", 1)
    headers = {"x-auth-token": "admin", "accept": "application/x-ndjson"}
    request = webob.Request.blank("/-/v1/providers", headers=headers)
    with server.in_process("sqlite://") as application:
        api = client.Client(client.WSGITransport(application))
        for name in ("first", "second"):
            api.create_provider(name)
        _, _, lines = request.call_application(application)
        chunks = iter(lines)
        next(chunks)

        api.create_provider("third")

        assert len(list(chunks)) == 1
