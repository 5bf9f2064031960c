"""``placement candidates``: search for ways to serve a request."""

import typing
from collections.abc import Mapping

import click

from placement.cmd import output, search_options
from placement.cmd.connection import Connection, pass_connection
from placement.cmd.failures import NotPossibleNow
from placement.cmd.naming import find_provider, provider_names

if typing.TYPE_CHECKING:
    from placement.client import AllocationRequest, Candidates, Client


@click.command()
@search_options.options(limit=20)
@output.json_option
@pass_connection
def candidates(
    connection: Connection, search: search_options.Search, is_json: bool
) -> None:
    """Search for candidates, for example: placement candidates VCPU=1"""
    client = connection.client()
    found = run_search(client, search)
    if is_json:
        output.print_json(_document(found))
    elif found.requests:
        uuids = (uuid for request in found.requests for uuid in request.by_provider)
        _print_table(found, provider_names(client, uuids))
    if not found.requests:
        raise NotPossibleNow("No candidates: no provider can serve this request now.")


def run_search(client: "Client", search: search_options.Search) -> "Candidates":
    """Return the candidates of a search, which may refer to providers by name.

    Raises NotPossibleNow for a provider that does not exist; ClientError.
    """
    query = search.query(lambda wanted: find_provider(client, wanted).uuid)
    return client.get_candidates_by_query(query)


def groups_served(request: "AllocationRequest", uuid: str) -> str:
    """Return the suffixes of the groups that one provider serves, for display."""
    served = [suffix for suffix, uuids in request.mappings.items() if uuid in uuids]
    return ", ".join(suffix or "(unsuffixed)" for suffix in served)


def _print_table(found: "Candidates", names: Mapping[str, str]) -> None:
    from rich.table import Table  # noqa: PLC0415 - slow

    table = Table()
    for title in ("#", "provider", "uuid", "resources", "used of capacity", "group"):
        table.add_column(title, overflow="fold")
    for number, request in enumerate(found.requests, 1):
        for position, (uuid, resources) in enumerate(request.by_provider.items()):
            summary = found.summaries[uuid].by_class
            table.add_row(
                "" if position else str(number),
                names.get(uuid, ""),
                uuid,
                "\n".join(f"{name} {amount}" for name, amount in resources.items()),
                "\n".join(
                    f"{summary[name].used} of {summary[name].capacity}"
                    for name in resources
                ),
                groups_served(request, uuid),
            )
    output.console().print(table)


def _document(found: "Candidates") -> dict[str, typing.Any]:
    return {
        "allocation_requests": [request.to_document() for request in found.requests],
        "provider_summaries": {
            uuid: {
                "resources": {
                    name: {"capacity": each.capacity, "used": each.used}
                    for name, each in summary.by_class.items()
                },
                "traits": list(summary.traits),
                "parent_provider_uuid": summary.parent_uuid,
                "root_provider_uuid": summary.root_uuid,
            }
            for uuid, summary in found.summaries.items()
        },
    }
