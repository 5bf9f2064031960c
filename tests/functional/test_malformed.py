"""What nobody should send gets a refusal that says so, and never a failure."""

import collections.abc
import json
import typing
import urllib.parse

import pytest
import webob

from tests.functional import invariants, server

UUID = "a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01"
PROVIDER = f"/resource_providers/{UUID}"
INVENTORIES = f"{PROVIDER}/inventories"
CONSUMER = "c1f7a2be-2f3d-4a5c-8b6e-1e5a7c2b8d01"
BODY = {"name": "host"}
MALFORMED = "Malformed JSON:"
INVALID = "JSON does not validate:"


@pytest.fixture
def prepared(
    application: server.Application, database_url: str
) -> collections.abc.Iterator[server.Application]:
    """The service with one provider, which afterwards is as it was."""
    send(application, "POST /resource_providers", {"name": "host", "uuid": UUID})
    offer = {
        "resource_provider_generation": 0,
        "inventories": {"VCPU": {"total": 8}},
    }
    send(application, f"PUT {INVENTORIES}", offer)
    yield application
    kept = send(application, f"GET {INVENTORIES}").json
    assert kept["resource_provider_generation"] == 1
    assert list(kept["inventories"]) == ["VCPU"]
    assert kept["inventories"]["VCPU"]["total"] == 8
    assert not invariants.violations(database_url)


def send(
    application: server.Application,
    request: str,
    body: object = None,
    **headers: str,
) -> webob.Response:
    """Send ``body`` as JSON, or as it is when it is bytes.

    Every answer has an id, and every refusal the document of a refusal.
    """
    method, url = request.split(" ", 1)
    path, _, query = url.partition("?")
    asked = webob.Request.blank("/", method=method)
    # As servers do it: bytes that stand for themselves.
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


# Whatever is asked of them, there are no such things.
STRANGE = [
    "%00",
    "%FF",
    "%C3%28",
    "%ED%A0%80",
    "a%00b",
    "%E2%98%83",
    "%0D%0A",
    "a" * 70000,
]
THINGS = [
    ("/resource_providers/{}", {"GET": 404, "PUT": 404, "DELETE": 404, "POST": 405}),
    ("/resource_providers/{}/usages", {"GET": 404, "PUT": 405}),
    ("/resource_providers/{}/inventories", {"GET": 404, "PUT": 404, "DELETE": 404}),
    (INVENTORIES + "/{}", {"GET": 404, "DELETE": 404}),
    ("/traits/{}", {"GET": 404, "PUT": 400, "DELETE": 404}),
    ("/resource_classes/{}", {"GET": 404, "PUT": 400, "DELETE": 404}),
    # A consumer is made by its allocations: until then it has none.
    ("/allocations/{}", {"GET": 200, "PUT": 400, "DELETE": 404}),
    ("/{}", {"GET": 404, "POST": 404}),
    ("/traits/{}/more", {"GET": 404}),
]


@pytest.mark.parametrize("name", STRANGE, ids=lambda name: name[:12])
def test_a_strange_name_in_a_path_is_nobodys(
    prepared: server.Application, name: str
) -> None:
    for path, expected in THINGS:
        found = {
            method: send(
                prepared,
                f"{method} {path.format(name)}",
                BODY if method in ("PUT", "POST") else None,
            ).status_int
            for method in expected
        }
        assert (path, found) == (path, expected)


@pytest.mark.parametrize("value", ["%00", "a%00", "%FF", "%ED%A0%80", "%C3%28"])
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
def test_what_is_not_text_in_a_query_is_refused(
    prepared: server.Application, url: str, value: str
) -> None:
    assert send(prepared, f"GET {url.format(value)}").status_int == 400


HALVES = {
    "name": b'{"name": "\\ud800"}',
    "in the middle": b'{"name": "a\\uDFFFb"}',
    "wrong way round": b'{"name": "\\udc00\\ud800"}',
    "key": b'{"name": "a", "\\ud800": 1}',
    "all": b'"\\ud800"',
}


@pytest.mark.parametrize("body", HALVES.values(), ids=HALVES)
def test_half_a_character_is_refused_by_the_schema(
    prepared: server.Application, body: bytes
) -> None:
    for accept in ("application/json", "application/json, text/html;q=0.5"):
        made = send(prepared, "POST /resource_providers", body, Accept=accept)

        assert made.status_int == 400
        assert INVALID in detail(made)
    assert send(prepared, f"PUT {PROVIDER}", body).status_int == 400


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": "a\x00"}',
        b'{"name": "a',
        b'{"name": NaN}',
        b'{"name": "\\ud800", "more": Infinity}',
        b"\xef\xbb\xbf{}",
        b"{}" * 2,
        "{}".encode("utf-16"),
        b" ",
    ],
)
def test_what_is_not_json_is_malformed(
    prepared: server.Application, body: bytes
) -> None:
    made = send(prepared, "POST /resource_providers", body)

    assert made.status_int == 400
    assert MALFORMED in detail(made)


@pytest.mark.parametrize("depth", [10, 100, 500, 1000, 1024, 1025, 10000, 200000])
@pytest.mark.parametrize(
    ("opening", "closing"), [("[", "]"), ('{"name": ', "}"), ('{"\\ud800": ', "}")]
)
def test_what_is_nested_deeply_is_refused(
    prepared: server.Application, depth: int, opening: str, closing: str
) -> None:
    body = (opening * depth + "1" + closing * depth).encode()

    for request in ("POST /resource_providers", "POST /reshaper"):
        answer = send(prepared, request, body)
        assert answer.status_int == 400
        assert any(text in detail(answer) for text in (MALFORMED, INVALID))


# As they are written in JSON.
HUGE = {
    "32 bit": str(2**31),
    "signed 64 bit": str(2**63),
    "unsigned 64 bit": str(2**64),
    "below 64 bit": str(-(2**63) - 1),
    "a hundred digits": "9" * 100,
    "a thousand digits": "9" * 1000,
    "a float": "1e300",
    "more than a float": "1e999",
}
ONE = '{"resources": {"VCPU": 1}}'
TOO_MUCH = '{"resources": {"VCPU": HUGE}}'
OWNED = '"project_id": "p", "user_id": "u", "consumer_type": "X"'


def _consumer(allocation: str, generation: str) -> str:
    return (
        f'{{"allocations": {{"{UUID}": {allocation}}}, {OWNED}, '
        f'"consumer_generation": {generation}}}'
    )


# Each is refused with every such number: by the schema, or by what is stored.
HUGE_BODIES = {
    "generation": (
        f"PUT {INVENTORIES}",
        '{"resource_provider_generation": HUGE, "inventories": {}}',
    ),
    "generation of one": (
        f"PUT {INVENTORIES}/VCPU",
        '{"resource_provider_generation": HUGE, "total": 8}',
    ),
    "generation for traits": (
        f"PUT {PROVIDER}/traits",
        '{"resource_provider_generation": HUGE, "traits": []}',
    ),
    "generation for aggregates": (
        f"PUT {PROVIDER}/aggregates",
        '{"resource_provider_generation": HUGE, "aggregates": []}',
    ),
    "total": (f"POST {INVENTORIES}", '{"resource_class": "DISK_GB", "total": HUGE}'),
    "unit": (
        f"PUT {INVENTORIES}/VCPU",
        '{"resource_provider_generation": 1, "total": 8, "max_unit": HUGE}',
    ),
    "amount": (f"PUT /allocations/{CONSUMER}", _consumer(TOO_MUCH, "null")),
    "generation of a consumer": (
        f"PUT /allocations/{CONSUMER}",
        _consumer(ONE, "HUGE"),
    ),
    "amount of one of several": (
        "POST /allocations",
        f'{{"{CONSUMER}": {_consumer(TOO_MUCH, "null")}}}',
    ),
    "generation of one of several": (
        "POST /allocations",
        f'{{"{CONSUMER}": {_consumer(ONE, "HUGE")}}}',
    ),
    "reshape": (
        "POST /reshaper",
        f'{{"inventories": {{"{UUID}": {{"resource_provider_generation": HUGE, '
        '"inventories": {"VCPU": {"total": 8}}}}, "allocations": {}}',
    ),
    "amount in a reshape": (
        "POST /reshaper",
        f'{{"inventories": {{"{UUID}": {{"resource_provider_generation": 1, '
        '"inventories": {"VCPU": {"total": 8}}}}, '
        f'"allocations": {{"{CONSUMER}": {_consumer(TOO_MUCH, "null")}}}}}',
    ),
}


@pytest.mark.parametrize("number", HUGE.values(), ids=HUGE)
def test_a_huge_number_in_a_body_is_refused(
    prepared: server.Application, number: str
) -> None:
    statuses = {
        name: send(prepared, request, body.replace("HUGE", number).encode()).status_int
        for name, (request, body) in HUGE_BODIES.items()
    }

    assert set(statuses.values()) <= {400, 409}, statuses


@pytest.mark.parametrize("digits", [10, 19, 20, 100, 5000])
def test_a_huge_number_in_a_query_finds_nothing_or_is_refused(
    prepared: server.Application, digits: int
) -> None:
    huge = "9" * digits

    for url in (
        f"/allocation_candidates?resources=VCPU:{huge}",
        f"/allocation_candidates?resources=VCPU:1&resources1=VCPU:{huge}"
        "&group_policy=none",
        f"/resource_providers?resources=VCPU:{huge}",
    ):
        answer = send(prepared, f"GET {url}")
        assert answer.status_int in (200, 400)
        assert UUID not in answer.text
    limited = send(
        prepared, f"GET /allocation_candidates?resources=VCPU:1&limit={huge}"
    )
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
def test_strange_headers_do_no_harm(
    prepared: server.Application, headers: dict[str, str], status: int
) -> None:
    if "Accept" in headers:
        # What the refusals look like does not matter here.
        assert send(prepared, "GET /traits", **headers).status_int == status
        return
    answer = send(prepared, "GET /traits", **headers)

    assert answer.status_int == status
    assert headers.get("X_Openstack_Request_Id") not in list(answer.headers.values())


@pytest.mark.parametrize("length", ["pony", "-1", "+1", "1.0", "0x1", "1 1", "\xb2"])
def test_a_length_that_is_no_number_is_refused(
    prepared: server.Application, length: str
) -> None:
    for request in ("GET /traits", "GET /nowhere", "PATCH /traits"):
        answer = send(prepared, request, Content_Length=length)

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
def test_no_path_has_another_spelling(prepared: server.Application, path: str) -> None:
    for method in ("GET", "PUT", "POST", "DELETE"):
        body = BODY if method in ("PUT", "POST") else None

        assert send(prepared, f"{method} {path}", body).status_int == 404
