"""Options of [healthcheck]: the health check for load balancers."""

from oslo_config import cfg

GROUP = cfg.OptGroup("healthcheck", title="The health check for load balancers")

OPTIONS = [
    cfg.StrOpt(
        "disable_by_file_path",
        help="Path of a file; while it exists, GET /healthcheck answers with 503, so "
        "that load balancers send no requests here.",
    ),
]
