"""``placement why``: explain why a search finds no candidates."""

import typing
from collections.abc import Iterable, Iterator, Mapping

import click

from placement.cmd import output, search_options
from placement.cmd.bars import bar
from placement.cmd.connection import Connection, pass_connection
from placement.cmd.naming import find_provider, provider_names

if typing.TYPE_CHECKING:
    from placement.client import Client

_Json = Mapping[str, typing.Any]


@click.command()
@search_options.options(limit=None)
@click.option(
    "--on",
    "provider",
    metavar="PROVIDER",
    help="Show everything that fails in the tree of this provider, a name or uuid.",
)
@click.option(
    "--hosts",
    type=click.IntRange(0, 1000),
    default=5,
    show_default=True,
    help="Number of nearest hosts.",
)
@output.json_option
@pass_connection
def why(
    connection: Connection,
    search: search_options.Search,
    *,
    provider: str | None,
    hosts: int,
    is_json: bool,
) -> None:
    """Explain why a search finds no candidates, or too few, or none on one host.

    For example: placement why VCPU=64 --required CUSTOM_FAST --on compute-7
    """
    client = connection.client()
    query = search.query(lambda wanted: find_provider(client, wanted).uuid)
    found = client.explain(query, hosts=hosts, provider=provider)
    if is_json:
        output.print_json(found)
        return
    names = {} if provider is None else _names(client, found)
    is_ascii = output.console().options.ascii_only
    click.echo("\n".join(_lines(found, names, is_ascii)))


def _names(client: "Client", found: _Json) -> dict[str, str]:
    """Return the names of the providers in the tree that is explained, by uuid."""
    (tree,) = found["nearest"]
    uuids = {each["provider"] for each in tree["failed"] if "provider" in each}
    return provider_names(client, uuids | {tree["root"]})


def _lines(found: _Json, names: Mapping[str, str], is_ascii: bool) -> Iterator[str]:
    """Yield what is shown; ``names`` are those of the only tree, if there is one."""
    if found["cause"] == "fits":
        yield f"{found['summary']}."
    else:
        yield f"No candidates ({found['cause']}): {found['summary']}."
    if not found["complete"]:
        yield "The time limit was reached; the figures are not complete."
    yield ""
    yield from _funnel(found, is_ascii)
    for title, lines in (
        _tree(found, names)
        if names
        else ("Nearest hosts, and what they lack:", _nearest(found)),
        ("It would fit with one of these changes:", _relaxations(found)),
    ):
        shown = list(lines)
        if shown:
            yield from ("", title, *shown)


def _funnel(found: _Json, is_ascii: bool) -> Iterator[str]:
    """Yield a line with a bar for each condition: the roots that are left after it."""
    rows: list[tuple[str, int | None, str]] = [("all hosts", found["roots"], "")]
    rows += [_row(step) for step in found["anchor"]]
    for group in found["groups"]:
        rows.append((_slot(group), None, ""))
        rows += [_row(step) for step in group["steps"]]
    rows += [
        (f"  {each['rule']}", None, f"leaves none on {_hosts(each['roots'])}")
        for each in found["combine"]
        if each["roots"]
    ]
    rows.append(("candidates", found["fits"], ""))
    width = max(len(name) for name, _, _ in rows)
    digits = len(str(found["roots"]))
    for name, count, note in rows:
        if count is None:
            yield f"{name:<{width}}  {note}".rstrip()
        else:
            shown = bar(count, found["roots"], is_ascii)
            yield f"{name:<{width}}  {shown} {count:>{digits}}  {note}".rstrip()


def _row(step: _Json) -> tuple[str, int, str]:
    note = f"{_hosts(step['only'])} only by this" if step["only"] else ""
    return f"  {_condition(step)}", step["left"], note


def _nearest(found: _Json) -> Iterator[str]:
    for near in found["nearest"]:
        failed = "; ".join(dict.fromkeys(map(_failure, near["failed"])))
        yield f"  {near['name']}: {failed or 'nothing'}"


def _tree(found: _Json, names: Mapping[str, str]) -> tuple[str, Iterable[str]]:
    """Return a title, and what fails at each provider."""
    (tree,) = found["nearest"]
    failed: dict[str, dict[str, None]] = {}
    for each in tree["failed"]:
        uuid = each.get("provider", tree["root"])
        failed.setdefault(names.get(uuid, uuid), {})[_failure(each)] = None
    lines = [f"  {name}: {'; '.join(reasons)}" for name, reasons in failed.items()]
    return f"What fails in the tree of {tree['name']}:", lines or ["  nothing"]


def _failure(failed: _Json) -> str:
    if "rule" in failed:
        return f"the rule {failed['rule']}"
    name = failed.get("resource_class")
    what = f" of group {failed['suffix']}" if failed.get("suffix") else ""
    condition = failed["condition"]
    if "asked" not in failed:
        return f"{_condition(failed)}{what}"
    if condition == "offers":
        return f"no {name}{what}"
    if condition in ("size", "room"):
        return (
            f"{name}{what} {failed['short']} short "
            f"({failed['free']} free of {failed['capacity']})"
        )
    return f"{name}{what}: {condition} {failed[condition]}"


def _relaxations(found: _Json) -> Iterator[str]:
    for each in found["relax"]:
        changes = " and ".join(_change(found, change) for change in each["change"])
        yield f"  {changes}: {_hosts(each['roots'])}"


def _change(found: _Json, change: _Json) -> str:
    if "rule" in change:
        return f"without the rule {change['rule']}"
    what = f" of group {change['suffix']}" if change.get("suffix") else ""
    name = change.get("resource_class")
    if "to" in change:
        return f"{name}={change['to']}{what} ({change['condition']})"
    if change["condition"] == "offers":
        return f"without {name}{what}"
    of_class = f" of {name}" if name else what
    return f"without {_condition(change)}{of_class}"


def _condition(step: _Json) -> str:
    """Return the name of a condition, with what it is about."""
    values = step.get("value")
    if not values:
        return str(step["condition"])
    shown = ",".join(values[:3]) + (",..." if len(values) > 3 else "")
    return f"{step['condition']} {shown}"


def _slot(group: _Json) -> str:
    if group["resource_class"] is not None:
        return f"{group['resource_class']}={group['amount']}"
    amounts = ",".join(f"{name}={n}" for name, n in group["resources"].items())
    return f"group {group['suffix']} {amounts}".rstrip()


def _hosts(number: int) -> str:
    return output.counted(number, "host")
