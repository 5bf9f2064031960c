"""Refusals of large requests are small, and quote only a part of them."""

import pytest

from tests.functional.malformed.service import (
    BODY,
    CONSUMER,
    INVENTORIES,
    OWNED,
    PROVIDER,
    UUID,
    detail,
    send,
)
from tests.servers import server

# Each replaces VALUE below, and is then sent as the whole body.
LARGE = {
    "numbers": "[" + "1," * 200_000 + "1]",
    "lists": "[" + "[]," * 200_000 + "[]]",
    "strings": "[" + '"A",' * 100_000 + '"A", 1]',
    "string": '"' + "A" * 2**20 + '"',
    "members": "{" + "".join(f'"A{n}": 0, ' for n in range(50_000)) + '"A": 0}',
    "others": "{" + "".join(f'"a{n}": 1, ' for n in range(50_000)) + '"A": 0}',
    "long name": '{"' + "a" * 2**20 + '": 1}',
    "depth": "[" * 100_000 + "]" * 100_000,
    "digits": "9" * 2**20,
    "not UTF-8": '"' + "\xff" * 2**20 + '"',
    "not JSON": "A" * 2**20,
}
LARGE_BODIES = {
    "POST /resource_providers": '{"name": VALUE}',
    f"PUT {PROVIDER}": '{"name": "host", "parent_provider_uuid": VALUE}',
    f"POST {INVENTORIES}": '{"resource_class": "VCPU", "total": VALUE}',
    f"PUT {INVENTORIES}": '{"resource_provider_generation": 1, "inventories": VALUE}',
    f"PUT {INVENTORIES}/VCPU": '{"resource_provider_generation": VALUE, "total": 8}',
    f"PUT {PROVIDER}/aggregates": (
        '{"resource_provider_generation": 1, "aggregates": VALUE}'
    ),
    f"PUT {PROVIDER}/traits": '{"resource_provider_generation": 1, "traits": VALUE}',
    f"PUT /allocations/{CONSUMER}": (
        f'{{"allocations": {{"{UUID}": {{"resources": VALUE}}}}, {OWNED}, '
        '"consumer_generation": null}'
    ),
    "POST /allocations": f'{{"{CONSUMER}": VALUE}}',
    "POST /reshaper": '{"inventories": {}, "allocations": VALUE}',
    "POST /resource_classes": '{"name": VALUE}',
}


@pytest.mark.parametrize("request_line", LARGE_BODIES)
def test_the_refusal_of_a_large_body_is_small(
    service: server.Application, request_line: str
) -> None:
    for value in LARGE.values():
        for body in (LARGE_BODIES[request_line].replace("VALUE", value), value):
            answer = send(service, request_line, body.encode("latin-1"))

            assert answer.status_int == 400
            # The largest response quotes a whole schema.
            assert len(answer.body) < 20_000
            text = detail(answer)
            assert not any(value[n : n + 250] in text for n in (0, 1000, 100_000))


@pytest.mark.parametrize(
    ("request_line", "headers"),
    [
        ("GET /traits?name=VALUE", {}),
        ("GET /resource_providers?VALUE=1", {}),
        ("GET /resource_providers?in_tree=VALUE", {}),
        ("GET /resource_providers?member_of=VALUE", {}),
        ("GET /resource_providers?resources=VALUE", {}),
        ("GET /resource_providers?resources=VCPU:VALUE", {}),
        ("GET /resource_providers?resources=VALUE:0", {}),
        ("GET /resource_providers?resources=VALUE:1", {}),
        ("GET /resource_providers?required=VALUE", {}),
        ("GET /resource_providers?required=in:VALUE,!A", {}),
        ("GET /allocation_candidates?limit=VALUE", {}),
        ("GET /allocation_candidates?group_policy=VALUE", {}),
        ("GET /allocation_candidates?resources=VCPU:1&root_required=VALUE,!VALUE", {}),
        ("GET /allocation_candidates?resources=VCPU:1&required=VALUE,!VALUE", {}),
        ("GET /allocation_candidates?resources=VCPU:1&same_subtree=VALUE", {}),
        ("GET /allocation_candidates?required_VALUE=A&resources=VCPU:1", {}),
        ("GET /openapi.json?VALUE=1", {}),
        ("GET /openapi.json?version=VALUE", {}),
        ("GET /resource_providers/VALUE", {}),
        ("GET /resource_providers/VALUE/allocations", {}),
        ("GET /resource_classes/VALUE", {}),
        ("GET /traits/VALUE", {}),
        ("DELETE /allocations/VALUE", {}),
        (f"GET {INVENTORIES}/VALUE", {}),
        ("PUT /resource_classes/VALUE", {}),
        ("VALUE /traits", {}),
        ("GET /traits", {"OpenStack_API_Version": "placement VALUE"}),
        ("GET /traits", {"OpenStack_API_Version": "placement 1.1VALUE"}),
        ("PUT /resource_providers/a", {"Content_Type": "VALUE"}),
    ],
    ids=lambda given: "".join(str(given).split("VALUE"))[:40],
)
def test_a_refusal_quotes_at_most_200_characters_of_the_request(
    service: server.Application, request_line: str, headers: dict[str, str]
) -> None:
    long = "ABCDEFGHIJ" * 300
    given = {name: value.replace("VALUE", long) for name, value in headers.items()}
    body = BODY if request_line.startswith("PUT") else None

    answer = send(service, request_line.replace("VALUE", long), body, **given)

    assert 400 <= answer.status_int < 500
    assert long[:201] not in answer.text
    assert len(answer.body) < 3000
