"""Raw requests to the service under gunicorn."""

import collections.abc
import contextlib
import json
import socket
import typing
import urllib.parse
import uuid

import pytest

from tests.servers import server

SECONDS = 30
ATTEMPTS = 20
HEADERS = (
    "Host: placement.example.com\r\n"
    "X-Auth-Token: admin\r\n"
    "Accept: application/json\r\n"
    "OpenStack-API-Version: placement latest\r\n"
    "Connection: close\r\n"
)
JSON = "Content-Type: application/json\r\n"


class Answer(typing.NamedTuple):
    """A response; names of headers are in lower case."""

    status: int
    headers: dict[str, list[str]]
    body: bytes


@pytest.fixture(scope="module")
def service(module_database_url: str) -> collections.abc.Iterator[server.Server]:
    with server.processes(module_database_url, workers=1) as running:
        yield running


def exchange(service: server.Server, request: str | bytes) -> Answer:
    """Send bytes; return the only response."""
    data = request.encode("latin-1") if isinstance(request, str) else request
    for _ in range(ATTEMPTS):
        # A server that refuses a request before it has read all of it may close the
        # connection, and the response is lost.
        with contextlib.suppress(ConnectionError):
            return parsed(exchanged(service, data))
    raise RuntimeError("the server closed without an answer")


def exchanged(service: server.Server, data: bytes) -> bytes:
    place = urllib.parse.urlsplit(service.url)
    with socket.create_connection((place.hostname, place.port), SECONDS) as connection:
        connection.sendall(data)
        # A server that waits for more data sees the end.
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def parsed(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers.setdefault(name.lower(), []).append(value)
    return Answer(int(first.split()[1]), headers, body)


def assert_ours(answer: Answer) -> None:
    """Assert that the response is of the service and not of gunicorn."""
    (request_id,) = answer.headers["x-openstack-request-id"]
    assert request_id.startswith("req-")


def chunked(*chunks: str, ending: str = "0\r\n\r\n") -> str:
    return "".join(f"{len(each):x}\r\n{each}\r\n" for each in chunks) + ending


def test_a_chunked_body_is_read(service: server.Server) -> None:
    head = f"POST /resource_providers HTTP/1.1\r\n{HEADERS}{JSON}"

    made = exchange(
        service,
        f"{head}Transfer-Encoding: chunked\r\n\r\n"
        + chunked('{"name": ', '"in chunks"', "}"),
    )

    assert made.status == 200
    assert json.loads(made.body)["name"] == "in chunks"
    assert_ours(made)


@pytest.mark.parametrize(
    ("chunks", "status"),
    [
        (chunked(), 400),
        (chunked("{"), 400),
        (chunked('{"name": "a"}', ending=""), 400),
        ("pony\r\n{}\r\n0\r\n\r\n", 400),
        ("-2\r\n{}\r\n0\r\n\r\n", 400),
        ("ffffffffffffffffff\r\n{}", 400),
    ],
    ids=["none", "half", "endless", "no size", "negative", "huge"],
)
def test_malformed_chunks_are_refused(
    service: server.Server, chunks: str, status: int
) -> None:
    head = f"POST /resource_providers HTTP/1.1\r\n{HEADERS}{JSON}"

    answer = exchange(service, f"{head}Transfer-Encoding: chunked\r\n\r\n{chunks}")

    assert answer.status == status


@pytest.mark.parametrize(
    "length",
    [
        "pony",
        "-1",
        "+2",
        "2, 2",
        "2, 3",
        "0x2",
        "2.0",
        "2\r\nContent-Length: 3",
    ],
)
def test_an_invalid_content_length_is_refused(
    service: server.Server, length: str
) -> None:
    head = f"POST /resource_providers HTTP/1.1\r\n{HEADERS}{JSON}"

    answer = exchange(service, f"{head}Content-Length: {length}\r\n\r\n{{}}")

    assert answer.status == 400


@pytest.mark.parametrize("length", ["16777217", "1" * 30])
def test_a_body_that_is_too_large_is_refused_before_it_is_sent(
    service: server.Server, length: str
) -> None:
    head = f"POST /resource_providers HTTP/1.1\r\n{HEADERS}{JSON}"

    answer = exchange(service, f"{head}Content-Length: {length}\r\n\r\n")

    assert answer.status == 413
    assert json.loads(answer.body)["errors"][0]["title"] == "Request Entity Too Large"
    assert_ours(answer)


def test_chunks_are_read_only_up_to_the_limit(module_database_url: str) -> None:
    head = f"POST /resource_providers HTTP/1.1\r\n{HEADERS}{JSON}"
    body = chunked(*[" " * 1000] * 10, ending="")
    options = {"api": {"max_request_body_bytes": 4096}}
    with server.processes(module_database_url, workers=1, options=options) as bounded:
        answer = exchange(bounded, f"{head}Transfer-Encoding: chunked\r\n\r\n{body}")

    assert answer.status == 413
    assert_ours(answer)


@pytest.mark.parametrize("length", [1, 100, 100000])
def test_a_body_shorter_than_its_content_length_is_refused(
    service: server.Server, length: int
) -> None:
    head = f"POST /resource_providers HTTP/1.1\r\n{HEADERS}{JSON}"

    answer = exchange(service, f"{head}Content-Length: {length}\r\n\r\n")

    assert answer.status == 400


def test_a_large_body_is_read_completely(service: server.Server) -> None:
    names = json.dumps({"name": "a" * 2**21})
    head = f"POST /resource_providers HTTP/1.1\r\n{HEADERS}{JSON}"

    answer = exchange(service, f"{head}Content-Length: {len(names)}\r\n\r\n{names}")

    assert answer.status == 400
    assert b"JSON does not validate" in answer.body
    assert_ours(answer)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 405), ("/traits", 405), ("/nowhere", 404), ("/traits/CUSTOM_A", 405)],
)
def test_a_response_to_head_has_no_body(
    service: server.Server, path: str, status: int
) -> None:
    answer = exchange(service, f"HEAD {path} HTTP/1.1\r\n{HEADERS}\r\n")

    assert (answer.status, answer.body) == (status, b"")
    assert int(answer.headers["content-length"][0]) > 0
    assert_ours(answer)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/traits/%00", 404),
        ("/traits/%FF%FE", 404),
        ("/traits/%", 404),
        ("/traits/%4", 404),
        ("/traits/%zz", 404),
        ("/traits/a%2Fb", 404),
        ("/traits?name=in:%00", 400),
        ("/traits?%", 400),
        ("/traits?name=in:CUSTOM_A#name=b", 200),
        ("/traits;a=b", 404),
        ("//traits", 404),
        ("/traits/" + "A" * 3000, 404),
        ("http://placement.example.com/traits?name=in:CUSTOM_A", 200),
    ],
)
def test_unusual_targets(service: server.Server, target: str, status: int) -> None:
    answer = exchange(service, f"GET {target} HTTP/1.1\r\n{HEADERS}\r\n")

    assert answer.status == status
    assert_ours(answer)


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /traits/a\x00b HTTP/1.1",
        b"GET /traits/a\nb HTTP/1.1",
        b"GET /traits/" + b"a" * 6000 + b" HTTP/1.1",
        b"GET traits HTTP/1.1",
        b"GET /traits HTTP/9.9",
        b"G\x00T /traits HTTP/1.1",
        b"GET",
        b"",
    ],
    ids=["nul", "line break", "long", "relative", "version", "method", "word", "empty"],
)
def test_malformed_request_lines_are_refused(
    service: server.Server, request_line: bytes
) -> None:
    headers = HEADERS.encode()

    answer = exchange(service, request_line + b"\r\n" + headers + b"\r\n")

    assert 400 <= answer.status < 500 or answer.status == 505


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        # The last version counts, at any position.
        ("OpenStack-API-Version: placement 1.0\r\n", 404),
        ("OpenStack-API-Version: compute 2.1\r\n", 200),
        ("Accept: application/json\r\n", 200),
        ("Accept: text/html\r\n", 200),
        ("X-Openstack-Request-Id: a\r\nX-Openstack-Request-Id: b\r\n", 200),
        ("X-Long: " + "a" * 8000 + "\r\n", 200),
        # gunicorn refuses the others.
        ("X-Long: " + "a" * 100000 + "\r\n", 431),
        ("".join(f"X-{number}: a\r\n" for number in range(200)), 431),
        ("X-Nul: a\x00b\r\n", 400),
        ("X-\xe9: a\r\n", 400),
        (": a\r\n", 400),
        ("no colon\r\n", 400),
        ("Transfer-Encoding: pony\r\n", 501),
        ("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", 400),
    ],
    ids=lambda given: str(given)[:24].strip(),
)
def test_unusual_headers(service: server.Server, headers: str, status: int) -> None:
    answer = exchange(service, f"GET /traits HTTP/1.1\r\n{HEADERS}{headers}\r\n")

    assert answer.status == status
    if status < 400:
        assert_ours(answer)


def test_a_request_cannot_inject_response_headers(
    service: server.Server,
) -> None:
    split = "a%0d%0aset-cookie:%20b"
    for request in (
        f"GET /traits/{split}",
        f"PUT /traits/{split}",
        f"GET /resource_providers/{split}",
        f"GET /{split}",
        f"GET /traits?name={split}",
    ):
        answer = exchange(service, f"{request} HTTP/1.1\r\n{HEADERS}\r\n")

        assert "set-cookie" not in answer.headers
        assert_ours(answer)


def names(length: int) -> str:
    """Return a request line of ``length`` bytes, without the line break."""
    line = "GET /traits?name=in:CUSTOM_A HTTP/1.1"
    return line.replace("CUSTOM_A", "A" * (length - len(line) + len("CUSTOM_A")))


@pytest.mark.parametrize("length", [4095, 8191, 65536])
def test_a_request_line_may_have_64_kib(service: server.Server, length: int) -> None:
    answer = exchange(service, f"{names(length)}\r\n{HEADERS}\r\n")

    assert (answer.status, json.loads(answer.body)) == (200, {"traits": []})
    assert_ours(answer)


def test_many_aggregates_fit_into_a_search(service: server.Server) -> None:
    aggregates = ",".join(str(uuid.UUID(int=number)) for number in range(1000))
    path = f"/allocation_candidates?resources=VCPU:1&member_of=in:{aggregates}"

    answer = exchange(service, f"GET {path} HTTP/1.1\r\n{HEADERS}\r\n")

    assert answer.status == 200


@pytest.mark.parametrize(
    ("request_line", "headers", "status", "title"),
    [
        (names(65537), "", 414, "Request-URI Too Long"),
        (
            "GET /traits HTTP/1.1",
            f"X-Long: {'a' * 100000}\r\n",
            431,
            "Request Header Fields Too Large",
        ),
    ],
    ids=["line", "header"],
)
def test_a_request_that_is_too_long_is_refused_in_json(
    service: server.Server, request_line: str, headers: str, status: int, title: str
) -> None:
    answer = exchange(service, f"{request_line}\r\n{HEADERS}{headers}\r\n")

    assert answer.status == status
    assert answer.headers["content-type"] == ["application/json"]
    assert_ours(answer)
    (error,) = json.loads(answer.body)["errors"]
    assert (error["status"], error["title"]) == (status, title)
    assert error["request_id"] == answer.headers["x-openstack-request-id"][0]
