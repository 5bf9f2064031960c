"""What the transports send, and how they handle failed connections."""

import socket
import ssl
import threading

import pytest

from placement.client import (
    Client,
    HTTPTransport,
    SessionTransport,
    TimedOut,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
    WSGITransport,
)
from placement.client.transport import Response
from tests.unit.client import certificate
from tests.unit.client.scripted import (
    HANG_UP,
    NO_CONTENT,
    OK,
    SILENCE,
    ScriptedServer,
)


def unused_url():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def send(transport, method="GET", path="/traits", body=None):
    return transport.send(method, path, {"x-mine": "1"}, body)


def test_a_response_has_status_body_and_lower_case_header_names():
    answer = b"HTTP/1.1 404 Not Found\r\nX-Up: A\r\nContent-Length: 3\r\n\r\nabc"
    with ScriptedServer([answer]) as server:
        found = send(HTTPTransport(server.url))

    assert (found.status, found.headers["x-up"], found.body) == (404, "A", b"abc")


def test_a_request_has_token_headers_body_and_the_path_of_the_endpoint():
    with ScriptedServer([OK]) as server:
        send(HTTPTransport(server.url + "/prefix/", "secret"), "PUT", "/x?a=b", b"{}")

    [(_, first_line, headers, body)] = server.requests
    assert first_line == "PUT /prefix/x?a=b HTTP/1.1"
    assert (headers["x-auth-token"], headers["x-mine"], body) == ("secret", "1", b"{}")


def test_a_thread_reuses_its_connection():
    with ScriptedServer([OK, NO_CONTENT, OK]) as server:
        transport = HTTPTransport(server.url)
        for _ in range(3):
            send(transport)

    assert [number for number, *_ in server.requests] == [0, 0, 0]


def test_threads_do_not_share_a_connection():
    with ScriptedServer([OK, OK], [OK]) as server:
        transport = HTTPTransport(server.url)
        send(transport)
        other = threading.Thread(target=send, args=(transport,))
        other.start()
        other.join()
        send(transport)

    assert [number for number, *_ in server.requests] == [0, 1, 0]


def test_close_closes_the_connections_of_all_threads():
    with ScriptedServer([OK, OK], [OK, OK], [OK]) as server:
        transport = HTTPTransport(server.url)
        send(transport)
        is_sent, may_end = threading.Event(), threading.Event()

        def in_another_thread():
            send(transport)
            is_sent.set()
            may_end.wait(5)

        other = threading.Thread(target=in_another_thread)
        other.start()
        assert is_sent.wait(5)

        transport.close()

        assert server.closed[0].wait(5)
        assert server.closed[1].wait(5)
        may_end.set()
        other.join()
        assert send(transport).status == 200


@pytest.fixture
def tls_server(tmp_path):
    """A server with a self-signed certificate; the context ``trusting`` trusts it."""
    path = tmp_path / "certificate.pem"
    path.write_text(certificate.PEM)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(path)
    with ScriptedServer([OK], tls=serving) as server:
        server.trusting = ssl.create_default_context(cafile=path)
        yield server


def test_an_untrusted_certificate_is_rejected(tls_server):
    with pytest.raises(Unreachable, match="certificate"):
        send(HTTPTransport(tls_server.url))


def test_the_ssl_context_decides_which_certificates_are_trusted(tls_server):
    transport = HTTPTransport(tls_server.url, ssl_context=tls_server.trusting)

    assert send(transport).status == 200


def test_a_connected_client_uses_its_ssl_context(tls_server):
    trusting = {"ssl_context": tls_server.trusting}

    with Client.connect(tls_server.url, "t", **trusting) as client:
        assert client.get_versions() == {}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_connection_closed_while_idle_is_reopened(method):
    with ScriptedServer([OK], [OK]) as server:
        transport = HTTPTransport(server.url)
        send(transport)
        assert server.closed[0].wait(5)

        assert send(transport, method).status == 200


def test_a_read_is_retried_if_a_reused_connection_is_closed():
    with ScriptedServer([OK, HANG_UP], [OK]) as server:
        transport = HTTPTransport(server.url)
        send(transport)

        assert send(transport).status == 200
    assert [number for number, *_ in server.requests] == [0, 0, 1]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_that_may_have_been_served_is_not_retried(method):
    with ScriptedServer([OK, HANG_UP], [OK]) as server:
        transport = HTTPTransport(server.url)
        send(transport)

        with pytest.raises(Unreachable):
            send(transport, method)
    assert len(server.requests) == 2


def test_a_request_on_a_new_connection_is_not_retried():
    with ScriptedServer([HANG_UP], [OK]) as server, pytest.raises(Unreachable):
        send(HTTPTransport(server.url))

    assert len(server.requests) == 1


def test_a_missing_response_raises_after_the_timeout():
    with ScriptedServer([SILENCE]) as server:
        transport = HTTPTransport(server.url, timeout_seconds=0.1)

        with pytest.raises(TimedOut, match=r"within 0\.1 s"):
            send(transport)


def test_the_next_request_after_a_timeout_uses_a_new_connection():
    with ScriptedServer([SILENCE], [OK]) as server:
        transport = HTTPTransport(server.url, timeout_seconds=0.1)
        with pytest.raises(TimedOut):
            send(transport)

        assert send(transport).status == 200
    assert [number for number, *_ in server.requests] == [0, 1]


def test_a_refused_connection_is_unreachable():
    with pytest.raises(Unreachable, match="Connection refused"):
        send(HTTPTransport(unused_url()))


def test_a_server_that_does_not_speak_http_is_unreachable():
    with ScriptedServer([b"SSH-2.0-OpenSSH\r\n\r\n"]) as server:
        transport = HTTPTransport(server.url)

        with pytest.raises(Unreachable):
            send(transport)


@pytest.mark.parametrize("url", ["", "host:80", "ftp://host", "http://", "http://h:x"])
def test_an_invalid_endpoint_url_is_rejected(url):
    with pytest.raises(ValueError, match=r"URL|[Pp]ort"):
        HTTPTransport(url)


@pytest.mark.parametrize("token", ["two\nlines", "ü"])
def test_an_invalid_token_is_rejected(token):
    with pytest.raises(ValueError, match="token"):
        HTTPTransport("http://host", token)


def test_a_body_that_is_not_json_is_unexpected():
    with pytest.raises(UnexpectedAnswer):
        Response(200, {}, b"<html>").json()


def test_a_wsgi_application_is_called_in_this_process():
    seen = {}

    def application(environ, start_response):
        length = int(environ["CONTENT_LENGTH"])
        seen.update(environ, body=environ["wsgi.input"].read(length))
        start_response("201 Created", [("X-Up", "A")])
        return [b"done"]

    found = send(WSGITransport(application, "me"), "POST", "/a%2Fb?c=d", b"{}")

    assert found == Response(201, found.headers, b"done")
    assert found.headers["x-up"] == "A"
    assert seen["REQUEST_METHOD"] == "POST"
    assert (seen["PATH_INFO"], seen["QUERY_STRING"]) == ("/a/b", "c=d")
    assert (seen["HTTP_X_AUTH_TOKEN"], seen["HTTP_X_MINE"]) == ("me", "1")
    assert seen["body"] == b"{}"


class TestSession:
    @pytest.fixture
    def keystoneauth(self):
        return pytest.importorskip("keystoneauth1")

    @pytest.fixture
    def session_for(self, keystoneauth):
        from keystoneauth1 import session, token_endpoint  # noqa: PLC0415

        return lambda url: session.Session(token_endpoint.Token(url, "secret"))

    def test_endpoint_and_token_come_from_the_session(self, session_for):
        with ScriptedServer([OK]) as server:
            transport = SessionTransport(session_for(server.url))

            assert send(transport, "PUT", "/x?a=b", b"{}").body == b"{}"

        [(_, first_line, headers, body)] = server.requests
        assert first_line == "PUT /x?a=b HTTP/1.1"
        assert (headers["x-auth-token"], headers["x-mine"]) == ("secret", "1")
        assert body == b"{}"

    def test_the_user_agent_of_the_client_is_sent(self, session_for):
        with ScriptedServer([OK]) as server:
            transport = SessionTransport(session_for(server.url))
            Client(transport, user_agent="scheduler/2").get_versions()

        [(_, _, headers, _)] = server.requests
        assert headers["user-agent"].startswith("scheduler/2 standalone-placement/")

    def test_an_error_status_is_returned_as_a_response(self, session_for):
        answer = b"HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}"
        with ScriptedServer([answer]) as server:
            found = send(SessionTransport(session_for(server.url)))

        assert found.status == 409

    def test_a_refused_connection_is_unreachable(self, session_for):
        with pytest.raises(Unreachable):
            send(SessionTransport(session_for(unused_url())))

    def test_a_missing_response_raises_after_the_timeout(self, session_for):
        with ScriptedServer([SILENCE], [SILENCE]) as server:
            transport = SessionTransport(session_for(server.url), timeout_seconds=0.1)

            with pytest.raises(TimedOut):
                send(transport)

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("EndpointNotFound", Unreachable),
            ("DiscoveryFailure", Unreachable),
            ("Unauthorized", Unauthorized),
        ],
    )
    def test_exceptions_of_keystoneauth_become_those_of_the_client(
        self, keystoneauth, name, meant
    ):
        from keystoneauth1 import exceptions  # noqa: PLC0415

        class Failing:
            def request(self, *args, **kwargs):
                raise getattr(exceptions, name)

        with pytest.raises(meant):
            send(SessionTransport(Failing()))

    def test_other_exceptions_are_not_converted(self):
        class Failing:
            def request(self, *args, **kwargs):
                raise LookupError

        with pytest.raises(LookupError):
            send(SessionTransport(Failing()))
