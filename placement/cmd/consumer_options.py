"""The options and the table of commands for many consumers."""

import dataclasses
import functools
import typing
from collections.abc import Callable, Iterable

import click

from placement.client import values
from placement.cmd import output, times

_OPTIONS = (
    click.option("--project", "project_id", help="Consumers of this project."),
    click.option("--user", "user_id", help="Consumers of this user."),
    click.option(
        "--type", "consumer_type", help="Consumers of this type; unknown: without one."
    ),
    click.option("--provider", help="Consumers of this provider, by its name or uuid."),
    click.option(
        "--in-tree", help="Consumers in the tree of this provider, by its name or uuid."
    ),
    click.option("--class", "resource_class", help="Consumers that hold this class."),
    click.option(
        "--created-before",
        metavar="TIME",
        callback=times.parse,
        help="Such as 2030-01-31T12:00; local time unless it has a zone.",
    ),
    click.option("--updated-before", metavar="TIME", callback=times.parse),
)
_NAMES = [field.name for field in dataclasses.fields(values.ConsumerFilters)]


def filters(command: Callable[..., typing.Any]) -> Callable[..., typing.Any]:
    """Add the filters as options; the command gets them as ``within``."""

    @functools.wraps(command)
    def with_filters(*args: typing.Any, **options: typing.Any) -> typing.Any:
        given = {name: options.pop(name) for name in _NAMES}
        return command(*args, within=values.ConsumerFilters(**given), **options)

    found: Callable[..., typing.Any] = with_filters
    for option in reversed(_OPTIONS):
        found = option(found)
    return found


def print_table(consumers: Iterable[values.ConsumerDetails]) -> None:
    """Print a line for each consumer."""
    rows = [
        [
            each.uuid,
            str(each.generation),
            each.project_id or "",
            each.consumer_type,
            "" if each.created_at is None else f"{each.created_at:%Y-%m-%d %H:%M}",
            _held(each),
        ]
        for each in consumers
    ]
    header = ["consumer", "generation", "project", "type", "created (UTC)", "holds"]
    output.print_rows([header, *rows])


def _held(consumer: values.ConsumerDetails) -> str:
    return "; ".join(
        f"{share.name}: "
        + ", ".join(f"{name} {units}" for name, units in share.resources.items())
        for share in consumer.by_provider.values()
    )
