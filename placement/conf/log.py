"""Logging: an option of [DEFAULT] that oslo.log does not have, and how to begin."""

from oslo_config import cfg
from oslo_log import log

from placement import exception

OPTIONS = [
    cfg.BoolOpt(
        "log_options",
        default=True,
        help="Log the values of all options at start, at level DEBUG, with secrets "
        "masked.",
    ),
]


def setup(config: cfg.ConfigOpts) -> None:
    """Begin to log as ``config`` says.

    Raises ConfigurationError when the file of ``log_config_append`` cannot be read.
    """
    try:
        log.setup(config, "placement")
    except log.LogConfigError as wrong:
        raise exception.ConfigurationError(reason=wrong) from wrong


def setup_for_command(config: cfg.ConfigOpts) -> None:
    """Begin to log as ``config`` says, on stderr if it names no place.

    Otherwise it would be stdout, among what a command prints for its caller.
    """
    if not (config.log_file or config.log_dir):
        config.set_default("use_stderr", True)
    setup(config)
