"""``placement claim``: claim resources for a consumer."""

import json
import typing
import uuid

import click

from placement.client import (
    AllocationRequest,
    Claim,
    Client,
    Outcome,
)
from placement.cmd import output, owner_options, search_options
from placement.cmd.candidates import run_search
from placement.cmd.connection import Connection, pass_connection
from placement.cmd.failures import NotPossibleNow
from placement.cmd.naming import provider_names

# With fewer candidates, concurrent claims often compete for the same one.
_LIMIT = 50


class Owner(typing.NamedTuple):
    """The project, user and type of a consumer."""

    project_id: str
    user_id: str
    consumer_type: str


@click.command()
@search_options.options(limit=_LIMIT, is_required=False)
@click.option(
    "--from",
    "source",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE",
    help="Claim a candidate in this file (- for stdin) instead of searching: one item "
    "of allocation_requests, or the output of `candidates --json`.",
)
@click.option(
    "--consumer",
    type=click.UUID,
    help="Uuid of the consumer, which must not have allocations; by default a new one.",
)
@owner_options.options
@output.json_option
@pass_connection
def claim(
    connection: Connection,
    *,
    search: search_options.Search | None,
    source: typing.TextIO | None,
    consumer: uuid.UUID | None,
    project: str,
    user: str,
    consumer_type: str,
    is_json: bool,
) -> None:
    """Claim a candidate, for example: placement claim VCPU=1

    Candidates of a search are tried in random order, because concurrent claims find
    the same candidates; those of a file are tried in order. Prints the uuid of the
    consumer, for `placement release`.
    """
    if (search is None) == (source is None):
        raise click.UsageError(
            "Specify either resources, such as VCPU=1 MEMORY_MB=512, or --from."
        )
    client = connection.client()
    owner = Owner(project, user, consumer_type)
    offered: tuple[AllocationRequest, ...]
    if search is not None:
        offered = run_search(client, search).requests
    elif source is not None:
        offered = read_candidates(source.read())
    taken = claim_one(
        client,
        str(consumer or uuid.uuid4()),
        offered,
        owner,
        is_ordered=source is not None,
    )
    _print(client, *taken, is_json=is_json)


def claim_one(
    client: Client,
    consumer: str,
    offered: tuple[AllocationRequest, ...],
    owner: Owner,
    is_ordered: bool,
) -> tuple[str, AllocationRequest]:
    """Claim the first candidate that is still available.

    Returns the consumer and the claimed candidate.
    Raises NotPossibleNow when none is available, or when the consumer already has
    allocations; ClientError.
    """
    claimed = client.claim_any(
        consumer, offered, is_ordered=is_ordered, **owner._asdict()
    )
    if claimed.request is None:
        raise NotPossibleNow("No candidates: no provider can serve this request now.")
    if claimed.outcome is Outcome.CONSUMER_CHANGED:
        raise NotPossibleNow(f"Consumer {consumer} already has allocations.")
    if not claimed:
        raise _all_taken(len(offered), claimed)
    return consumer, claimed.request


def read_candidates(text: str) -> tuple[AllocationRequest, ...]:
    """Return the candidates in a JSON document: one candidate or a whole response.

    Raises UsageError when it is neither.
    """
    try:
        document = json.loads(text)
        requests = document.get("allocation_requests", [document])
        return tuple(AllocationRequest.from_document(each) for each in requests)
    except (AttributeError, KeyError, TypeError, ValueError) as failure:
        raise click.UsageError(
            "The file of --from must contain a JSON object with allocations or "
            "allocation_requests."
        ) from failure


def _all_taken(count: int, last: Claim) -> NotPossibleNow:
    if count == 1:
        return NotPossibleNow(
            f"The candidate was taken by another claim: {last.detail}"
        )
    return NotPossibleNow(
        f"All {count} candidates were taken by other claims. Last error: {last.detail}"
    )


def _print(
    client: Client, consumer: str, request: AllocationRequest, *, is_json: bool
) -> None:
    if is_json:
        output.print_json({"consumer": consumer, **request.to_document()})
        return
    names = provider_names(client, request.by_provider)
    output.print_consumer(consumer, request.by_provider, names)
