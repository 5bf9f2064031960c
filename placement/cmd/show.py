"""``placement show``: provider trees and how much of them is used."""

import dataclasses
import json
import typing
import uuid
from collections.abc import Iterator

import click

from placement.client import Client, Inventory, NotFound, Provider
from placement.cmd.connection import Connection, pass_connection
from placement.cmd.failures import NotPossibleNow

if typing.TYPE_CHECKING:
    from rich.console import Console
    from rich.tree import Tree

_BAR_CELLS = 24


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """One provider with what is shown of it, and the providers below it."""

    provider: Provider
    inventories: dict[str, Inventory]
    used: dict[str, int]
    traits: list[str]
    children: list["Shown"]


@click.command()
@click.argument("provider", required=False)
@click.option("--traits", "has_traits", is_flag=True, help="Show traits as well.")
@click.option("--json", "is_json", is_flag=True, help="The trees for programs.")
@pass_connection
def show(
    connection: Connection, provider: str | None, has_traits: bool, is_json: bool
) -> None:
    """Show all trees, or the one that PROVIDER (a name or uuid) is in."""
    client = connection.client()
    trees = read_trees(client, provider)
    if is_json:
        click.echo(json.dumps([_document(tree) for tree in trees], indent=2))
        return
    console = _console()
    count = 0
    for count, tree in enumerate(trees, 1):  # noqa: B007
        console.print(_rendered(console, tree, has_traits))
    if not count:
        click.echo("There are no providers yet: try `placement host report`.")


def read_trees(client: Client, wanted: str | None) -> Iterator[Shown]:
    """Yield the tree of the provider wanted, or all trees by the name of their root.

    Lazy: each provider costs three requests when its tree is taken. A provider that
    is deleted meanwhile is left out, with what is below it.
    Raises NotPossibleNow when there is no such provider.
    """
    if wanted is None:
        providers = client.get_providers()
    else:
        providers = client.get_providers(in_tree=_find(client, wanted).root_uuid)
    below: dict[str | None, list[Provider]] = {}
    for provider in sorted(providers, key=lambda each: each.name):
        below.setdefault(provider.parent_uuid, []).append(provider)
    for root in below.get(None, []):
        yield from _read(client, root, below)


def bar(used: int, capacity: int, is_ascii: bool) -> str:
    """Return a bar of ``_BAR_CELLS`` cells; what is used at all shows.

    Full from capacity on: a provider may be used beyond it.
    """
    full, empty = ("#", "-") if is_ascii else ("█", "░")
    cells = _BAR_CELLS if used else 0
    if used and used < capacity:
        cells = max(1, _BAR_CELLS * used // capacity)
    return full * cells + empty * (_BAR_CELLS - cells)


def _find(client: Client, wanted: str) -> Provider:
    found = client.get_providers(name=wanted)
    if not found and _is_uuid(wanted):
        found = client.get_providers(uuid=wanted)
    if not found:
        raise NotPossibleNow(f"There is no provider with the name or uuid {wanted}.")
    return found[0]


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _read(
    client: Client, provider: Provider, below: dict[str | None, list[Provider]]
) -> Iterator[Shown]:
    try:
        inventories = client.get_inventories(provider.uuid).by_class
        used = client.get_usages(provider.uuid).resources
        traits = client.get_provider_traits(provider.uuid).names
    except NotFound:
        return
    children = [
        shown
        for child in below.get(provider.uuid, [])
        for shown in _read(client, child, below)
    ]
    yield Shown(provider, dict(inventories), dict(used), sorted(traits), children)


def _console() -> "Console":
    from rich.console import Console  # noqa: PLC0415 - slow

    return Console(highlight=False)


def _rendered(console: "Console", shown: Shown, has_traits: bool) -> "Tree":
    from rich.text import Text  # noqa: PLC0415 - slow
    from rich.tree import Tree  # noqa: PLC0415 - slow

    tree = Tree(
        Text.assemble((shown.provider.name, "bold"), f"  {shown.provider.uuid}")
    )
    width = max((len(name) for name in shown.inventories), default=0)
    for name, inventory in sorted(shown.inventories.items()):
        used = shown.used.get(name, 0)
        line = bar(used, inventory.capacity, console.options.ascii_only)
        text = f"{name:<{width}}  {line}  {used} of {inventory.capacity}"
        tree.add(Text(text + _remarks(inventory), no_wrap=True, overflow="ellipsis"))
    if has_traits and shown.traits:
        tree.add(Text(" ".join(shown.traits), "dim"))
    for child in shown.children:
        tree.add(_rendered(console, child, has_traits))
    return tree


def _remarks(inventory: Inventory) -> str:
    """Say how the capacity comes from the total, where it is not the same."""
    remarks = []
    if inventory.reserved:
        remarks.append(f"reserved {inventory.reserved}")
    if inventory.allocation_ratio != 1:
        remarks.append(f"ratio {inventory.allocation_ratio:g}")
    if not remarks:
        return ""
    return f"  (total {inventory.total}, {', '.join(remarks)})"


def _document(shown: Shown) -> dict[str, typing.Any]:
    return {
        "uuid": shown.provider.uuid,
        "name": shown.provider.name,
        "generation": shown.provider.generation,
        "inventories": {
            name: {
                **inventory.to_document(),
                "capacity": inventory.capacity,
                "used": shown.used.get(name, 0),
            }
            for name, inventory in shown.inventories.items()
        },
        "traits": shown.traits,
        "children": [_document(child) for child in shown.children],
    }
