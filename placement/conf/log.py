"""Logging: our options of [DEFAULT], and the setup of oslo.log."""

import logging

from oslo_config import cfg
from oslo_log import log

from placement import exception, logs

OPTIONS = [
    cfg.BoolOpt(
        "log_options",
        default=True,
        help="Log the values of all options at start, at level DEBUG, with secrets "
        "masked.",
    ),
    cfg.StrOpt(
        "json_log_fields",
        # Existing configurations keep the lines that their readers expect.
        default="oslo",
        choices=[
            ("oslo", "The fields of oslo.log, as other services of OpenStack write."),
            ("placement", "The fields that docs/logs.md describes."),
        ],
        help="The fields of each line, with use_json = true.",
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
    choose_form(config)
    logs.format_handlers(logging.getLogger())


def choose_form(config: cfg.ConfigOpts) -> None:
    """Choose between JSON and text; a file of ``log_config_append`` has its own."""
    is_ours = config.use_json and config.json_log_fields == "placement"
    logs.choose(is_ours and not config.log_config_append)


def setup_for_command(config: cfg.ConfigOpts) -> None:
    """Set up logging as configured, by default to stderr.

    The default of oslo.log would be stdout, which is for the output of the command.
    """
    if not (config.log_file or config.log_dir):
        config.set_default("use_stderr", True)
    setup(config)
