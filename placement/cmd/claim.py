"""``placement claim``: take resources for a consumer."""

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
from placement.cmd import asking
from placement.cmd.candidates import run_search
from placement.cmd.connection import Connection, pass_connection
from placement.cmd.failures import NotPossibleNow

# With few candidates, claims at the same time compete for the same ones.
_LIMIT = 50


class Owner(typing.NamedTuple):
    """Whose a consumer is, and of which type."""

    project_id: str
    user_id: str
    consumer_type: str


@click.command()
@asking.options(limit=_LIMIT)
@click.option(
    "--from",
    "source",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE",
    help="Claim the candidate in this file (- for stdin) instead of asking: a member "
    "of allocation_requests, or a whole answer of `candidates --json`.",
)
@click.option(
    "--consumer",
    type=click.UUID,
    help="The uuid of the consumer; a new one by default. It must hold nothing yet.",
)
@click.option("--project", default="default", show_default=True, help="Its project.")
@click.option("--user", default="default", show_default=True, help="Its user.")
@click.option(
    "--type",
    "consumer_type",
    default="INSTANCE",
    show_default=True,
    help="Its consumer type.",
)
@click.option("--json", "is_json", is_flag=True, help="The answer for programs.")
@pass_connection
def claim(
    connection: Connection,
    *,
    search: asking.Search | None,
    source: typing.TextIO | None,
    consumer: uuid.UUID | None,
    project: str,
    user: str,
    consumer_type: str,
    is_json: bool,
) -> None:
    """Take a candidate that is still free, such as: placement claim VCPU=1

    Candidates that were searched for are tried in random order, because claims at
    the same time find the same ones; those of a file in their order. Prints the uuid
    of the consumer, which `placement release` takes.
    """
    if (search is None) == (source is None):
        raise click.UsageError(
            "Say what is wanted, such as VCPU=1 MEMORY_MB=512, or give --from: one "
            "of the two."
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
    """Claim a candidate that no other claim has taken meanwhile.

    Returns the consumer and what it got.
    Raises NotPossibleNow when none is left, or when the consumer holds something;
    ClientError.
    """
    claimed = client.claim_any(
        consumer, offered, is_ordered=is_ordered, **owner._asdict()
    )
    if claimed.request is None:
        raise NotPossibleNow("No candidates: nobody can serve this request now.")
    if claimed.outcome is Outcome.CONSUMER_CHANGED:
        raise NotPossibleNow(f"Consumer {consumer} holds something already.")
    if not claimed:
        raise _all_taken(len(offered), claimed)
    return consumer, claimed.request


def read_candidates(text: str) -> tuple[AllocationRequest, ...]:
    """Return the candidates in a JSON document: one, or a whole answer.

    Raises UsageError when it is neither.
    """
    try:
        document = json.loads(text)
        requests = document.get("allocation_requests", [document])
        return tuple(AllocationRequest.from_document(each) for each in requests)
    except (AttributeError, KeyError, TypeError, ValueError) as failure:
        raise click.UsageError(
            "What --from names is not a candidate: a JSON object with allocations, "
            "or one with allocation_requests."
        ) from failure


def _all_taken(count: int, last: Claim) -> NotPossibleNow:
    if count == 1:
        return NotPossibleNow(f"The candidate was taken meanwhile: {last.detail}")
    return NotPossibleNow(
        f"All {count} candidates were taken meanwhile; the last: {last.detail}"
    )


def _print(
    client: Client, consumer: str, request: AllocationRequest, *, is_json: bool
) -> None:
    if is_json:
        click.echo(
            json.dumps({"consumer": consumer, **request.to_document()}, indent=2)
        )
        return
    click.echo(consumer)
    for provider_uuid, resources in request.by_provider.items():
        got = ", ".join(f"{name} {amount}" for name, amount in resources.items())
        click.echo(f"  {got} of {_described(client, provider_uuid)}")


def _described(client: Client, provider_uuid: str) -> str:
    """Return a provider's name and uuid; it may be renamed or deleted meanwhile."""
    found = client.get_providers(uuid=provider_uuid)
    return f"{found[0].name} ({provider_uuid})" if found else provider_uuid
