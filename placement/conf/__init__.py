"""The configuration of the service.

One module per group declares its options, ``find`` locates and parses the files, and
``settings`` converts the options to plain values once, at start.
"""

import copy

from oslo_config import cfg
from oslo_policy import opts as policy_options

from placement.conf import (
    api,
    changes,
    console,
    consumers,
    cors,
    database,
    healthcheck,
    log,
    metrics,
    paths,
    placement,
    proxy,
    tracing,
    workarounds,
)

_GROUPS = (
    *(api, database, placement, workarounds, cors, proxy),
    *(healthcheck, metrics, changes, consumers, console, tracing),
)


def register_opts(config: cfg.ConfigOpts) -> None:
    """Register the options of the service and of oslo.policy.

    The logging options are excluded: they are command line options, too, and have to
    be registered before the command line is parsed.
    """
    config.register_opts(paths.OPTIONS + log.OPTIONS)
    for module in _GROUPS:
        config.register_group(copy.deepcopy(module.GROUP))
        config.register_opts(module.OPTIONS, group=module.GROUP.name)
    policy_options.set_defaults(config, policy_file="policy.yaml")


def list_opts() -> list[tuple[str | cfg.OptGroup, list[cfg.Opt]]]:
    """Return our options by group, for oslo-config-generator."""
    return [
        ("DEFAULT", copy.deepcopy(paths.OPTIONS + log.OPTIONS)),
        *((module.GROUP, copy.deepcopy(module.OPTIONS)) for module in _GROUPS),
    ]


def set_lib_defaults() -> None:
    """Set our defaults of library options, for oslo-config-generator.

    Older releases of oslo.policy have a different default file.
    """
    policy_options.set_defaults(cfg.ConfigOpts(), policy_file="policy.yaml")
