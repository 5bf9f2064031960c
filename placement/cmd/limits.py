"""``placement limits``: how much projects may hold."""

import dataclasses
import re
import typing

import click

from placement.cmd import output
from placement.cmd.connection import Connection, pass_connection

if typing.TYPE_CHECKING:
    from placement.client import ProjectLimits

_LIMIT = re.compile(r"([A-Z0-9_]+|consumers)[=:]([0-9]{1,16})", re.ASCII)


@click.group()
def limits() -> None:
    """Show and set how much projects may hold.

    A limit is of a resource class, or of consumers, the number of consumers. The
    project default has the limits of all projects without a limit of that class.
    """


@limits.command("list")
@output.json_option
@pass_connection
def list_limits(connection: Connection, is_json: bool) -> None:
    """List the projects with limits of their own, and how much they hold."""
    found = connection.client().get_all_limits()
    if is_json:
        listed = [dataclasses.asdict(each) for each in found]
        output.print_json({"limits": listed})
        return
    rows = [["project", "limit", "used", "of"]]
    rows += [
        [each.project_id, str(units), str(each.usages.get(name, "-")), name]
        for each in found
        for name, units in each.limits.items()
    ]
    output.print_rows(rows)


@limits.command()
@click.argument("project")
@output.json_option
@pass_connection
def show(connection: Connection, project: str, is_json: bool) -> None:
    """Show the limits of PROJECT, and how much it holds."""
    _print(connection.client().get_limits(project), is_json)


@limits.command("set")
@click.argument("project")
@click.argument("amounts", nargs=-1, required=True, metavar="CLASS=LIMIT...")
@output.json_option
@pass_connection
def set_limits(
    connection: Connection, project: str, amounts: tuple[str, ...], is_json: bool
) -> None:
    """Set limits of PROJECT, such as VCPU=100 consumers=50; others stay."""
    given = _parse(amounts)
    client = connection.client()
    replaced = client.replace_limits(project, _own(connection, project) | given)
    _print(replaced, is_json)


@limits.command()
@click.argument("project")
@click.argument("classes", nargs=-1, metavar="[CLASS]...")
@pass_connection
def unset(connection: Connection, project: str, classes: tuple[str, ...]) -> None:
    """Delete limits of PROJECT; without CLASS, all."""
    client = connection.client()
    if not classes:
        client.delete_limits(project)
    else:
        own = _own(connection, project)
        missing = [name for name in classes if name not in own]
        if missing:
            raise click.UsageError(f"{project} has no limit of {', '.join(missing)}.")
        left = {name: units for name, units in own.items() if name not in classes}
        client.replace_limits(project, left)
    click.echo(f"Deleted {', '.join(classes) or 'all limits'} of {project}.")


@limits.command("import")
@click.argument("files", nargs=-1, required=True, type=click.File(), metavar="FILE...")
@click.option("--region", metavar="ID", help="Only limits of this region.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Change nothing.")
@pass_connection
def import_limits(
    connection: Connection,
    files: tuple[typing.TextIO, ...],
    region: str | None,
    is_dry_run: bool,
) -> None:
    """Import Nova's unified limits from Keystone.

    FILE has the JSON of "openstack registered limit list -f json", which become those
    of the project default, or of "openstack limit list -f json"; - is standard input.
    The limits class:NAME and servers are imported, and replace all limits of their
    projects.
    """
    from placement.cmd import unified_limits  # noqa: PLC0415 - used here only

    entries = [entry for file in files for entry in unified_limits.read(file)]
    found = unified_limits.convert(entries, region)
    rows = [["project", "limit", "of"]]
    client = None if is_dry_run else connection.client()
    for project, own in found.by_project.items():
        if client is not None:
            client.replace_limits(project, own)
        rows += [[project, str(units), name] for name, units in own.items()]
    output.print_rows(rows)
    if found.skipped:
        click.echo(f"Not imported: {', '.join(found.skipped)}.", err=True)


def _parse(texts: tuple[str, ...]) -> dict[str, int]:
    given: dict[str, int] = {}
    for text in texts:
        found = _LIMIT.fullmatch(text)
        if found is None:
            raise click.UsageError(f"Invalid limit '{text}': expected CLASS=LIMIT.")
        if found[1] in given:
            raise click.UsageError(f"The limit of {found[1]} is repeated.")
        given[found[1]] = int(found[2])
    return given


def _own(connection: Connection, project: str) -> dict[str, int]:
    from placement.client import NotFound  # noqa: PLC0415 - slow

    try:
        return connection.client().get_limits(project).limits
    except NotFound:
        return {}


def _print(found: "ProjectLimits", is_json: bool) -> None:
    if is_json:
        output.print_json(dataclasses.asdict(found))
        return
    rows = [["of", "limit", "used", "set by"]]
    for limits_of, source in ((found.limits, "project"), (found.defaults, "default")):
        rows += [
            [name, str(units), str(found.usages.get(name, "-")), source]
            for name, units in limits_of.items()
        ]
    output.print_rows(rows)
