"""Read a unit of systemd, as far as a test can do what systemd does."""

import pathlib
import shlex
import typing

# Directories that systemd makes, by the option that names them.
_ROOTS = {"RuntimeDirectory": "/run", "StateDirectory": "/var/lib"}
_SPECIFIERS = {"%t": "/run", "%S": "/var/lib"}


class Unit(typing.NamedTuple):
    """The section ``[Service]``; ``user`` is None for root."""

    command: list[str]
    environment: dict[str, str]
    user: str | None
    directories: list[tuple[str, str]]
    options: dict[str, list[str]]


def read(path: pathlib.Path) -> Unit:
    """Return the service of a unit. The user of ``DynamicUser`` is ``placement``."""
    options: dict[str, list[str]] = {}
    section = ""
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            for specifier, meaning in _SPECIFIERS.items():
                value = value.replace(specifier, meaning)
            options.setdefault(name, []).append(value)
    user = options.get("User", [None])[0]
    if options.get("DynamicUser") == ["true"]:
        user = "placement"
    return Unit(
        shlex.split(options.get("ExecStart", [""])[0]),
        dict(one.split("=", 1) for one in options.get("Environment", [])),
        user,
        [
            (f"{root}/{name}", options.get(f"{option}Mode", ["0755"])[0])
            for option, root in _ROOTS.items()
            for name in options.get(option, [])
        ],
        options,
    )
