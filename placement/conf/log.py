"""Logging: the option ``log_options`` of [DEFAULT], and the setup of oslo.log."""

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
    """Set up logging as configured.

    Raises ConfigurationError when the file of ``log_config_append`` cannot be read.
    """
    try:
        log.setup(config, "placement")
    except log.LogConfigError as wrong:
        raise exception.ConfigurationError(reason=wrong) from wrong


def setup_for_command(config: cfg.ConfigOpts) -> None:
    """Set up logging as configured, by default to stderr.

    The default of oslo.log would be stdout, which is for the output of the command.
    """
    if not (config.log_file or config.log_dir):
        config.set_default("use_stderr", True)
    setup(config)
