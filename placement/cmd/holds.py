"""``placement holds``: claims that expire unless they are confirmed."""

import typing
import uuid

import click

from placement.cmd import output
from placement.cmd.connection import Connection, pass_connection

if typing.TYPE_CHECKING:
    from placement.client import Hold


@click.group(invoke_without_command=True)
@output.json_option
@click.pass_context
def holds(ctx: click.Context, is_json: bool) -> None:
    """List the holds, or confirm or extend one."""
    if ctx.invoked_subcommand is None:
        _list(ctx.find_object(Connection), is_json)


def _list(connection: Connection | None, is_json: bool) -> None:
    assert connection is not None
    found = connection.client().holds()
    if is_json:
        output.print_json([_document(each) for each in found])
        return
    rows = [[each.consumer, f"{each.expires_at:%Y-%m-%d %H:%M:%S}"] for each in found]
    output.print_rows([["consumer", "expires at (UTC)"], *rows])


@holds.command()
@click.argument("consumer", type=click.UUID)
@pass_connection
def confirm(connection: Connection, consumer: uuid.UUID) -> None:
    """Let a consumer keep what it holds."""
    connection.client().confirm(consumer)


@holds.command()
@click.argument("consumer", type=click.UUID)
@click.argument("seconds", type=click.IntRange(min=1))
@pass_connection
def extend(connection: Connection, consumer: uuid.UUID, seconds: int) -> None:
    """Let a hold expire SECONDS from now."""
    extended = connection.client().extend(consumer, seconds)
    click.echo(f"{extended.consumer} expires at {extended.expires_at:%H:%M:%S} UTC")


def _document(hold: "Hold") -> dict[str, str]:
    return {"consumer": hold.consumer, "expires_at": hold.expires_at.isoformat()}
