"""Options of [metrics]: who may read the metrics, and what they show."""

from oslo_config import cfg

GROUP = cfg.OptGroup("metrics", title="Metrics for Prometheus")

OPTIONS = [
    cfg.StrOpt(
        "access",
        default="rule",
        choices=[
            ("rule", "A token with a role that placement:ext:read allows."),
            ("token", "The bearer token in token_file."),
            ("open", "No token. For networks that only the monitoring can reach."),
        ],
        help="Who may read /metrics and /metrics/providers.",
    ),
    cfg.StrOpt(
        "token_file",
        help="Path of the file with the bearer token of access = token, on one line; "
        "for authorization.credentials_file of Prometheus. Read at start.",
    ),
    cfg.BoolOpt(
        "allocations",
        default=False,
        help="Whether /metrics/providers shows every allocation, which is a series for "
        "each consumer, provider and class.",
    ),
    cfg.StrOpt(
        "capacity_requests",
        help="Path of a file with the requests, such as flavors, whose capacity "
        "/metrics/providers shows. A line is a name, white space, and a query of GET "
        "/allocation_candidates, such as 'm1.large resources=VCPU:4,MEMORY_MB:8192'; "
        "lines that begin with # are comments. At most 200 requests. Read at start.",
    ),
]
