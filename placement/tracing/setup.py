"""Turn tracing on: the provider of spans, and the span of each request."""

import collections.abc
import os
import typing

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.util.types import AttributeValue
from werkzeug.wsgi import ClosingIterator

from placement import metrics
from placement.api.environ import REQUEST_ID, ROUTE, VERSION
from placement.tracing.spans import Spans

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from placement.conf.settings import TracingSettings
    from placement.context import Service

_SERVICE = "placement"
_SERVER_ERROR = 500

# The spans that are on in this process, at most one.
_on: list[Spans] = []


def turn_on(settings: "TracingSettings") -> "Tracing":
    """Give spans to the marked functions, and return the middleware.

    A provider that the process has set already is used, such as that of
    ``opentelemetry-instrument``.
    """
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = _provider(settings)
    return turn_on_with(provider)


def turn_on_with(provider: trace.TracerProvider) -> "Tracing":
    """Do what ``turn_on`` does, with a given provider."""
    turn_off()
    tracer = provider.get_tracer(_SERVICE)
    spans = Spans(tracer)
    spans.turn_on()
    _on.append(spans)
    return Tracing(tracer)


def turn_off() -> None:
    """Restore the marked functions."""
    while _on:
        _on.pop().turn_off()


def _provider(settings: "TracingSettings") -> TracerProvider:
    environ = os.environ
    is_named = "OTEL_SERVICE_NAME" in environ or "service.name=" in environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    ratio = settings.sample_ratio
    provider = TracerProvider(
        # Without a sampler, the standard variables decide.
        None if ratio is None else ParentBased(TraceIdRatioBased(ratio)),
        Resource.create({} if is_named else {"service.name": _SERVICE}),
    )
    endpoint = settings.endpoint
    if endpoint is not None:
        endpoint = f"{endpoint.rstrip('/')}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
    return provider


class Tracing:
    """The middleware that gives each request a span, which continues the caller's."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def wrap(self, app: "WSGIApplication", _service: "Service") -> "WSGIApplication":
        def answer(
            environ: "WSGIEnvironment", start_response: "StartResponse"
        ) -> collections.abc.Iterable[bytes]:
            method = metrics.method_label(environ["REQUEST_METHOD"])
            span = self._tracer.start_span(
                method,
                propagate.extract(_headers(environ)),
                trace.SpanKind.SERVER,
                _attributes(environ, method),
            )
            status = 0

            def start(line: str, *more: typing.Any) -> typing.Any:
                nonlocal status
                status = int(line[:3])
                return start_response(line, *more)

            def end() -> None:
                _finish(span, environ, method, status)

            token = otel_context.attach(trace.set_span_in_context(span))
            try:
                parts = app(environ, typing.cast("StartResponse", start))
            except BaseException:
                status = _SERVER_ERROR
                end()
                raise
            finally:
                otel_context.detach(token)
            if not isinstance(parts, list):
                return ClosingIterator(parts, end)
            end()
            return parts

        return answer


def _headers(environ: "WSGIEnvironment") -> dict[str, str]:
    return {
        key[5:].lower().replace("_", "-"): value
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }


def _attributes(environ: "WSGIEnvironment", method: str) -> dict[str, AttributeValue]:
    """Return what is known before the answer, by the names of the standard."""
    wanted = {
        "http.request.method": method,
        "url.scheme": environ.get("wsgi.url_scheme"),
        "url.path": environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""),
        "server.address": environ.get("SERVER_NAME"),
        "client.address": environ.get("REMOTE_ADDR"),
        "user_agent.original": environ.get("HTTP_USER_AGENT"),
        "network.protocol.version": environ.get("SERVER_PROTOCOL", "")[5:],
        "placement.global_request_id": environ.get("HTTP_X_OPENSTACK_REQUEST_ID"),
    }
    found: dict[str, AttributeValue] = {
        name: value for name, value in wanted.items() if value
    }
    port = str(environ.get("SERVER_PORT", ""))
    if port.isdecimal():
        found["server.port"] = int(port)
    return found


def _finish(
    span: trace.Span, environ: "WSGIEnvironment", method: str, status: int
) -> None:
    route = environ.get(ROUTE)
    if route is not None:
        span.update_name(f"{method} {route}")
        span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
    for name, key in (
        ("placement.request_id", REQUEST_ID),
        ("placement.microversion", VERSION),
    ):
        if environ.get(key) is not None:
            span.set_attribute(name, str(environ[key]))
    if status >= _SERVER_ERROR:
        span.set_attribute("error.type", str(status))
        span.set_status(trace.StatusCode.ERROR)
    span.end()
