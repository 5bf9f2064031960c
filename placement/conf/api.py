"""Options of [api]: how callers prove who they are, and what they may send."""

from oslo_config import cfg

GROUP = cfg.OptGroup("api", title="The HTTP API")

OPTIONS = [
    cfg.StrOpt(
        "auth_strategy",
        default="keystone",
        choices=[
            ("keystone", "Tokens are checked by keystonemiddleware."),
            (
                "token",
                "One generated administrator token, for a service that one person "
                "or one machine uses.",
            ),
            (
                "noauth2",
                "The token names the caller and nothing is checked. For tests only.",
            ),
        ],
        deprecated_group="DEFAULT",
        help="How the sender of a request is authenticated. Also read from "
        "[DEFAULT], its place in old configurations.",
    ),
    cfg.StrOpt(
        "token_file",
        help="Path of the file that holds the administrator token of "
        "auth_strategy = token, on one line, readable by its owner only. Required "
        "with that strategy, not read with another one. `placement serve` without "
        "configuration makes one, admin-token in the state directory.",
    ),
    cfg.IntOpt(
        "max_request_body_bytes",
        default=16 * 2**20,
        min=1024,
        help="How large the body of a request may be. A larger one is refused with "
        "413 before more of it is read. The reshape of a large tree has some "
        "hundred kilobytes.",
    ),
]
