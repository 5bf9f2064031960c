"""``placement change``: add and remove what a provider has."""

import collections.abc
import dataclasses
import typing

import click

from placement.client import Inventory
from placement.cmd import naming, output, provider_documents
from placement.cmd.connection import Connection, pass_connection

_Command = typing.TypeVar("_Command", bound=collections.abc.Callable[..., typing.Any])

_FIELDS = {each.name: each.type for each in dataclasses.fields(Inventory)}


class _Offer(click.ParamType):  # type: ignore[type-arg]  # generic since Click 8.3
    """``CLASS=TOTAL,FIELD=VALUE,...``."""

    name = "offer"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Inventory]:
        resource_class, _, rest = value.partition("=")
        total, *others = rest.split(",")
        given = dict(each.partition("=")[::2] for each in others)
        unknown = sorted(given.keys() - _FIELDS.keys())
        if unknown:
            known = ", ".join(name for name in _FIELDS if name != "total")
            self.fail(f"{unknown[0]!r} is not one of {known}.", param, ctx)
        try:
            numbers = {name: _number(name, text) for name, text in given.items()}
            return resource_class, Inventory(**{"total": int(total), **numbers})
        except ValueError:
            self.fail(f"{value!r} is not CLASS=TOTAL,FIELD=NUMBER,...", param, ctx)


def _number(field: str, text: str) -> typing.Any:
    return float(text) if _FIELDS[field] is float else int(text)


def _names(
    option: str, parameter: str, metavar: str, text: str
) -> collections.abc.Callable[[_Command], _Command]:
    return click.option(option, parameter, multiple=True, metavar=metavar, help=text)


@click.command()
@click.argument("host")
@_names("--add-trait", "add_traits", "TRAIT", "Add an existing trait.")
@_names("--remove-trait", "remove_traits", "TRAIT", "Remove a trait.")
@_names("--add-aggregate", "add_aggregates", "UUID", "Add it to an aggregate.")
@_names(
    "--remove-aggregate", "remove_aggregates", "UUID", "Remove it from an aggregate."
)
@click.option(
    "--set",
    "offers",
    type=_Offer(),
    multiple=True,
    metavar="CLASS=TOTAL,FIELD=NUMBER,...",
    help="Replace the inventory of a class, for example VCPU=64,reserved=4. Other "
    "fields have their defaults.",
)
@_names("--unset", "remove_inventories", "CLASS", "Remove the inventory of a class.")
@output.json_option
@pass_connection
def change(
    connection: Connection,
    /,
    *,
    host: str,
    offers: tuple[tuple[str, Inventory], ...],
    is_json: bool,
    **names: tuple[str, ...],
) -> None:
    """Add and remove traits, aggregates and inventories of HOST, a name or uuid.

    Changes nothing else, and does not conflict with other services that change the same
    provider. What is there already, or not there to be removed, is no error.
    """
    by_class = dict(offers)
    if len(by_class) < len(offers):
        raise click.UsageError("--set names a class more than once.")
    client = connection.client()
    uuid = naming.find_provider(client, host).uuid
    changed = client.change_provider(uuid, set_inventories=by_class, **names)
    if is_json:
        output.print_json(provider_documents.document(changed))
    else:
        provider = changed.provider
        click.echo(
            f"{provider.name} ({provider.uuid}) is at generation {provider.generation}."
        )
