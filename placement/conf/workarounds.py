"""Options of [workarounds], accepted for compatibility."""

from oslo_config import cfg

GROUP = cfg.OptGroup("workarounds", title="Accepted for compatibility")

OPTIONS = [
    cfg.BoolOpt(
        "optimize_for_wide_provider_trees",
        default=False,
        help="Accepted for compatibility with existing configurations, without effect: "
        "searches of wide provider trees are always optimized.",
    ),
]
