"""``placement consumers``: find consumers, audit them, and release them."""

import typing
import uuid

import click

from placement.client import values
from placement.cmd import consumer_options, output, progress
from placement.cmd.connection import Connection, pass_connection
from placement.cmd.consumer_audit import audit

_reason = click.option("--reason", default="", metavar="TEXT", help="Text for people.")


@click.group(invoke_without_command=True)
@consumer_options.filters
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Show only the first N."
)
@output.json_option
@click.pass_context
def consumers(
    ctx: click.Context,
    within: values.ConsumerFilters,
    limit: int | None,
    is_json: bool,
) -> None:
    """List consumers and what they hold, or audit or release them."""
    if ctx.invoked_subcommand is None:
        connection = ctx.find_object(Connection)
        assert connection is not None
        _list(connection, within, limit, is_json)


def _list(
    connection: Connection,
    within: values.ConsumerFilters,
    limit: int | None,
    is_json: bool,
) -> None:
    found = []
    with progress.shown("Read consumers") as report:
        for each in connection.client().read_consumers(within):
            found.append(each)
            if len(found) == limit:
                break
            if len(found) % 1000 == 0:
                report(len(found), None)
    if is_json:
        output.print_json([each.to_document() for each in found])
    elif found:
        consumer_options.print_table(found)
    else:
        click.echo("No consumers.")


consumers.add_command(audit)


class _Wanted(click.ParamType):  # type: ignore[type-arg]  # generic since Click 8.3
    """A uuid, with the generation behind ``@`` if it is given."""

    name = "consumer"

    def convert(
        self,
        value: typing.Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, int | None]:
        text, has_generation, generation = value.partition("@")
        try:
            return str(uuid.UUID(text)), int(generation) if has_generation else None
        except ValueError:
            self.fail(f"{value!r} is not a uuid, or a uuid@generation.", param, ctx)


@consumers.command()
@click.argument(
    "wanted", metavar="CONSUMER...", type=_Wanted(), nargs=-1, required=True
)
@_reason
@click.option("--dry-run", is_flag=True, help="Only show what would be released.")
@output.json_option
@pass_connection
def release(
    connection: Connection,
    *,
    wanted: tuple[tuple[str, int | None], ...],
    reason: str,
    dry_run: bool,
    is_json: bool,
) -> None:
    """Release consumers with all that they hold, all or none.

    A CONSUMER is a uuid, or uuid@generation to release it only if it has not changed
    since that generation was shown.
    """
    client = connection.client()
    generations = dict(wanted)
    unknown = [each for each, generation in wanted if generation is None]
    for found in client.read_consumers(uuids=unknown):
        generations[found.uuid] = found.generation
    # The service refuses unknown consumers, whatever their generation is.
    released = client.release_consumers(
        {each: generation or 0 for each, generation in generations.items()},
        reason,
        is_validated_only=dry_run,
    )
    if is_json:
        output.print_json([each.to_document() for each in released])
        return
    consumer_options.print_table(released)
    verb = "Would release" if dry_run else "Released"
    click.echo(f"{verb} {output.counted(len(released), 'consumer')}.")


@consumers.command()
@click.argument("consumer", required=False, type=click.UUID)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Show only the last N."
)
@output.json_option
@pass_connection
def releases(
    connection: Connection,
    consumer: uuid.UUID | None,
    limit: int | None,
    is_json: bool,
) -> None:
    """Show who has released consumers, when and why, the last one first.

    With --json also the request that puts a consumer back.
    """
    found = []
    for each in connection.client().read_releases(consumer):
        found.append(each)
        if len(found) == limit:
            break
    if is_json:
        output.print_json([each.to_document() for each in found])
        return
    rows = [
        [
            each.consumer,
            f"{each.released_at:%Y-%m-%d %H:%M:%S}",
            each.user_id or "",
            each.reason,
        ]
        for each in found
    ]
    output.print_rows([["consumer", "released at (UTC)", "by user", "reason"], *rows])
