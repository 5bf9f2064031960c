"""Nova's unified limits, as the commands of Keystone's client print them."""

import dataclasses
import json
import typing
from collections.abc import Iterable

import click

# How unified limits express that there is no limit.
_UNLIMITED = -1
# The greatest limit; it exempts a project from the default.
_NO_LIMIT = 2**53 - 1

_CLASS = "class:"
_SERVERS = "servers"
_CONSUMERS = "consumers"
_DEFAULT_PROJECT = "default"

_Entry = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Converted:
    """Limits by project, and the names of what is no limit of Placement."""

    by_project: dict[str, dict[str, int]]
    skipped: list[str]


def read(file: typing.TextIO) -> list[_Entry]:
    """Return the entries of a file, with names such as ``resource_limit``.

    Raises UsageError.
    """
    try:
        document = json.load(file)
    except ValueError as failure:
        raise click.UsageError(f"{file.name} is not JSON: {failure}.") from failure
    if not isinstance(document, list):
        raise click.UsageError(f"{file.name} is not a JSON list of limits.")
    return [_entry(each, file.name) for each in document]


def _entry(given: typing.Any, name: str) -> _Entry:
    if not isinstance(given, dict):
        raise click.UsageError(f"{name} has an entry that is not an object.")
    # The client prints "Resource Limit", and Keystone's API has resource_limit.
    entry = {key.lower().replace(" ", "_"): value for key, value in given.items()}
    limit = entry.get("resource_limit", entry.get("default_limit"))
    has_name = isinstance(entry.get("resource_name"), str)
    if not has_name or not isinstance(limit, int) or isinstance(limit, bool):
        raise click.UsageError(
            f'{name} has an entry without "Resource Name" and "Default Limit" or '
            f'"Resource Limit": {json.dumps(given)}.'
        )
    if limit < _UNLIMITED:
        raise click.UsageError(
            f"{name}: the limit of {entry['resource_name']} is less than {_UNLIMITED}."
        )
    return entry


def convert(entries: Iterable[_Entry], region: str | None) -> Converted:
    """Return the limits of the entries, of ``region`` if it is given.

    Raises UsageError if there are several limits of one project and name.
    """
    by_project: dict[str, dict[str, int]] = {}
    skipped: dict[str, None] = {}
    for entry in entries:
        if region is not None and entry.get("region_id") != region:
            continue
        name = entry["resource_name"]
        own_name = _own_name(name)
        is_default = "resource_limit" not in entry
        project = _DEFAULT_PROJECT if is_default else entry.get("project_id")
        if own_name is None or not project:
            skipped[name if project else f"{name} of a domain"] = None
            continue
        own = by_project.setdefault(project, {})
        units = entry["default_limit"] if is_default else entry["resource_limit"]
        if units == _UNLIMITED and is_default:
            continue
        units = _NO_LIMIT if units == _UNLIMITED else units
        if own.setdefault(own_name, units) != units:
            raise click.UsageError(
                f"There are several limits of {name} for {project}. Choose a region "
                "with --region."
            )
    return Converted(by_project, list(skipped))


def _own_name(name: str) -> str | None:
    """Return the class or ``consumers``, or None for what Nova limits itself."""
    if name == _SERVERS:
        return _CONSUMERS
    return name.removeprefix(_CLASS) if name.startswith(_CLASS) else None
