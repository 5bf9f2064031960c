"""``placement providers``: all providers with their usage."""

import typing

import click

from placement.client import ProviderDetails
from placement.cmd import output, progress, provider_documents
from placement.cmd.bars import bar
from placement.cmd.connection import Connection, pass_connection

_INCLUDE = ("inventories", "usages")
_INCLUDE_IN_JSON = (*_INCLUDE, "traits", "aggregates")
_NAME, _FULLNESS = "name", "fullness"
_BAR_CELLS = 10


@click.command()
@click.option(
    "--sort",
    "key",
    default=_NAME,
    show_default=True,
    metavar="KEY",
    help="Sort by name, by fullness (the class with the largest share in use), or by "
    "the share in use of a class, such as VCPU. The fullest come first.",
)
@click.option("--reverse", "is_reverse", is_flag=True, help="Reverse the order.")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Show only the first N."
)
@click.option(
    "--class",
    "classes",
    multiple=True,
    metavar="CLASS",
    help="Show only this resource class; by default all.",
)
@click.option("--roots", "is_only_roots", is_flag=True, help="Show only roots.")
@click.option(
    "--required",
    multiple=True,
    metavar="TRAIT",
    help="Only providers with this trait, without it (!TRAIT), or with one of several "
    "(in:TRAIT,TRAIT).",
)
@click.option(
    "--member-of", multiple=True, metavar="UUID", help="Only members of this aggregate."
)
@output.json_option
@pass_connection
def providers(  # noqa: PLR0913 - one for each option
    connection: Connection,
    *,
    key: str,
    is_reverse: bool,
    limit: int | None,
    classes: tuple[str, ...],
    is_only_roots: bool,
    required: tuple[str, ...],
    member_of: tuple[str, ...],
    is_json: bool,
) -> None:
    """Show all providers with bars of their usage, one line for each."""
    found = []
    with progress.shown("Read providers") as report:
        for details in connection.client().read_providers(
            _INCLUDE_IN_JSON if is_json else _INCLUDE,
            required=required,
            member_of=member_of,
            is_only_roots=is_only_roots,
        ):
            found.append(details)
            if len(found) % 1000 == 0:
                report(len(found), None)
    _require_known([*classes, *([] if key in (_NAME, _FULLNESS) else [key])], found)
    found = _sorted(found, key, is_reverse)[:limit]
    if is_json:
        output.print_json([provider_documents.document(each) for each in found])
    elif found:
        _print_lines(found, classes)
    else:
        click.echo("No providers.")


def _require_known(classes: typing.Iterable[str], found: list[ProviderDetails]) -> None:
    """Raise UsageError for a class that no provider has an inventory of."""
    known = {name for each in found for name in each.inventories}
    for name in classes:
        if found and name not in known:
            raise click.UsageError(
                f"No provider has an inventory of {name}. There are: "
                f"{', '.join(sorted(known)) or 'none'}."
            )


def _sorted(
    found: list[ProviderDetails], key: str, is_reverse: bool
) -> list[ProviderDetails]:
    """Return the providers in the order of ``key``, and then of their names."""
    by_name = sorted(found, key=lambda each: each.provider.name, reverse=is_reverse)
    if key == _NAME:
        return by_name

    def share(details: ProviderDetails) -> float:
        names = details.inventories if key == _FULLNESS else [key]
        return max((_share(details, name) for name in names), default=-1.0)

    return sorted(by_name, key=share, reverse=not is_reverse)


def _share(details: ProviderDetails, name: str) -> float:
    """Return the share of a class that is in use; -1 without an inventory of it."""
    if name not in details.inventories:
        return -1.0
    used, capacity = details.used.get(name, 0), details.inventories[name].capacity
    return used / capacity if capacity > 0 else float(used > 0)


def _print_lines(found: list[ProviderDetails], only: tuple[str, ...]) -> None:
    # This takes the console a while.
    is_ascii = output.console().options.ascii_only
    names = sorted({name for each in found for name in each.inventories})
    columns = [name for name in names if not only or name in only]
    rows = [
        [each.provider.name] + [_cell(each, name, is_ascii) for name in columns]
        for each in found
    ]
    output.print_rows([["provider", *columns], *rows])


def _cell(details: ProviderDetails, name: str, is_ascii: bool) -> str:
    if name not in details.inventories:
        return ""
    used, capacity = details.used.get(name, 0), details.inventories[name].capacity
    return f"{bar(used, capacity, is_ascii, _BAR_CELLS)} {used} of {capacity}"
