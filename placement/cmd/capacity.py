"""``placement capacity``: how many more consumers of a request fit."""

import typing

import click

from placement.cmd import output, search_options
from placement.cmd.bars import bar
from placement.cmd.connection import Connection, pass_connection
from placement.cmd.failures import NotPossibleNow
from placement.cmd.naming import find_provider

if typing.TYPE_CHECKING:
    from placement.client import Bounds, Capacity

# The name of the request in the body.
_NAME = "request"

_HOSTS_MAX = 1000


@click.command()
@search_options.options(limit=None)
@click.option("--by-aggregate", is_flag=True, help="Show the count by aggregate, too.")
@click.option(
    "--by-trait",
    "by_traits",
    multiple=True,
    metavar="TRAIT",
    help="Show the count with and without a trait, too.",
)
@click.option(
    "--top",
    type=click.IntRange(0, _HOSTS_MAX),
    default=5,
    show_default=True,
    metavar="N",
    help="Number of hosts to show, those on which most fit.",
)
@click.option("--empty", "is_empty", is_flag=True, help="Ignore what is allocated.")
@click.option(
    "--without",
    multiple=True,
    metavar="HOST",
    help="Leave out the tree of this root, a name or uuid.",
)
@output.json_option
@pass_connection
def capacity(
    connection: Connection,
    *,
    search: search_options.Search,
    by_aggregate: bool,
    by_traits: tuple[str, ...],
    top: int,
    is_empty: bool,
    without: tuple[str, ...],
    is_json: bool,
) -> None:
    """Count how many more fit, for example: placement capacity VCPU=4"""
    client = connection.client()

    def uuid_of(wanted: str) -> str:
        return find_provider(client, wanted).uuid

    found = client.capacity(
        {_NAME: search.query(uuid_of)},
        by=[
            *(["aggregate"] if by_aggregate else []),
            *(f"trait:{trait}" for trait in dict.fromkeys(by_traits)),
        ],
        is_empty_state=is_empty,
        without=[uuid_of(host) for host in without],
        hosts=top,
    )[_NAME]
    if is_json:
        output.print_json(_document(found))
    else:
        _print(found)
    if not found.count.at_most:
        raise NotPossibleNow("No consumer of this request fits now.")


def _print(found: "Capacity") -> None:
    hosts = output.counted(found.eligible, "host")
    click.echo(
        f"{_range(found.count)} more fit, on {found.fitting} of {hosts} that could "
        f"serve this; {_range(found.when_empty)} if nothing was allocated."
    )
    if not found.is_complete:
        click.echo("The service had too little time for a closer count.")
    for rows in (_classes(found), _parts(found), _hosts(found)):
        if len(rows) > 1:
            click.echo()
            output.print_rows(rows)


def _classes(found: "Capacity") -> list[list[str]]:
    rows = [["class", "exhausted first on", "largest free", "stranded"]]
    for name, largest in found.largest.items():
        first, stranded = found.bottleneck.get(name, 0), found.stranded[name]
        rows.append(
            [
                name,
                output.counted(first, "host"),
                str(largest),
                f"{stranded.units} ({stranded.share:.0%})",
            ]
        )
    return rows


def _parts(found: "Capacity") -> list[list[str]]:
    parts = [(f"aggregate {uuid}", each) for uuid, each in found.by_aggregate.items()]
    for trait, (having, lacking) in found.by_trait.items():
        parts += [(f"with {trait}", having), (f"without {trait}", lacking)]
    parts.sort(key=lambda part: part[1].at_least, reverse=True)
    return [["part", "fits"], *([name, _range(bounds)] for name, bounds in parts)]


def _hosts(found: "Capacity") -> list[list[str]]:
    rows = [["host", "fits"]]
    if found.hosts:
        is_ascii = output.console().options.ascii_only
        most = found.hosts[0].fits
        for host in found.hosts:
            rows.append([host.name, f"{bar(host.fits, most, is_ascii)} {host.fits}"])
    return rows


def _range(bounds: "Bounds") -> str:
    if bounds.is_exact:
        return str(bounds.at_least)
    return f"{bounds.at_least} to {bounds.at_most}"


def _document(found: "Capacity") -> dict[str, typing.Any]:
    document: dict[str, typing.Any] = {
        **_bounds(found.count),
        "complete": found.is_complete,
        "roots": {
            "eligible": found.eligible,
            "fitting": found.fitting,
            "empty": found.empty,
        },
        "when_empty": _bounds(found.when_empty),
        "bottleneck": found.bottleneck,
        "stranded": {name: each._asdict() for name, each in found.stranded.items()},
        "largest": found.largest,
        "by": {
            "aggregate": {
                uuid: _bounds(each) for uuid, each in found.by_aggregate.items()
            }
        }
        | {
            f"trait:{trait}": {"with": _bounds(having), "without": _bounds(lacking)}
            for trait, (having, lacking) in found.by_trait.items()
        },
    }
    if found.hosts is not None:
        document["hosts"] = [
            {"root": host.root_uuid, "name": host.name, "count": host.fits}
            for host in found.hosts
        ]
    return document


def _bounds(bounds: "Bounds") -> dict[str, int | bool]:
    return {
        "at_least": bounds.at_least,
        "at_most": bounds.at_most,
        "exact": bounds.is_exact,
    }
