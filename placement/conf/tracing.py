"""Options of [tracing]: traces for OpenTelemetry."""

from oslo_config import cfg

GROUP = cfg.OptGroup("tracing", title="Traces for OpenTelemetry")

OPTIONS = [
    cfg.BoolOpt(
        "enabled",
        help="Whether to trace requests, which needs the extra otel. Unset: if "
        "OTEL_TRACES_EXPORTER has otlp, or one of OTEL_EXPORTER_OTLP_ENDPOINT and "
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is in the environment. "
        "OTEL_SDK_DISABLED=true turns tracing off.",
    ),
    cfg.StrOpt(
        "endpoint",
        help="URL of the receiver of OTLP over HTTP, such as http://localhost:4318. "
        "Unset: as the environment says, or that URL.",
    ),
    cfg.FloatOpt(
        "sample_ratio",
        min=0.0,
        max=1.0,
        help="The share of requests to trace, of those whose caller has not decided. "
        "Unset: as OTEL_TRACES_SAMPLER says, or all.",
    ),
]
