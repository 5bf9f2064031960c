"""Health and metrics of the service, read by the client."""

import socket

import pytest

from placement.client import (
    BadRequest,
    Client,
    Forbidden,
    Health,
    Response,
    Retry,
    Unavailable,
    WSGITransport,
)
from placement.web import shutdown
from tests.unit import in_process

CHECKS = ("database", "schema", "used", "galera", "draining")


class OneAnswer:
    """A transport that gives one answer to each request, and counts them."""

    def __init__(self, status, body):
        self.answer = Response(status, {"content-type": "text/html"}, body)
        self.count = 0

    def send(self, *_):
        self.count += 1
        return self.answer

    def close(self):
        pass


@pytest.fixture
def draining():
    shutdown.draining.set()
    yield
    shutdown.draining.clear()


def test_a_service_that_is_ready_passes_all_checks(client):
    assert client.get_health() == Health(CHECKS, {}, ())


@pytest.mark.usefixtures("draining")
def test_a_failed_check_is_returned_with_its_reason(client):
    health = client.get_health(exclude=["used"])

    assert not health.is_ready
    assert health.failed == {"draining": "the server is stopping"}
    assert health.excluded == ("used",)
    assert health.passed == ("database", "schema", "galera")
    assert client.get_health(["draining"]).is_ready


def test_a_service_that_answers_is_alive(client):
    assert client.is_alive()


def test_a_service_that_does_not_answer_is_not_alive():
    assert not Client(OneAnswer(502, b"bad gateway")).is_alive()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    assert not Client.connect(address, "token").is_alive()


def test_a_load_balancer_may_send_requests_to_a_service_that_is_ready(client):
    assert client.get_reasons_to_drain() == []


@pytest.mark.usefixtures("draining")
def test_a_load_balancer_gets_the_reasons_of_a_service_that_is_not_ready(client):
    assert client.get_reasons_to_drain() == ["the server is stopping"]


def test_reasons_of_a_proxy_are_not_those_of_the_service():
    with pytest.raises(Unavailable):
        Client(OneAnswer(503, b"<h1>no backend</h1>")).get_reasons_to_drain()


def test_an_unknown_check_is_refused(client):
    with pytest.raises(BadRequest, match="exclude"):
        client.get_health(["disk"])


def test_health_needs_no_token(tmp_path):
    transport = WSGITransport(in_process.application(tmp_path), token="")

    assert Client(transport).get_health().is_ready


@pytest.mark.parametrize(
    "body", [b"", b"ok", b"<html>\n</html>", b"[-]disk full\n\xff"]
)
def test_an_answer_of_a_proxy_is_a_failure_and_not_repeated(body):
    transport = OneAnswer(503, body)

    with pytest.raises(Unavailable):
        Client(transport, retry=Retry(pause_seconds=0)).get_health()

    assert transport.count == 1


def test_metrics_are_returned_as_text(client):
    client.create_provider("host")

    assert "\nplacement_searches_total" in client.get_metrics()
    assert 'placement_provider_state{hostname="host"' in client.get_provider_metrics()


def test_metrics_need_the_role(tmp_path):
    application = in_process.application(tmp_path)

    for read in ("get_metrics", "get_provider_metrics"):
        with pytest.raises(Forbidden) as failure:
            getattr(Client(WSGITransport(application, token="nobody")), read)()
        assert failure.value.code == "placement.ext.forbidden"
