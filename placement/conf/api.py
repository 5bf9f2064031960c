"""Options of [api]: authentication and request limits."""

from oslo_config import cfg

GROUP = cfg.OptGroup("api", title="The HTTP API")

OPTIONS = [
    cfg.StrOpt(
        "auth_strategy",
        default="keystone",
        choices=[
            (
                "keystone",
                "keystonemiddleware verifies tokens (extra keystone), as configured in "
                "[keystone_authtoken].",
            ),
            (
                "token",
                "One generated administrator token, for a service with one user "
                "or on one machine.",
            ),
            (
                "noauth2",
                "The token names the caller and is not verified. For tests only.",
            ),
        ],
        deprecated_group="DEFAULT",
        help="How requests are authenticated. Also read from [DEFAULT], where old "
        "configurations have it.",
    ),
    cfg.StrOpt(
        "token_file",
        help="Path of the file with the administrator token of auth_strategy = token, "
        "on one line. It must be readable by its owner only. Required with that "
        "strategy, ignored with others. Without configuration, `placement serve` "
        "generates a token in the file admin-token of its state directory.",
    ),
    cfg.IntOpt(
        "max_request_body_bytes",
        default=16 * 2**20,
        min=1024,
        help="Maximum size of a request body in bytes. A larger one is refused with "
        "413, and the rest is not read. Reshaping a large tree takes some hundred "
        "kilobytes.",
    ),
]
