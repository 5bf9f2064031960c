"""Options of [oslo_middleware]: trust in a proxy in front of the service."""

from oslo_config import cfg

GROUP = cfg.OptGroup("oslo_middleware", title="A proxy in front of the service")

OPTIONS = [
    cfg.BoolOpt(
        "enable_proxy_headers_parsing",
        default=False,
        help="Trust the headers Forwarded and X-Forwarded-* for the scheme, host, "
        "prefix and client address of a request. Enable it only if all requests come "
        "through a proxy that sets these headers.",
    ),
]
