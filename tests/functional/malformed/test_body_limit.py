"""``max_request_body_bytes`` limits bodies, also those without a length."""

import collections.abc
import json
import sys
import types

import pytest
import webob

from tests.functional.malformed.service import detail, send
from tests.servers import server

LIMIT = 4096


@pytest.fixture(scope="module")
def limited(module_database_url: str) -> collections.abc.Iterator[server.Application]:
    options = {"api": {"max_request_body_bytes": LIMIT}}
    with server.in_process(module_database_url, options) as application:
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
        ((b'{"name": ', b'"chunked"}', b""), 200, ""),
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
