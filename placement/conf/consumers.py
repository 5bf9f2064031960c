"""Options of [consumers]."""

from oslo_config import cfg

GROUP = cfg.OptGroup("consumers", title="Consumers")

OPTIONS = [
    cfg.IntOpt(
        "release_retention_days",
        default=90,
        min=1,
        max=3650,
        help="How long the records of POST /-/v1/consumers:release are kept, which say "
        "who has released a consumer, when and why, and what it held.",
    ),
]
