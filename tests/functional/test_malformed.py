"""Malformed requests are refused with an explanation, and never cause a failure."""

import collections.abc
import json
import sys
import types
import typing
import urllib.parse

import pytest
import webob

from tests.functional import invariants
from tests.servers import server

UUID = "a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01"
PROVIDER = f"/resource_providers/{UUID}"
INVENTORIES = f"{PROVIDER}/inventories"
CONSUMER = "c1f7a2be-2f3d-4a5c-8b6e-1e5a7c2b8d01"
BODY = {"name": "host"}
MALFORMED = "Malformed JSON:"
INVALID = "JSON does not validate:"


@pytest.fixture(scope="module")
def shared_service(
    module_database_url: str,
) -> collections.abc.Iterator[server.Application]:
    """The service with one provider, for all tests: refused requests change nothing."""
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


LONE_SURROGATES = {
    "name": b'{"name": "\\ud800"}',
    "in the middle": b'{"name": "a\\uDFFFb"}',
    "wrong order": b'{"name": "\\udc00\\ud800"}',
    "key": b'{"name": "a", "\\ud800": 1}',
    "all": b'"\\ud800"',
}


@pytest.mark.parametrize("body", LONE_SURROGATES.values(), ids=LONE_SURROGATES)
def test_a_lone_surrogate_is_refused_by_the_schema(
    service: server.Application, body: bytes
) -> None:
    for accept in ("application/json", "application/json, text/html;q=0.5"):
        made = send(service, "POST /resource_providers", body, Accept=accept)

        assert made.status_int == 400
        assert INVALID in detail(made)
    assert send(service, f"PUT {PROVIDER}", body).status_int == 400


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
def test_a_body_that_is_not_json_is_refused(
    service: server.Application, body: bytes
) -> None:
    made = send(service, "POST /resource_providers", body)

    assert made.status_int == 400
    assert MALFORMED in detail(made)


@pytest.mark.parametrize(
    ("opening", "closing"), [("[", "]"), ('{"name": ', "}"), ('{"\\ud800": ', "}")]
)
def test_a_deeply_nested_body_is_refused(
    service: server.Application, opening: str, closing: str
) -> None:
    for depth in (10, 100, 500, 1000, 1024, 1025, 10000, 200000):
        body = (opening * depth + "1" + closing * depth).encode()
        for request in ("POST /resource_providers", "POST /reshaper"):
            answer = send(service, request, body)
            assert answer.status_int == 400, depth
            assert any(text in detail(answer) for text in (MALFORMED, INVALID)), depth


# Numbers as JSON text.
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


# The schema or the stored data refuses each body with every huge number.
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
    service: server.Application, number: str
) -> None:
    statuses = {
        name: send(service, request, body.replace("HUGE", number).encode()).status_int
        for name, (request, body) in HUGE_BODIES.items()
    }

    assert set(statuses.values()) <= {400, 409}, statuses


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


LIMIT = 4096


@pytest.fixture
def limited(database_url: str) -> collections.abc.Iterator[server.Application]:
    options = {"api": {"max_request_body_bytes": LIMIT}}
    with server.in_process(database_url, options) as application:
        yield application


class Endless:
    """An endless body that counts the bytes that were read."""

    read_bytes = 0

    def read(self, size: int) -> bytes:
        self.read_bytes += size
        return b" " * size


def sized(length: int) -> bytes:
    body = json.dumps({"name": "host"}).encode()
    return body + b" " * (length - len(body))


def test_a_body_as_large_as_the_limit_is_read(limited: server.Application) -> None:
    assert send(limited, "POST /resource_providers", sized(LIMIT)).status_int == 200


@pytest.mark.parametrize(
    "request_line",
    ["POST /resource_providers", "GET /traits", "PUT /nowhere", "PATCH /traits"],
)
def test_a_larger_body_is_refused_before_it_is_read(
    limited: server.Application, request_line: str
) -> None:
    for length in (str(LIMIT + 1), "9" * 30, "1" + "0" * 5000):
        answer = send(
            limited,
            request_line,
            Content_Length=length,
            Content_Type="application/json",
        )

        assert answer.status_int == 413
        assert answer.json["errors"][0]["title"] == "Request Entity Too Large"
        assert answer.json["errors"][0]["code"] == "placement.undefined_code"
        assert f"larger than the limit of {LIMIT} bytes" in detail(answer)
        assert answer.headers["OpenStack-API-Version"] == "placement 1.39"


def test_a_body_without_a_length_is_read_up_to_the_limit(
    limited: server.Application,
) -> None:
    body = Endless()
    asked = webob.Request.blank("/resource_providers", method="POST")
    asked.headers.update({"X-Auth-Token": "admin", "Content-Type": "application/json"})
    asked.environ["wsgi.input"] = body
    asked.environ["wsgi.input_terminated"] = True
    asked.environ.pop("CONTENT_LENGTH", None)

    answer = asked.get_response(limited)

    assert answer.status_int == 413
    assert body.read_bytes == LIMIT + 1


def test_a_request_without_a_token_gets_401_instead_of_the_limit(
    limited: server.Application,
) -> None:
    asked = webob.Request.blank("/resource_providers", method="POST")
    asked.content_length = LIMIT + 1

    assert asked.get_response(limited).status_int == 401


def send_chunked(application: server.Application) -> webob.Response:
    """Send a chunked body as a server does that does not decode it."""
    asked = webob.Request.blank("/resource_providers", method="POST")
    asked.headers.update(
        {
            "X-Auth-Token": "admin",
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Transfer-Encoding": "chunked",
            "OpenStack-API-Version": "placement latest",
        }
    )
    asked.environ.pop("CONTENT_LENGTH", None)
    return asked.get_response(application)


class Uwsgi(types.ModuleType):
    """The module ``uwsgi`` with its function for chunked bodies."""

    def __init__(self, *chunks: bytes) -> None:
        super().__init__("uwsgi")
        self.chunks = iter(chunks)

    def chunked_read(self) -> bytes:
        try:
            return next(self.chunks)
        except StopIteration:
            raise OSError("unable to receive chunked part") from None


@pytest.mark.parametrize(
    ("chunks", "status", "text"),
    [
        ((b'{"name": ', b'"host"}', b""), 200, ""),
        ((b" " * LIMIT, b" "), 413, f"larger than the limit of {LIMIT} bytes"),
        ((b"{",), 400, "http-chunked-input"),
    ],
    ids=["whole", "large", "unreadable"],
)
def test_a_chunked_body_is_read_with_the_function_of_uwsgi(
    limited: server.Application,
    monkeypatch: pytest.MonkeyPatch,
    chunks: tuple[bytes, ...],
    status: int,
    text: str,
) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", Uwsgi(*chunks))

    answer = send_chunked(limited)

    assert answer.status_int == status
    assert status == 200 or text in detail(answer)


def test_a_chunked_body_that_the_server_does_not_decode_is_refused(
    limited: server.Application,
) -> None:
    answer = send_chunked(limited)

    assert answer.status_int == 400
    assert "Send it with Content-Length" in detail(answer)
