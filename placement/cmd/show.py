"""``placement show``: provider trees and their usage."""

import dataclasses
import typing

import click

from placement.client import Client, Inventory, ProviderDetails
from placement.cmd import output, provider_documents
from placement.cmd.bars import bar
from placement.cmd.connection import Connection, pass_connection
from placement.cmd.naming import find_provider

if typing.TYPE_CHECKING:
    import rich.tree


@dataclasses.dataclass(frozen=True, slots=True)
class Tree:
    """One provider and its children, in order of name."""

    root: ProviderDetails
    children: list["Tree"]


@click.command()
@click.argument("provider", required=False)
@click.option("--traits", "has_traits", is_flag=True, help="Show traits as well.")
@output.json_option
@pass_connection
def show(
    connection: Connection, provider: str | None, has_traits: bool, is_json: bool
) -> None:
    """Show all provider trees, or only that of PROVIDER, a name or uuid."""
    client = connection.client()
    trees = read_trees(client, provider, has_traits=has_traits or is_json)
    if is_json:
        output.print_json([_document(tree) for tree in trees])
        return
    console = output.console()
    # The console takes a while to find out.
    is_ascii = console.options.ascii_only
    for tree in trees:
        console.print(_rendered(tree, has_traits, is_ascii))
    if not trees:
        click.echo(
            "There are no providers yet. Add this machine with `placement host report`."
        )


def read_trees(client: Client, wanted: str | None, *, has_traits: bool) -> list[Tree]:
    """Return the tree of the wanted provider, or all trees in order of their roots'
    names.

    Costs one request per 1,000 providers. A provider whose parent was created or moved
    between two pages may be missing, with its descendants.
    Raises NotPossibleNow when the provider does not exist.
    """
    include = ["inventories", "usages", *(["traits"] if has_traits else [])]
    in_tree = None if wanted is None else find_provider(client, wanted).root_uuid
    below: dict[str | None, list[ProviderDetails]] = {}
    for details in client.read_providers(include, in_tree):
        below.setdefault(details.provider.parent_uuid, []).append(details)
    return _trees(None, below)


def _trees(
    parent_uuid: str | None, below: dict[str | None, list[ProviderDetails]]
) -> list[Tree]:
    children = sorted(
        below.get(parent_uuid, ()), key=lambda details: details.provider.name
    )
    return [Tree(child, _trees(child.provider.uuid, below)) for child in children]


def _rendered(tree: Tree, has_traits: bool, is_ascii: bool) -> "rich.tree.Tree":
    from rich.text import Text  # noqa: PLC0415 - slow
    from rich.tree import Tree as RichTree  # noqa: PLC0415 - slow

    shown = tree.root
    rendered = RichTree(
        Text.assemble((shown.provider.name, "bold"), f"  {shown.provider.uuid}")
    )
    width = max((len(name) for name in shown.inventories), default=0)
    for name, inventory in sorted(shown.inventories.items()):
        used = shown.used.get(name, 0)
        line = bar(used, inventory.capacity, is_ascii)
        text = f"{name:<{width}}  {line}  {used} of {inventory.capacity}"
        rendered.add(
            Text(text + _remarks(inventory), no_wrap=True, overflow="ellipsis")
        )
    if has_traits and shown.traits:
        rendered.add(Text(" ".join(sorted(shown.traits)), "dim"))
    for child in tree.children:
        rendered.add(_rendered(child, has_traits, is_ascii))
    return rendered


def _remarks(inventory: Inventory) -> str:
    """Return the total, reserved amount and ratio if the capacity is not the total."""
    remarks = []
    if inventory.reserved:
        remarks.append(f"reserved {inventory.reserved}")
    if inventory.allocation_ratio != 1:
        remarks.append(f"ratio {inventory.allocation_ratio:g}")
    if not remarks:
        return ""
    return f"  (total {inventory.total}, {', '.join(remarks)})"


def _document(tree: Tree) -> dict[str, typing.Any]:
    shown = tree.root
    return {
        "uuid": shown.provider.uuid,
        "name": shown.provider.name,
        "generation": shown.provider.generation,
        "inventories": provider_documents.inventories(shown),
        "traits": sorted(shown.traits),
        "children": [_document(child) for child in tree.children],
    }
