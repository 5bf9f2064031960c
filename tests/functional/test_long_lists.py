"""Long lists are rendered in parts."""

import json
import uuid

import pytest
import webob

from placement import client
from placement.handlers import resource_provider
from tests.servers import server

PER_PART = 3


@pytest.mark.parametrize("count", [0, 1, PER_PART, PER_PART + 1, 2 * PER_PART + 1])
def test_a_list_in_parts_has_all_providers(
    application: server.Application, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(resource_provider, "_PROVIDERS_PER_PART", PER_PART)
    api = client.Client(client.WSGITransport(application))
    created = [str(uuid.uuid4()) for _ in range(count)]
    for each in created:
        api.create_provider(each, each)

    request = webob.Request.blank("/resource_providers")
    request.headers.update(
        {"X-Auth-Token": "admin", "OpenStack-API-Version": "placement 1.39"}
    )
    answer = request.get_response(application)

    listed = json.loads(answer.body)["resource_providers"]
    assert [each["uuid"] for each in listed] == created
    assert answer.content_length == len(answer.body)
    assert answer.last_modified is not None
