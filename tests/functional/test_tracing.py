"""Requests have traces for OpenTelemetry, if that is turned on."""

import collections.abc
import contextlib
import http.server
import json
import subprocess
import sys
import threading
import typing

import pytest
import sqlalchemy as sa
import webob
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from placement import exception
from placement.client import Client, Inventories, Inventory
from placement.client.transport import HTTPTransport, WSGITransport
from placement.db import transaction
from placement.tracing import setup
from tests.servers import databases, ports, server

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = f"00-{TRACE}-{PARENT}-01"
HOST = "00000000-0000-4000-8000-000000000001"
SEARCH = "/allocation_candidates?resources=VCPU:1"

_Open = collections.abc.Callable[[str], databases.Databases]


class Recorded(typing.NamedTuple):
    """A traced service, and where its spans are."""

    application: server.Application
    exporter: InMemorySpanExporter
    provider: TracerProvider

    def send(self, path: str, **headers: str) -> list[ReadableSpan]:
        """Send a GET; return the spans of it, the first that ended first."""
        self.exporter.clear()
        request = webob.Request.blank(
            path,
            headers={
                "x-auth-token": "admin",
                "openstack-api-version": "placement 1.39",
                **headers,
            },
        )
        request.get_response(self.application)
        return list(self.exporter.get_finished_spans())


@pytest.fixture(scope="module")
def recorded(database_servers: _Open) -> collections.abc.Iterator[Recorded]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with (
        database_servers(databases.SQLITE).new() as url,
        server.in_process(url) as application,
    ):
        with Client(WSGITransport(application)) as client:
            made = client.create_provider("host", uuid=HOST)
            inventories = Inventories(made.generation, {"VCPU": Inventory(total=4)})
            client.replace_inventories(HOST, inventories)
        none = typing.cast(typing.Any, None)
        traced = setup.turn_on_with(provider).wrap(application, none)
        yield Recorded(traced, exporter, provider)
        setup.turn_off()


def attributes(span: ReadableSpan) -> dict[str, typing.Any]:
    return dict(span.attributes or {})


def names_below(found: list[ReadableSpan], parent: ReadableSpan) -> list[str]:
    """Return the names of the children of a span, in the order of their start."""
    id_ = typing.cast(typing.Any, parent.context).span_id
    children = [each for each in found if each.parent and each.parent.span_id == id_]
    return [each.name for each in sorted(children, key=lambda one: one.start_time or 0)]


def named(found: list[ReadableSpan], name: str) -> ReadableSpan:
    return next(each for each in found if each.name == name)


def test_a_request_continues_the_trace_of_its_caller(recorded: Recorded) -> None:
    *_, span = recorded.send(
        f"/resource_providers/{HOST}", **{"traceparent": CALLER, "user-agent": "nova"}
    )

    assert span.name == "GET /resource_providers/{uuid}"
    assert span.kind.name == "SERVER"
    assert span.parent is not None
    assert f"{span.parent.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT
    shown = attributes(span)
    assert shown.pop("placement.request_id").startswith("req-")
    assert shown == {
        "http.request.method": "GET",
        "http.route": "/resource_providers/{uuid}",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "url.path": f"/resource_providers/{HOST}",
        "server.address": "localhost",
        "server.port": 80,
        "network.protocol.version": "1.0",
        "placement.microversion": "1.39",
        "user_agent.original": "nova",
    }


def test_a_search_has_a_span_for_each_stage(recorded: Recorded) -> None:
    found = recorded.send(SEARCH)

    root = found[-1]
    assert root.name == "GET /allocation_candidates"
    assert names_below(found, root) == ["candidates.search", "candidates.render"]
    search = named(found, "candidates.search")
    assert names_below(found, search) == ["transaction read"]
    attempt = named(found, "attempt")
    assert {"candidates.read", "candidates.solve"} <= {*names_below(found, attempt)}
    # Every span is of the same trace.
    assert len({typing.cast(typing.Any, each.context).trace_id for each in found}) == 1


def test_statements_show_their_tables_and_no_values(recorded: Recorded) -> None:
    found = recorded.send(f"/resource_providers/{HOST}")

    statement = next(each for each in found if each.name.startswith("SELECT"))
    assert statement.name.startswith("SELECT resource_providers")
    assert statement.kind.name == "CLIENT"
    assert attributes(statement)["db.system.name"] == "sqlite"
    assert not any(HOST in str(value) for value in attributes(statement).values())


def test_a_retried_transaction_has_a_span_for_each_attempt(recorded: Recorded) -> None:
    engine = sa.create_engine("sqlite://")
    failures = [transaction.Retry(exception.ConcurrentUpdate(reason="again"))] * 2

    def work(_conn: sa.Connection) -> str:
        if failures:
            raise failures.pop()
        return "done"

    recorded.exporter.clear()
    with recorded.provider.get_tracer("test").start_as_current_span("caller"):
        assert transaction.write_to(engine, work) == "done"

    found = [*recorded.exporter.get_finished_spans()]
    attempts = [each for each in found if each.name == "attempt"]
    assert [attributes(each)["placement.attempt"] for each in attempts] == [1, 2, 3]
    assert ["error.type" in attributes(each) for each in attempts] == [
        True,
        True,
        False,
    ]
    assert attributes(named(found, "transaction write"))["placement.attempts"] == 3


def test_a_failed_statement_shows_no_text(recorded: Recorded) -> None:
    engine = sa.create_engine("sqlite://")
    recorded.exporter.clear()
    with (
        recorded.provider.get_tracer("test").start_as_current_span("caller"),
        engine.connect() as conn,
        pytest.raises(sa.exc.OperationalError),
    ):
        conn.exec_driver_sql("SELECT 'hunter2' FROM missing")

    span = recorded.exporter.get_finished_spans()[0]
    assert not span.status.is_ok
    assert attributes(span)["error.type"] == "sqlite3.OperationalError"
    assert "hunter2" not in span.to_json()


def test_work_outside_of_a_request_has_no_spans(recorded: Recorded) -> None:
    recorded.exporter.clear()
    transaction.write_to(sa.create_engine("sqlite://"), lambda _: None)

    assert recorded.exporter.get_finished_spans() == ()


def test_the_library_is_not_imported_while_tracing_is_off() -> None:
    program = """
import sys, webob
from placement import direct
from placement.conf.settings import TracingSettings
from tests.servers import server
with server.in_process("sqlite://") as application:
    request = webob.Request.blank(%r, headers={"x-auth-token": "admin",
        "openstack-api-version": "placement 1.39"})
    assert request.get_response(application).status_int == 200
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    done = subprocess.run(
        [sys.executable, "-c", program % SEARCH],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_client_continues_the_trace_of_its_program(recorded: Recorded) -> None:
    recorded.exporter.clear()
    with (
        Client(WSGITransport(recorded.application)) as client,
        recorded.provider.get_tracer("test").start_as_current_span("caller") as caller,
    ):
        client.get_provider(HOST)

    request = named(
        list(recorded.exporter.get_finished_spans()), "GET /resource_providers/{uuid}"
    )
    assert request.parent is not None
    assert request.parent.span_id == caller.get_span_context().span_id


@contextlib.contextmanager
def receiver() -> collections.abc.Iterator[tuple[str, list[typing.Any]]]:
    """Yield the URL of a receiver of OTLP over HTTP, and the requests that it gets."""
    received: list[typing.Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            assert self.headers["Content-Type"] == "application/x-protobuf"
            if self.headers.get("Content-Encoding") is None:
                message = trace_service_pb2.ExportTraceServiceRequest()
                message.ParseFromString(body)
                received.append((self.path, message))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    listening = http.server.ThreadingHTTPServer((ports.HOST, 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{ports.HOST}:{listening.server_port}", received
    finally:
        listening.shutdown()
        listening.server_close()


def test_a_server_sends_its_spans_to_a_receiver(database_servers: _Open) -> None:
    with receiver() as (endpoint, received):
        options = {
            "tracing": {"enabled": "true", "endpoint": endpoint},
            "DEFAULT": {
                "use_json": "true",
                "json_log_fields": "placement",
                "use_stderr": "true",
            },
        }
        with (
            database_servers(databases.SQLITE).new() as url,
            server.processes(url, workers=1, options=options) as place,
        ):
            transport = HTTPTransport(place.url, "admin")
            headers = {"openstack-api-version": "placement 1.39", "traceparent": CALLER}
            answer = transport.send("GET", SEARCH, headers, None)
            transport.close()
        # The worker sends what is left when it ends.
    assert answer.status == 200
    assert {path for path, _ in received} == {"/v1/traces"}
    resources = [each for _, one in received for each in one.resource_spans]
    names = {
        attribute.value.string_value
        for each in resources
        for attribute in each.resource.attributes
        if attribute.key == "service.name"
    }
    assert names == {"placement"}
    sent = [
        span
        for each in resources
        for scope in each.scope_spans
        for span in scope.spans
        if span.trace_id.hex() == TRACE
    ]
    (request,) = (span for span in sent if span.parent_span_id.hex() == PARENT)
    assert request.name == "GET /allocation_candidates"
    id_ = answer.headers["x-openstack-request-id"]
    assert id_ in json.dumps([str(each) for each in request.attributes])
    assert {"candidates.solve", "transaction read", "attempt"} <= {
        span.name for span in sent
    }
