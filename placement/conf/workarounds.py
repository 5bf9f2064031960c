"""Options of [workarounds]: switches that existing configurations may have set."""

from oslo_config import cfg

GROUP = cfg.OptGroup("workarounds", title="Switches of existing configurations")

OPTIONS = [
    cfg.BoolOpt(
        "optimize_for_wide_provider_trees",
        default=False,
        help="Accepted for the sake of existing configurations; it has no effect, "
        "wide provider trees need no switch.",
    ),
]
