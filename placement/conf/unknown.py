"""What files of the configuration say that nobody reads."""

import collections.abc

from oslo_config import cfg
from oslo_log import _options as log_options

from placement import conf
from placement.conf import find

# Their options are known only to libraries that may not be loaded.
_OF_LIBRARIES = ("keystone_authtoken", "oslo_policy")


def names(config: cfg.ConfigOpts) -> list[str]:
    """Return the groups and options of the files that have no effect, as ``[group]``.

    An option is named as ``[group] option``, if it is in a group of ours or in
    [DEFAULT]. All options that have an effect must have been registered.
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
    # Groups are found in any case, but for [DEFAULT].
    group = section if section == "DEFAULT" else section.lower()
    if group in known:
        return [
            f"[{section}] {name}" for name in options if _dest(name) not in known[group]
        ]
    is_read = group in config or group in _OF_LIBRARIES
    return [] if is_read else [f"[{section}]"]


def _known(config: cfg.ConfigOpts) -> dict[str, set[str]]:
    """Return the names of all options, old ones too, of [DEFAULT] and our groups."""
    listed = [(str(group), opts) for group, opts in conf.list_opts()]
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
