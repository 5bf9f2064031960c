"""Links, Location headers and request logs below a prefix and behind a proxy."""

import collections.abc
import json
import logging
import typing

import pytest
import webob

from tests.servers import server

pytestmark = pytest.mark.any_database

PREFIX = "/cloud/placement"
UUID = "a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01"
PROVIDER = f"/resource_providers/{UUID}"
PROXY = {"oslo_middleware": {"enable_proxy_headers_parsing": "true"}}

# Requests that create something, their bodies, and the paths of what they create.
CREATING = [
    ("POST /resource_providers", {"name": "a", "uuid": UUID}, PROVIDER),
    ("PUT /traits/CUSTOM_A", None, "/traits/CUSTOM_A"),
    ("PUT /resource_classes/CUSTOM_A", None, "/resource_classes/CUSTOM_A"),
    (
        "POST /resource_classes",
        {"name": "CUSTOM_B"},
        "/resource_classes/CUSTOM_B",
    ),
    (
        f"POST {PROVIDER}/inventories",
        {"resource_class": "VCPU", "total": 8},
        f"{PROVIDER}/inventories/VCPU",
    ),
]


def ask(
    application: server.Application,
    request: str,
    body: object = None,
    environ: dict[str, str] | None = None,
    **headers: str,
) -> webob.Response:
    method, path = request.split()
    given = {
        "X-Auth-Token": "admin",
        "Accept": "application/json",
        "Content-Type": "application/json",
        "OpenStack-API-Version": "placement 1.19",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    asked = webob.Request.blank(path, environ, method=method, headers=given)
    if body is not None:
        asked.body = json.dumps(body).encode()
    return asked.get_response(application)


def hrefs(document: typing.Any) -> list[str]:
    """Return all links, from anywhere in the document."""
    if isinstance(document, list):
        return [href for each in document for href in hrefs(each)]
    if not isinstance(document, dict):
        return []
    own = [document["href"]] if "href" in document else []
    return own + hrefs(list(document.values()))


@pytest.mark.parametrize("prefix", ["", "/placement", PREFIX])
def test_all_links_and_locations_start_with_the_prefix(
    application: server.Application, prefix: str
) -> None:
    environ = {"SCRIPT_NAME": prefix, "HTTP_HOST": "api.example.com:8778"}

    for request, body, place in CREATING:
        made = ask(application, request, body, environ)
        assert made.status_int == 201
        assert made.headers["Location"] == f"http://api.example.com:8778{prefix}{place}"

    for path, count in (
        ("/resource_providers", 6),
        (PROVIDER, 6),
        ("/resource_classes", 20),
        ("/resource_classes/CUSTOM_A", 1),
    ):
        found = hrefs(ask(application, f"GET {path}", environ=environ).json)
        assert len(found) >= count
        for href in found:
            assert href.startswith(f"{prefix}/")
            assert href.removeprefix(prefix).startswith(("/resource_",))
    # The link of the version document is always empty.
    assert hrefs(ask(application, "GET /", environ=environ).json) == [""]


def test_the_links_of_a_new_provider_start_with_the_prefix(
    application: server.Application,
) -> None:
    made = ask(
        application,
        "POST /resource_providers",
        {"name": "a", "uuid": UUID},
        {"SCRIPT_NAME": PREFIX},
        OpenStack_API_Version="placement 1.20",
    )

    assert made.status_int == 200
    assert made.headers["Location"] == f"http://localhost{PREFIX}{PROVIDER}"
    assert made.json["links"][0]["href"] == f"{PREFIX}{PROVIDER}"


@pytest.mark.parametrize(
    "path",
    [
        *("/livez", "/readyz", "/healthz", "/healthcheck", "/metrics"),
        *("/metrics/providers", "/-/v1/providers", "/-/v1/explain?resources=VCPU:1"),
    ],
)
def test_extensions_honour_the_prefix(
    application: server.Application, path: str
) -> None:
    found = ask(application, f"GET {path}", environ={"SCRIPT_NAME": PREFIX})

    assert found.status_int == 200
    assert ask(application, f"GET {PREFIX}{path}").status_int == 404


def test_candidates_have_no_links(
    application: server.Application,
) -> None:
    for request, body, _ in CREATING:
        ask(application, request, body)

    here = ask(application, "GET /allocation_candidates?resources=VCPU:1")
    below = ask(
        application,
        "GET /allocation_candidates?resources=VCPU:1",
        environ={"SCRIPT_NAME": PREFIX},
    )

    assert below.json == here.json
    assert PREFIX not in below.text
    assert UUID in below.text


FORWARDED = [
    {
        "X_Forwarded_Proto": "https, http",
        "X_Forwarded_Host": "api.example.com:8443, inner:80",
        "X_Forwarded_For": "2001:db8::1, 10.0.0.2",
        "X_Forwarded_Prefix": "/cloud",
    },
    {
        "Forwarded": 'for="2001:db8::1";host="api.example.com:8443";proto=https'
        ", for=10.0.0.2;host=inner",
        "X_Forwarded_Prefix": "/cloud/",
        "X_Forwarded_Host": "not.this.one",
    },
]


@pytest.mark.parametrize("headers", FORWARDED)
def test_proxy_headers_are_used_if_configured(
    database_url: str, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "placement.requestlog")
    environ = {"SCRIPT_NAME": "/placement", "REMOTE_ADDR": "10.0.0.1"}

    with server.in_process(database_url, PROXY) as application:
        made = ask(application, "PUT /traits/CUSTOM_A", None, environ, **headers)

    place = f"https://api.example.com:8443{PREFIX}/traits/CUSTOM_A"
    assert made.headers["Location"] == place
    assert lines(caplog) == [
        f'2001:db8::1 "PUT {PREFIX}/traits/CUSTOM_A" status: 201 len: 0 '
        "microversion: 1.19"
    ]


@pytest.mark.parametrize("headers", FORWARDED)
def test_proxy_headers_are_ignored_by_default(
    application: server.Application,
    headers: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "placement.requestlog")
    environ = {"SCRIPT_NAME": "/placement", "REMOTE_ADDR": "10.0.0.1"}

    made = ask(application, "PUT /traits/CUSTOM_A", None, environ, **headers)

    assert made.headers["Location"] == "http://localhost/placement/traits/CUSTOM_A"
    assert lines(caplog)[0].startswith('10.0.0.1 "PUT /placement/traits/CUSTOM_A"')


# Values for every proxy header. Servers refuse values with line breaks; the others must
# not appear in a response.
MALFORMED = [
    "a b",
    "a:b",
    "h:65536",
    "h:99999999999999999999",
    "[::1",
    "[::1]:x",
    "[]",
    ",",
    ";",
    '"',
    'host="',
    "host=[::1",
    "host=;proto=;for=",
    "proto=javascript;host=a/b;for=<b>",
    "javascript:",
    "//evil.example.com",
    "/a?b#c",
    "/%0d%0aset-cookie:a",
    "\xe9\xff",
    "a" * 8000,
    "a=b;" * 2000,
]


@pytest.fixture(scope="module")
def behind_proxy(
    module_database_url: str,
) -> collections.abc.Iterator[server.Application]:
    with server.in_process(module_database_url, PROXY) as application:
        yield application


@pytest.mark.parametrize("value", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_proxy_headers_are_ignored(
    behind_proxy: server.Application, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "placement.requestlog")
    names = ("Proto", "Host", "For", "Prefix")
    headers = {f"X_Forwarded_{name}": value for name in names}

    for more in ({}, {"Forwarded": value}):
        answer = ask(behind_proxy, "PUT /traits/CUSTOM_A", **headers, **more)

        assert answer.status_int in (201, 204)
        assert answer.headers["Location"] == "http://localhost/traits/CUSTOM_A"
        assert "set-cookie" not in answer.headers
    # Some values are valid as the address of a client in the log.
    assert all(len(line) < 400 and line.isprintable() for line in lines(caplog))


@pytest.mark.parametrize(
    ("request_line", "status", "microversion"),
    [
        ("GET /", 200, "1.19"),
        ("GET /traits?name=in:A,B&x=%0A", 400, "1.19"),
        ("GET /nowhere%0A%22", 404, "1.19"),
        ("HEAD /traits", 405, "1.19"),
        ("DELETE /traits", 405, "1.19"),
    ],
)
def test_every_request_is_logged(
    application: server.Application,
    caplog: pytest.LogCaptureFixture,
    request_line: str,
    status: int,
    microversion: str,
) -> None:
    caplog.set_level(logging.INFO, "placement.requestlog")

    answer = ask(application, request_line, environ={"REMOTE_ADDR": "10.0.0.1"})

    assert lines(caplog) == [
        f'10.0.0.1 "{request_line}" status: {status} '
        f"len: {answer.headers['Content-Length']} microversion: {microversion}"
    ]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"OpenStack_API_Version": "placement 1.99"}, 406),
        ({"OpenStack_API_Version": "placement pony"}, 400),
    ],
)
def test_a_request_with_an_invalid_version_is_logged(
    application: server.Application,
    caplog: pytest.LogCaptureFixture,
    headers: dict[str, str],
    status: int,
) -> None:
    caplog.set_level(logging.INFO, "placement.requestlog")

    ask(application, "GET /traits", **headers)

    (line,) = lines(caplog)
    assert f"status: {status} " in line
    assert line.endswith("microversion: -")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    records = [one for one in caplog.records if one.name == "placement.requestlog"]
    return [record.getMessage() for record in records]
