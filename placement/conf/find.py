"""Where the configuration comes from.

Values come, the first that has one, from the command line, the environment
(``OS_<GROUP>__<OPTION>``), the files, the defaults.
"""

import collections.abc
import os

from oslo_config import cfg
from oslo_log import log

from placement import conf, exception

PROJECT = "placement"
DIRECTORY_VARIABLE = "OS_PLACEMENT_CONFIG_DIR"
FILE_NAME = "placement.conf"


def service_config(
    environ: collections.abc.Mapping[str, str] = os.environ,
) -> cfg.ConfigOpts:
    """Return the configuration of the WSGI application.

    ``environ`` says in ``OS_PLACEMENT_CONFIG_DIR`` which directory has the file;
    without it the file is looked for in the default places, and may be missing.
    Overrides are always read from the environment of the process.

    Raises ConfigurationError when the named file is missing or cannot be read.
    Source: API reference, "Configuration".
    """
    directory = environ.get(DIRECTORY_VARIABLE, "").strip()
    if not directory:
        return _parse(_new(), [], default_files())
    path = os.path.join(directory, FILE_NAME)
    if not os.path.exists(path):
        raise exception.ConfigurationError(
            reason=f"There is no {path}, which {DIRECTORY_VARIABLE} says to read."
        )
    return _parse(_new(), [], [path])


def command_config(
    argv: collections.abc.Sequence[str],
    options: collections.abc.Sequence[cfg.Opt] = (),
    prog: str | None = None,
    version: str | None = None,
) -> cfg.ConfigOpts:
    """Return the configuration of a command called with the arguments ``argv``.

    ``--config-file`` and ``--config-dir`` name files, else the default places are
    looked at. ``options`` are the command's own. ``prog`` and ``version`` are shown
    by ``--help`` and ``--version``.

    Raises ConfigurationError when a named file is missing or cannot be read, and
    SystemExit, as argparse does, for arguments that are wrong or ask for help.
    """
    config = _new()
    config.register_cli_opts(options)
    return _parse(config, argv, default_files(), prog=prog, version=version)


def default_files() -> list[str]:
    """Return the first placement.conf of the default places, or nothing.

    They are ``~/.placement``, ``~``, ``/etc/placement`` and ``/etc``.
    """
    return list(dict.fromkeys(cfg.find_config_files(PROJECT, PROJECT)))


def _new() -> cfg.ConfigOpts:
    config = cfg.ConfigOpts()
    conf.register_opts(config)
    log.register_options(config)
    return config


def _parse(
    config: cfg.ConfigOpts,
    argv: collections.abc.Sequence[str],
    files: list[str],
    prog: str | None = None,
    version: str | None = None,
) -> cfg.ConfigOpts:
    try:
        config(
            list(argv),
            project=PROJECT,
            prog=prog,
            version=version,
            default_config_files=files,
            default_config_dirs=[],
        )
    except cfg.Error as wrong:
        raise exception.ConfigurationError(reason=wrong) from wrong
    return config
