"""``placement watch``: changes of providers and consumers, as they happen."""

import contextlib
import itertools
import json
import typing

import click

from placement.cmd.connection import Connection, pass_connection

if typing.TYPE_CHECKING:
    from placement.client import Change

_NOW = "now"
_POSITION_DIGITS_MAX = 18


def _parse_position(
    _ctx: click.Context, _param: click.Parameter, value: str
) -> int | str:
    if value == _NOW:
        return value
    if value.isascii() and value.isdigit() and len(value) <= _POSITION_DIGITS_MAX:
        return int(value)
    raise click.BadParameter(f"{value!r} is neither a position nor {_NOW}.")


@click.command()
@click.option(
    "--after",
    default=_NOW,
    show_default=True,
    callback=_parse_position,
    metavar="POSITION",
    help="Begin after this position; 0 is before the first change.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    help="Only changes of this kind, such as inventory; can be repeated.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    metavar="N",
    help="Stop after N changes; by default never.",
)
@click.option("--json", "is_json", is_flag=True, help="Print a JSON object per line.")
@pass_connection
def watch(
    connection: Connection,
    *,
    after: int | str,
    kinds: tuple[str, ...],
    count: int | None,
    is_json: bool,
) -> None:
    """Print changes of providers and consumers, one per line, as they happen.

    To continue later, give the position of the last change to --after. The feed of
    changes must be enabled in the configuration of the service.
    """
    changes = connection.client().watch(after, kinds)
    # Ctrl-C is how it is stopped.
    with contextlib.suppress(KeyboardInterrupt):
        for change in itertools.islice(changes, count):
            click.echo(json.dumps(_document(change)) if is_json else _line(change))


def _document(change: "Change") -> dict[str, typing.Any]:
    subject = (
        {"provider": change.provider}
        if change.consumer is None
        else {"consumer": change.consumer}
    )
    return {
        "position": change.position,
        "kind": change.kind,
        **subject,
        "generation": change.generation,
    }


def _line(change: "Change") -> str:
    subject = (
        f"provider {change.provider}"
        if change.consumer is None
        else f"consumer {change.consumer}"
    )
    end = "gone" if change.generation is None else f"generation {change.generation}"
    return f"{change.position}  {change.kind}  {subject}  {end}"
