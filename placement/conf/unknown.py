"""Groups and options in configuration files that have no effect."""

import collections.abc

from oslo_config import cfg
from oslo_log import _options as log_options

from placement import conf
from placement.conf import find

# Options of libraries that may not be loaded.
_OF_LIBRARIES = ("keystone_authtoken", "oslo_policy")


def names(config: cfg.ConfigOpts) -> list[str]:
    """Return unknown groups as ``[group]`` and unknown options as ``[group] option``.

    Options are checked in [DEFAULT] and in our own groups. All options that have an
    effect must have been registered.
    """
    known = _known(config)
    found: dict[str, None] = {}
    for path in find.files_read(config):
        sections: dict[str, dict[str, object]] = {}
        cfg.ConfigParser(path, sections).parse()
        for section, options in sections.items():
            found |= dict.fromkeys(_without_effect(config, known, section, options))
    return list(found)


def _without_effect(
    config: cfg.ConfigOpts,
    known: dict[str, set[str]],
    section: str,
    options: collections.abc.Iterable[str],
) -> list[str]:
    # Group names are case-insensitive, except [DEFAULT].
    group = section if section == "DEFAULT" else section.lower()
    if group in known:
        return [
            f"[{section}] {name}" for name in options if _dest(name) not in known[group]
        ]
    is_read = group in config or group in _OF_LIBRARIES
    return [] if is_read else [f"[{section}]"]


def _known(config: cfg.ConfigOpts) -> dict[str, set[str]]:
    """Return all options of [DEFAULT] and our groups, including deprecated names."""
    listed = [(str(group), opts) for group, opts in conf.declared()]
    listed += [("DEFAULT", opts) for _, opts in log_options.list_opts()]
    known: dict[str, set[str]] = {"DEFAULT": {_dest(name) for name in config}}
    for group, opts in listed:
        for opt in opts:
            known.setdefault(group, set()).add(opt.dest)
            for old in opt.deprecated_opts:
                known.setdefault(old.group or group, set()).add(
                    _dest(old.name or opt.name)
                )
    return known


def _dest(name: str) -> str:
    return name.replace("-", "_")
