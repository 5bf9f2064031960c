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


_Listed = list[tuple[str | cfg.OptGroup, list[cfg.Opt]]]


def list_opts() -> _Listed:
    """Return our options by group, for oslo-config-generator, which may change them."""
    return [(group, copy.deepcopy(options)) for group, options in declared()]


def declared() -> _Listed:
    """Return our options by group. They must not be changed."""
    return [
        ("DEFAULT", paths.OPTIONS + log.OPTIONS),
        *((module.GROUP, module.OPTIONS) for module in _GROUPS),
    ]


def set_lib_defaults() -> None:
    """Set our defaults of library options, for oslo-config-generator.

    Older releases of oslo.policy have a different default file.
    """
    policy_options.set_defaults(cfg.ConfigOpts(), policy_file="policy.yaml")
