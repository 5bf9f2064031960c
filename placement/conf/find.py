"""Where the configuration comes from.

Values come, the first that has one, from the command line, the environment
(``OS_<GROUP>__<OPTION>``), the files, the defaults. Of several files, the one that is
read last wins: first the default file or the one of ``OS_PLACEMENT_CONFIG_DIR``, then
the drop-in files of the default places, then what the command line names, in its order.
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

    ``environ`` says in ``OS_PLACEMENT_CONFIG_DIR`` which directory has the file;
    without it the file is looked for in the default places, and may be missing.
    Drop-in files are those of the default places in either case. Overrides are always
    read from the environment of the process.

    Raises ConfigurationError when the named file is missing or cannot be read.
    Source: API reference, "Configuration".
    """
    directory = environ.get(DIRECTORY_VARIABLE, "").strip()
    if not directory:
        return _parse(_new(), [], default_files(_program()))
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

    ``--config-file`` replaces the default file, and ``--config-dir`` the drop-in
    directories of the default places. ``options`` are the command's own. ``prog`` names
    more default files, and is shown by ``--help``, ``version`` by ``--version``.

    Raises ConfigurationError when a named file is missing or cannot be read, and
    SystemExit, as argparse does, for arguments that are wrong or ask for help.
    """
    config = _new()
    config.register_cli_opts(options)
    return _parse(config, argv, default_files(prog or _program()), prog, version)


def default_files(prog: str = PROJECT) -> list[str]:
    """Return the first placement.conf of the default places, or nothing.

    They are ``~/.placement``, ``~``, ``/etc/placement`` and ``/etc``, and those of a
    snap package. A program of another name has a file of that name besides, such as
    placement-manage.conf, which is read after it.
    """
    return list(dict.fromkeys(cfg.find_config_files(PROJECT, prog)))


def default_directories(prog: str = PROJECT) -> list[str]:
    """Return the first placement.conf.d of the default places, or nothing.

    Its ``*.conf`` are read in the order of their names. The places, and what ``prog``
    adds, are those of ``default_files``.
    """
    return list(dict.fromkeys(cfg.find_config_dirs(PROJECT, prog)))


def files_read(config: cfg.ConfigOpts) -> list[str]:
    """Return the paths of the files that ``config`` was read from, in no order."""
    if "config_file" not in config:
        # It was not read from any.
        return []
    dropped_in = (
        path
        for directory in config.config_dir or ()
        for path in sorted(glob.glob(os.path.join(directory, "*.conf")))
    )
    return [*(config.config_file or ()), *dropped_in]


def _program() -> str:
    """Return the name of the running program, if it is one of Placement's.

    The files of other programs are theirs: a gunicorn.conf does not configure us.
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
