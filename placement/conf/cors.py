"""Options of [cors]: which web pages of other origins can use the API."""

from oslo_config import cfg

GROUP = cfg.OptGroup("cors", title="Cross-origin requests of browsers")

OPTIONS = [
    cfg.ListOpt(
        "allowed_origin",
        help="Origins whose pages may send requests, each as scheme://host[:port], "
        "or * for any. Not set: no origin, and no CORS headers are sent.",
    ),
    cfg.BoolOpt(
        "allow_credentials",
        default=True,
        help="Whether requests of those pages may include cookies and authorization "
        "headers.",
    ),
    cfg.ListOpt(
        "allow_headers",
        default=[
            "X-Auth-Token",
            "X-Openstack-Request-Id",
            "X-Identity-Status",
            "X-Roles",
            "X-Service-Catalog",
            "X-User-Id",
            "X-Tenant-Id",
            "OpenStack-API-Version",
        ],
        help="Request headers that those pages may set.",
    ),
    cfg.ListOpt(
        "expose_headers",
        default=[
            "X-Auth-Token",
            "X-Openstack-Request-Id",
            "X-Subject-Token",
            "X-Service-Token",
            "OpenStack-API-Version",
        ],
        help="Response headers that those pages may read.",
    ),
    cfg.ListOpt(
        "allow_methods",
        default=["GET", "PUT", "POST", "DELETE", "PATCH"],
        help="Methods that those pages may use.",
    ),
    cfg.IntOpt(
        "max_age",
        default=3600,
        help="Seconds for which browsers may cache responses to preflight requests.",
    ),
]
