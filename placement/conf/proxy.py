"""Options of [oslo_middleware]: what a proxy in front is believed."""

from oslo_config import cfg

GROUP = cfg.OptGroup("oslo_middleware", title="A proxy in front of the service")

OPTIONS = [
    cfg.BoolOpt(
        "enable_proxy_headers_parsing",
        default=False,
        help="Believe the headers Forwarded and X-Forwarded-* about the scheme, host, "
        "prefix and client address of a request. Only for a service that nobody "
        "reaches but through a proxy that sets them.",
    ),
]
