"""The options of the service: what can be configured, found and read.

One module per group declares its options; ``find`` knows where their values come
from; ``settings`` turns them into plain values once, at start.
"""

import copy

from oslo_config import cfg
from oslo_policy import opts as policy_options

from placement.conf import (
    api,
    cors,
    database,
    log,
    paths,
    placement,
    proxy,
    workarounds,
)

_GROUPS = (api, database, placement, workarounds, cors, proxy)


def register_opts(config: cfg.ConfigOpts) -> None:
    """Make the options of the service, and those of oslo.policy, known to ``config``.

    The logging options are not among them: they are command line options too, and
    so have to be registered before the command line is read.
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
    """Give the libraries the defaults that we use, for oslo-config-generator.

    Older releases of oslo.policy have another default file.
    """
    policy_options.set_defaults(cfg.ConfigOpts(), policy_file="policy.yaml")
