"""The sources of the configuration.

The precedence of values is: command line, environment (``OS_<GROUP>__<OPTION>``),
files, defaults. Later files override earlier ones: first the default file or that of
``OS_PLACEMENT_CONFIG_DIR``, then the default drop-in files, then the files and
directories on the command line, in their order.
"""

import collections.abc
import glob
import os
import sys

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

    ``OS_PLACEMENT_CONFIG_DIR`` in ``environ`` names the directory of the file. Without
    it the default file is read, if there is one. The default drop-in files are read in
    either case. Overrides always come from the environment of the process.

    Raises ConfigurationError when the file of that directory is missing or unreadable.
    Source: API reference, "Configuration".
    """
    directory = environ.get(DIRECTORY_VARIABLE, "").strip()
    if not directory:
        return _parse(_new(), [], default_files(_program()))
    path = os.path.join(directory, FILE_NAME)
    if not os.path.exists(path):
        raise exception.ConfigurationError(
            reason=f"{DIRECTORY_VARIABLE} is set, but {path} does not exist."
        )
    return _parse(_new(), [], [path])


def command_config(
    argv: collections.abc.Sequence[str],
    options: collections.abc.Sequence[cfg.Opt] = (),
    prog: str | None = None,
    version: str | None = None,
) -> cfg.ConfigOpts:
    """Return the configuration of a command with the arguments ``argv``.

    ``--config-file`` replaces the default file, and ``--config-dir`` the default
    drop-in directories. ``options`` are additional options of the command. ``prog`` is
    the program that ``--help`` shows, and also selects its default files; ``--version``
    shows ``version``.

    Raises ConfigurationError when a named file is missing or unreadable, and
    SystemExit, as argparse does, for wrong arguments or requests for help.
    """
    config = _new()
    config.register_cli_opts(options)
    return _parse(config, argv, default_files(prog or _program()), prog, version)


def default_files(prog: str = PROJECT) -> list[str]:
    """Return the first placement.conf in the default places, if any.

    The places are ``~/.placement``, ``~``, ``/etc/placement``, ``/etc``, and those of a
    snap package. A program with another name also has a file of that name, such as
    placement-manage.conf, which is read afterwards.
    """
    return list(dict.fromkeys(cfg.find_config_files(PROJECT, prog)))


def default_directories(prog: str = PROJECT) -> list[str]:
    """Return the first placement.conf.d in the default places, if any.

    Its ``*.conf`` files are read in alphabetical order. For the places and ``prog``,
    see ``default_files``.
    """
    return list(dict.fromkeys(cfg.find_config_dirs(PROJECT, prog)))


def files_read(config: cfg.ConfigOpts) -> list[str]:
    """Return the paths of the files that ``config`` was read from, in any order."""
    if "config_file" not in config:
        return []
    dropped_in = (
        path
        for directory in config.config_dir or ()
        for path in sorted(glob.glob(os.path.join(directory, "*.conf")))
    )
    return [*(config.config_file or ()), *dropped_in]


def _program() -> str:
    """Return the name of the running program, or ``placement`` if it is not ours.

    A file such as gunicorn.conf must not configure Placement.
    """
    name = os.path.basename(sys.argv[0]).removesuffix(".py")
    return name if name.startswith(f"{PROJECT}-") else PROJECT


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
            default_config_dirs=default_directories(prog or _program()),
        )
    except cfg.Error as wrong:
        raise exception.ConfigurationError(reason=wrong) from wrong
    return config
