"""Options of [changes]: the feed of changes."""

from oslo_config import cfg

GROUP = cfg.OptGroup("changes", title="Feed of changes")

OPTIONS = [
    cfg.BoolOpt(
        "enabled",
        default=False,
        help="Whether changes of providers and consumers are recorded, for GET "
        "/-/v1/changes. All services that write to the database must have the same "
        "value: what a service without it changes is missing in the feed.",
    ),
    cfg.IntOpt(
        "retention_hours",
        default=24,
        min=1,
        max=8760,
        help="How long changes are kept. A reader that pauses for longer has to read "
        "everything again.",
    ),
]
