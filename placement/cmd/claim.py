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
from placement.cmd.connection import Connection, pass_connection
from placement.cmd.failures import NotPossibleNow


class Owner(typing.NamedTuple):
    """Whose a consumer is, and of which type."""

    project_id: str
    user_id: str
    consumer_type: str


@click.command()
@asking.options
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
    query: str,
    source: typing.TextIO | None,
    consumer: uuid.UUID | None,
    project: str,
    user: str,
    consumer_type: str,
    is_json: bool,
) -> None:
    """Take the first candidate that is still free, such as: placement claim VCPU=1

    Prints the uuid of the consumer, which `placement release` takes.
    """
    if bool(query) == bool(source):
        raise click.UsageError(
            "Say what is wanted, such as VCPU=1 MEMORY_MB=512, or give --from: one "
            "of the two."
        )
    client = connection.client()
    if source is not None:
        offered = read_candidates(source.read())
    else:
        offered = client.get_candidates_by_query(query).requests
    owner = Owner(project, user, consumer_type)
    taken = claim_first(client, str(consumer or uuid.uuid4()), offered, owner)
    _print(client, *taken, is_json=is_json)


def claim_first(
    client: Client,
    consumer: str,
    offered: tuple[AllocationRequest, ...],
    owner: Owner,
) -> tuple[str, AllocationRequest]:
    """Claim the first candidate whose room nobody has taken meanwhile.

    Returns the consumer and what it got.
    Raises NotPossibleNow when none is left, or when the consumer holds something;
    ClientError.
    """
    if not offered:
        raise NotPossibleNow("No candidates: nobody can serve this request now.")
    for request in offered:
        claimed = client.claim(consumer, request, **owner._asdict())
        if claimed:
            return consumer, request
        if claimed.outcome is Outcome.CONSUMER_CHANGED:
            raise NotPossibleNow(f"Consumer {consumer} holds something already.")
    raise _all_taken(len(offered), claimed)


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
    whose = "the candidate" if count == 1 else f"each of {count} candidates"
    return NotPossibleNow(f"Somebody was faster at {whose}: {last.detail}")


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
        click.echo(f"  {got} of {_name(client, provider_uuid)}")


def _name(client: Client, provider_uuid: str) -> str:
    """Return a provider's name; what is claimed may be renamed or moved meanwhile."""
    found = client.get_providers(uuid=provider_uuid)
    return found[0].name if found else provider_uuid
