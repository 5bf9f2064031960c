"""Send requests to the service in this process."""

import json
import typing
import urllib.parse

import webob

from tests.servers import server

# The only provider.
UUID = "a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01"
PROVIDER = f"/resource_providers/{UUID}"
INVENTORIES = f"{PROVIDER}/inventories"
CONSUMER = "c1f7a2be-2f3d-4a5c-8b6e-1e5a7c2b8d01"
BODY = {"name": "host"}
# Members of a claim, as JSON text.
OWNED = '"project_id": "p", "user_id": "u", "consumer_type": "X"'


def send(
    application: server.Application,
    request: str,
    body: object = None,
    **headers: str,
) -> webob.Response:
    """Send ``body`` as JSON, or unchanged if it is bytes.

    Asserts that the response has a request id, and a refusal the error document.
    """
    method, url = request.split(" ", 1)
    path, _, query = url.partition("?")
    asked = webob.Request.blank("/", method=method)
    # PEP 3333: each byte is one character.
    asked.environ["PATH_INFO"] = urllib.parse.unquote_to_bytes(path).decode("latin-1")
    asked.environ["QUERY_STRING"] = query
    asked.headers.update(
        {
            "X-Auth-Token": "admin",
            "X-Roles": "admin,service",
            "Accept": "application/json",
            "OpenStack-API-Version": "placement latest",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
    )
    if body is not None:
        asked.headers.setdefault("Content-Type", "application/json")
        asked.body = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = asked.get_response(application)
    assert answer.headers["X-Openstack-Request-Id"].startswith("req-")
    if answer.status_int >= 400:
        (error,) = answer.json["errors"]
        assert error["request_id"] == answer.headers["X-Openstack-Request-Id"]
        assert error["status"] == answer.status_int
    return answer


def detail(answer: webob.Response) -> str:
    return typing.cast(str, answer.json["errors"][0]["detail"])
