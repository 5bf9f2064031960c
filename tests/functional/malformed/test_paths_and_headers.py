"""Malformed paths, query strings and headers have a defined status."""

import pytest

from tests.functional.malformed.service import (
    BODY,
    CONSUMER,
    INVENTORIES,
    PROVIDER,
    UUID,
    detail,
    send,
)
from tests.servers import server

# Names that nothing has.
ODD_NAMES = [
    "%00",
    "%FF",
    "%C3%28",
    "%ED%A0%80",
    "a%00b",
    "%E2%98%83",
    "%0D%0A",
    "a" * 70000,
]
RESPONSES = [
    ("/resource_providers/{}", {"GET": 404, "PUT": 404, "DELETE": 404, "POST": 405}),
    ("/resource_providers/{}/usages", {"GET": 404, "PUT": 405}),
    ("/resource_providers/{}/inventories", {"GET": 404, "PUT": 404, "DELETE": 404}),
    (INVENTORIES + "/{}", {"GET": 404, "DELETE": 404}),
    ("/traits/{}", {"GET": 404, "PUT": 400, "DELETE": 404}),
    ("/resource_classes/{}", {"GET": 404, "PUT": 400, "DELETE": 404}),
    # An unknown consumer has no allocations.
    ("/allocations/{}", {"GET": 200, "PUT": 400, "DELETE": 404}),
    ("/{}", {"GET": 404, "POST": 404}),
    ("/traits/{}/more", {"GET": 404}),
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=lambda name: name[:12])
def test_a_malformed_name_in_a_path_is_not_found(
    service: server.Application, name: str
) -> None:
    for path, expected in RESPONSES:
        found = {
            method: send(
                service,
                f"{method} {path.format(name)}",
                BODY if method in ("PUT", "POST") else None,
            ).status_int
            for method in expected
        }
        assert (path, found) == (path, expected)


NOT_TEXT = ("%00", "a%00", "%FF", "%ED%A0%80", "%C3%28")


@pytest.mark.parametrize(
    "url",
    [
        "/resource_providers?name={}",
        "/resource_providers?in_tree={}",
        "/resource_providers?required={}",
        "/resource_providers?member_of={}",
        "/resource_providers?resources={}:1",
        "/resource_providers?{}=a",
        "/traits?name={}",
        "/traits?name=in:{}",
        "/traits?name=startswith:{}",
        "/usages?project_id={}",
        "/usages?project_id=a&user_id={}",
        "/usages?project_id=a&consumer_type={}",
        "/allocation_candidates?resources={}:1",
        "/allocation_candidates?resources=VCPU:1&required={}",
        "/allocation_candidates?resources=VCPU:1&member_of={}",
        "/allocation_candidates?resources=VCPU:1&in_tree={}",
        "/allocation_candidates?resources=VCPU:1&limit={}",
        "/allocation_candidates?resources{}=VCPU:1",
    ],
)
def test_bytes_that_are_not_text_in_a_query_are_refused(
    service: server.Application, url: str
) -> None:
    statuses = {
        value: send(service, f"GET {url.format(value)}").status_int
        for value in NOT_TEXT
    }

    assert statuses == dict.fromkeys(NOT_TEXT, 400)


@pytest.mark.parametrize(
    ("request_line", "body"),
    [
        ("POST /-/v1/holds/{}:confirm", None),
        ("POST /-/v1/holds/{}:extend", {"seconds": 1}),
        ("GET /-/v1/providers/{}", None),
        ("PATCH /-/v1/providers/{}", {}),
        ("GET /-/v1/providers/{}/state", None),
        ("PUT /-/v1/providers/{}/state", {"state": "cordoned"}),
    ],
)
def test_a_malformed_name_in_a_path_of_an_extension_is_not_found(
    service: server.Application, request_line: str, body: object
) -> None:
    statuses = {
        name: send(service, request_line.format(name), body).status_int
        for name in NOT_TEXT
    }

    assert statuses == dict.fromkeys(NOT_TEXT, 404)


def test_a_project_with_limits_has_a_name_that_is_text(
    service: server.Application,
) -> None:
    requests = {"PUT": {"VCPU": 1}, "GET": None, "DELETE": None}
    statuses = {
        name: [
            send(service, f"{method} /-/v1/limits/{name}", body).status_int
            for method, body in requests.items()
        ]
        for name in NOT_TEXT
    }

    assert statuses == {name: [400, 404, 404] for name in NOT_TEXT}


@pytest.mark.parametrize("digits", [10, 19, 20, 100, 5000])
def test_a_huge_number_in_a_query_finds_nothing_or_is_refused(
    service: server.Application, digits: int
) -> None:
    huge = "9" * digits

    for url in (
        f"/allocation_candidates?resources=VCPU:{huge}",
        f"/allocation_candidates?resources=VCPU:1&resources1=VCPU:{huge}"
        "&group_policy=none",
        f"/resource_providers?resources=VCPU:{huge}",
    ):
        answer = send(service, f"GET {url}")
        assert answer.status_int in (200, 400)
        assert UUID not in answer.text
    limited = send(service, f"GET /allocation_candidates?resources=VCPU:1&limit={huge}")
    assert limited.status_int == 200
    assert len(limited.json["allocation_requests"]) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Accept": "\xe9"}, 200),
        ({"Accept": ",;"}, 200),
        ({"X_Roles": "\xe9"}, 403),
        ({"X_Auth_Token": "\xe9"}, 200),
        ({"Content_Type": "\xe9{0}%s"}, 200),
        ({"OpenStack_API_Version": "\xe9"}, 404),
        ({"OpenStack_API_Version": "placement 1.\xb2"}, 400),
        ({"OpenStack_API_Version": "placement " + "1" * 5000}, 400),
        ({"OpenStack_API_Version": "placement 1." + "9" * 5000}, 406),
        ({"OpenStack_API_Version": "placement 1.1, " * 500 + "placement 1.6"}, 200),
        ({"X_Openstack_Request_Id": "req-" + "\xe9" * 36}, 200),
        ({"X_Openstack_Request_Id": "a" * 8000}, 200),
        ({"Host": "[::1"}, 200),
        ({"Host": "a" * 5000}, 200),
    ],
)
def test_malformed_headers_have_a_defined_status(
    service: server.Application, headers: dict[str, str], status: int
) -> None:
    if "Accept" in headers:
        # The media type of the response is not checked here.
        assert send(service, "GET /traits", **headers).status_int == status
        return
    answer = send(service, "GET /traits", **headers)

    assert answer.status_int == status
    assert headers.get("X_Openstack_Request_Id") not in list(answer.headers.values())


@pytest.mark.parametrize("length", ["pony", "-1", "+1", "1.0", "0x1", "1 1", "\xb2"])
def test_a_content_length_that_is_not_a_number_is_refused(
    service: server.Application, length: str
) -> None:
    for request in ("GET /traits", "GET /nowhere", "PATCH /traits"):
        answer = send(service, request, Content_Length=length)

        assert answer.status_int == 400
        assert "content-length header must be an integer" in detail(answer)


@pytest.mark.parametrize(
    "path",
    [
        "/resource_providers/",
        f"{PROVIDER}/",
        f"{INVENTORIES}/",
        f"{INVENTORIES}/VCPU/",
        f"{PROVIDER}/traits/",
        f"{PROVIDER}/aggregates/",
        f"{PROVIDER}/usages/",
        f"{PROVIDER}/allocations/",
        "/traits/",
        "/traits/CUSTOM_A/",
        "/resource_classes/",
        "/resource_classes/VCPU/",
        f"/allocations/{CONSUMER}/",
        "/allocations/",
        "/usages/",
        "/allocation_candidates/",
        "/reshaper/",
        "//",
        "//traits",
        "/traits//",
        "/./traits",
        "/traits/../traits",
        "/resource_providers//inventories",
    ],
)
def test_a_path_with_extra_slashes_is_not_found(
    service: server.Application, path: str
) -> None:
    for method in ("GET", "PUT", "POST", "DELETE"):
        body = BODY if method in ("PUT", "POST") else None

        assert send(service, f"{method} {path}", body).status_int == 404
