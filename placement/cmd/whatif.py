"""``placement whatif``: would the consumers of lost hosts fit on the others."""

import typing

import click

from placement.cmd import output, plan_output
from placement.cmd.connection import Connection, pass_connection
from placement.cmd.failures import NotPossibleNow
from placement.cmd.naming import find_provider

if typing.TYPE_CHECKING:
    from placement.client import WhatIf


@click.command()
@click.argument("hosts", nargs=-1, metavar="[HOST]...")
@click.option(
    "--any",
    "any_count",
    type=click.IntRange(min=1),
    metavar="N",
    help="Lose any N hosts, in place of those that are named.",
)
@plan_output.restrictions
@output.json_option
@pass_connection
def whatif(
    connection: Connection,
    /,
    *,
    hosts: tuple[str, ...],
    any_count: int | None,
    is_json: bool,
    **restrictions: typing.Any,
) -> None:
    """Find out whether the consumers of each HOST would fit on the other hosts.

    HOST is a name or uuid of a root; all of them are lost together. With --any, any N
    hosts of the cloud can be lost. Changes nothing. The exit status is 1 if the answer
    is not yes.
    """
    if bool(hosts) == (any_count is not None):
        raise click.UsageError("Name hosts, or give --any.")
    client = connection.client()
    if any_count is None:
        lost = [find_provider(client, each).uuid for each in hosts]
        found = client.what_if_lost(lost, **restrictions)
    else:
        found = client.what_if_any_lost(any_count, **restrictions)
    if is_json:
        output.print_json(found.document)
    else:
        plan_output.print_plan(found)
        _print_worst(found)
    if found.answer != "yes":
        raise NotPossibleNow(f"The answer is {found.answer}.")


def _print_worst(found: "WhatIf") -> None:
    if found.worst:
        rows = [
            [
                each.name,
                str(each.consumers),
                f"{each.resource_class}: {each.needed} of {each.free} free",
            ]
            for each in found.worst
        ]
        click.echo()
        output.print_rows([["host", "consumers", "needs most"], *rows])
