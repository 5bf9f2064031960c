"""Options of [console]: the web pages for operators."""

from oslo_config import cfg

GROUP = cfg.OptGroup("console", title="The web pages for operators")

OPTIONS = [
    cfg.BoolOpt(
        "enabled",
        default=True,
        help="Whether /console/ serves the web pages. They need no token, and show "
        "nothing without one.",
    ),
    cfg.StrOpt(
        "link_directory",
        help="Path of a directory that only the owner of the server can access. "
        "`placement console` writes one-time links into it, for auth_strategy = token. "
        "`placement serve` sets it to console-links in its state directory; without "
        "it, the console asks for a token.",
    ),
]
