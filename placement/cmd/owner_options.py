"""The command line options of the owner of consumers."""

import typing
from collections.abc import Callable

import click

_F = typing.TypeVar("_F", bound=Callable[..., typing.Any])

_OPTIONS = (
    click.option(
        "--project",
        default="default",
        show_default=True,
        help="Project of the consumer.",
    ),
    click.option(
        "--user", default="default", show_default=True, help="User of the consumer."
    ),
    click.option(
        "--type",
        "consumer_type",
        default="INSTANCE",
        show_default=True,
        help="Type of the consumer.",
    ),
)


def options(command: _F) -> _F:
    """Add the options ``project``, ``user`` and ``consumer_type`` to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
