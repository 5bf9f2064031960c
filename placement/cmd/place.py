"""``placement place``: pick providers for new consumers and claim them."""

import typing
import uuid

import click

from placement.cmd import output, owner_options, search_options
from placement.cmd.connection import Connection, pass_connection
from placement.cmd.failures import NotPossibleNow
from placement.cmd.naming import find_provider, provider_names

if typing.TYPE_CHECKING:
    from placement.client import Client, Group, Placed

_CONSUMERS_MAX = 1000
_POLICIES = ("anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity")


class _Weight(click.ParamType):  # type: ignore[type-arg]  # generic since Click 8.3
    """``TRAIT=WEIGHT``."""

    name = "weight"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        trait, _, weight = value.partition("=")
        try:
            return trait, float(weight)
        except ValueError:
            self.fail(f"{value!r} is not TRAIT=WEIGHT.", param, ctx)


@click.command()
@search_options.options(limit=None)
@click.option(
    "--count",
    type=click.IntRange(1, _CONSUMERS_MAX),
    default=1,
    show_default=True,
    help="Number of consumers; all are placed or none.",
)
@click.option(
    "--consumer",
    type=click.UUID,
    help="Uuid of the consumer, which must not exist; by default new ones.",
)
@click.option(
    "--order",
    default="any",
    show_default=True,
    metavar="ORDER",
    help="any, pack (the fullest host), spread (the emptiest) or seed:N.",
)
@click.option(
    "--prefer",
    type=_Weight(),
    multiple=True,
    metavar="TRAIT=WEIGHT",
    help="Prefer providers with this trait, or avoid them with a negative weight.",
)
@click.option(
    "--exclude", multiple=True, metavar="HOST", help="A root, by name or uuid."
)
@click.option("--together", "group_name", metavar="GROUP", help="Name of a group.")
@click.option(
    "--policy",
    type=click.Choice(_POLICIES),
    default="anti-affinity",
    show_default=True,
    help="How the members of the group are kept together or apart.",
)
@click.option(
    "--max-per-host",
    type=click.IntRange(min=1),
    help="Members of the group on one host.",
)
@click.option(
    "--over",
    multiple=True,
    metavar="AGGREGATE",
    help="Keep the group together or apart by these aggregates instead of by hosts.",
)
@click.option(
    "--hold",
    "hold_seconds",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="Release the allocations after SECONDS unless they are confirmed.",
)
@owner_options.options
@output.json_option
@pass_connection
def place(
    connection: Connection,
    /,
    *,
    search: search_options.Search,
    count: int,
    consumer: uuid.UUID | None,
    is_json: bool,
    **options: typing.Any,
) -> None:
    """Pick providers and claim them, for example: placement place VCPU=1 --count 3

    The service picks; nothing is claimed unless all consumers fit. Prints the uuids of
    the consumers, for `placement release`.
    """
    # Importing the client takes time that other commands do not need.
    from placement.client import NoCandidate, Wanted  # noqa: PLC0415 - slow

    if consumer is not None and count > 1:
        raise click.UsageError("--consumer names one consumer; --count must be 1.")
    client = connection.client()

    def uuid_of(wanted: str) -> str:
        return find_provider(client, wanted).uuid

    query = search.query(uuid_of)
    wanted = [
        Wanted(
            str(consumer or uuid.uuid4()),
            query,
            options["project"],
            options["user"],
            options["consumer_type"],
        )
        for _ in range(count)
    ]
    try:
        placed = client.place(
            wanted,
            order=options["order"],
            prefer=dict(options["prefer"]),
            exclude=[uuid_of(each) for each in options["exclude"]],
            group=_group(**options),
            hold_seconds=options["hold_seconds"],
        )
    except NoCandidate as nothing:
        raise NotPossibleNow(nothing.detail) from nothing
    if is_json:
        output.print_json([_document(each) for each in placed])
    else:
        _print(client, placed)


def _print(client: "Client", placed: "list[Placed]") -> None:
    uuids = (uuid for each in placed for uuid in each.by_provider)
    names = provider_names(client, uuids)
    for each in placed:
        output.print_consumer(each.consumer, each.by_provider, names)


def _group(
    group_name: str | None,
    policy: str,
    max_per_host: int | None,
    over: tuple[str, ...],
    **_others: object,
) -> "Group | None":
    from placement.client import Group  # noqa: PLC0415 - slow

    if group_name is not None:
        return Group(group_name, policy, max_per_host, over or None)
    if over or max_per_host is not None:
        raise click.UsageError("--over and --max-per-host need --together.")
    return None


def _document(placed: "Placed") -> dict[str, typing.Any]:
    return {
        "consumer": placed.consumer,
        "allocations": {
            provider: {"resources": resources}
            for provider, resources in placed.by_provider.items()
        },
        "mappings": placed.mappings,
    }
