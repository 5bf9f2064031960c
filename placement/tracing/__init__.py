"""Tracing with OpenTelemetry, which is an extra.

``points`` marks the functions that get a span. Only ``setup`` and what it imports use
the library, and are imported when tracing is on.
"""

import collections.abc

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def is_on(enabled: bool | None, environ: collections.abc.Mapping[str, str]) -> bool:
    """Whether the option, or else the standard variables, turn tracing on."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if enabled is not None:
        return enabled
    exporters = environ.get("OTEL_TRACES_EXPORTER", "").strip()
    if exporters:
        return "otlp" in exporters.split(",")
    return any(environ.get(name) for name in _ENDPOINTS)
