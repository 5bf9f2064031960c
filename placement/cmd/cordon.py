"""``placement cordon`` and ``uncordon``: take hosts out of service, and return them."""

import datetime

import click

from placement.client import ProviderState
from placement.cmd import naming, output, times
from placement.cmd.connection import Connection, pass_connection

_no_subtree = click.option(
    "--no-subtree",
    "is_alone",
    is_flag=True,
    help="Only this provider, not those below it.",
)


@click.command()
@click.argument("host")
@click.option("--reason", default="", metavar="TEXT", help="Text for people.")
@click.option(
    "--until",
    callback=times.parse,
    metavar="TIME",
    help="Return to service at this time, such as 2030-01-31T12:00; local time unless "
    "it has a zone.",
)
@click.option(
    "--quarantine", is_flag=True, help="Also hide it from lists of all providers."
)
@_no_subtree
@output.json_option
@pass_connection
def cordon(
    connection: Connection,
    *,
    host: str,
    reason: str,
    until: datetime.datetime | None,
    quarantine: bool,
    is_alone: bool,
    is_json: bool,
) -> None:
    """Let HOST, a name or uuid, take no new or larger allocations.

    What it has allocated stays, and can shrink and leave.
    """
    client = connection.client()
    found = client.set_provider_state(
        naming.find_provider(client, host).uuid,
        "quarantined" if quarantine else "cordoned",
        reason=reason,
        until=until,
        has_subtree=not is_alone,
    )
    _print(found, is_json)


@click.command()
@click.argument("host")
@_no_subtree
@output.json_option
@pass_connection
def uncordon(
    connection: Connection, *, host: str, is_alone: bool, is_json: bool
) -> None:
    """Return HOST, a name or uuid, to service."""
    client = connection.client()
    found = client.set_provider_state(
        naming.find_provider(client, host).uuid,
        "in_service",
        has_subtree=not is_alone,
    )
    _print(found, is_json)


def _print(found: ProviderState, is_json: bool) -> None:
    if is_json:
        output.print_json(found.to_document())
        return
    state = "in service" if found.is_in_service else found.state
    until = ""
    if found.until is not None:
        until = f" until {found.until.astimezone().isoformat(sep=' ')}"
    click.echo(f"{found.name} ({found.uuid}) is {state}{until}.")
