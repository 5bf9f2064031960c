"""``placement consumers audit``: find and release consumers that are gone.

The exit statuses are those of ``nova-manage placement audit``.
"""

import contextlib
import itertools
import typing
from collections.abc import Iterable, Iterator

import click

from placement.client import errors, values
from placement.client.consumers import RELEASE_MAX
from placement.cmd import consumer_options, output, progress
from placement.cmd.connection import Connection, pass_connection

if typing.TYPE_CHECKING:
    from placement.client import Client

EXIT_CLEAN = 0
EXIT_ORPHANS = 3
EXIT_RELEASED = 4
EXIT_INVALID = 127

# Uuids between two reports of the progress.
_PER_REPORT = 10_000

# Live consumers without allocations that are printed; JSON has all of them.
_EXAMPLES = 20


class _InvalidInput(click.ClickException):
    exit_code = EXIT_INVALID


class _Audit(click.Command):
    """A command whose status for invalid input is 127."""

    def make_context(self, *args: typing.Any, **extra: typing.Any) -> click.Context:
        with _invalid_input():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> typing.Any:
        with _invalid_input():
            return super().invoke(ctx)


@contextlib.contextmanager
def _invalid_input() -> Iterator[None]:
    try:
        yield
    except click.UsageError as failure:
        failure.exit_code = EXIT_INVALID  # type: ignore[misc]  # differs by command
        raise
    except errors.BadRequest as failure:
        raise _InvalidInput(str(failure)) from failure


@click.command(cls=_Audit)
@click.argument("live", type=click.File("rb"))
@consumer_options.filters
@click.option(
    "--older-than",
    "older_than_seconds",
    type=click.IntRange(min=0),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="Only consumers that were created this long ago.",
)
@click.option("--release", "is_releasing", is_flag=True, help="Release the orphans.")
@click.option(
    "--reason",
    default="orphan of an audit",
    show_default=True,
    help="Recorded with what is released.",
)
@output.json_option
@pass_connection
def audit(
    connection: Connection,
    *,
    live: typing.IO[bytes],
    within: values.ConsumerFilters,
    older_than_seconds: int,
    is_releasing: bool,
    reason: str,
    is_json: bool,
) -> None:
    """Compare the consumers with LIVE, a file of those that exist, or - for the input.

    LIVE has a uuid on each line. Consumers that hold something and are not in it are
    orphans.

    Exit status: 0 no orphans; 3 orphans were found; 4 all orphans that were found were
    released; 1 failure; 127 invalid input.
    """
    client = connection.client()
    uuids = list(_lines(live))
    with progress.shown("Compare with the consumers") as report:
        report(0, None)
        found = client.audit_consumers(
            uuids, within, older_than_seconds=older_than_seconds
        )
    released = _release(client, found.orphans, reason) if is_releasing else []
    if is_json:
        _print_json(found, released, is_releasing)
    else:
        _print(found, released, is_releasing)
    if not found.orphans:
        raise click.exceptions.Exit(EXIT_CLEAN)
    is_all = len(released) == len(found.orphans)
    raise click.exceptions.Exit(EXIT_RELEASED if is_all else EXIT_ORPHANS)


def _lines(live: typing.IO[bytes]) -> Iterator[str]:
    with progress.shown("Read live consumers") as report:
        for count, line in enumerate(live, start=1):
            # The service names the line that it cannot read.
            yield line.decode(errors="replace").rstrip("\r\n")
            if count % _PER_REPORT == 0:
                report(count, None)


def _release(
    client: "Client", orphans: Iterable[values.ConsumerDetails], reason: str
) -> list[str]:
    """Release the orphans that have not changed; return their uuids."""
    waiting = {each.uuid: each.generation for each in orphans}
    total = len(waiting)
    released: list[str] = []
    with progress.shown("Release orphans") as report:
        while waiting:
            some = dict(itertools.islice(waiting.items(), RELEASE_MAX))
            try:
                client.release_consumers(some, reason)
            except errors.ConsumersChanged as changed:
                if not changed.generations:
                    raise
                for each in changed.generations:
                    waiting.pop(each, None)
                continue
            released += some
            for each in some:
                del waiting[each]
            report(len(released), total)
    return released


def _print_json(
    found: values.ConsumerAudit, released: list[str], is_releasing: bool
) -> None:
    document: dict[str, object] = {
        "orphans": [each.to_document() for each in found.orphans],
        "without_allocations": list(found.without_allocations),
        "counts": {
            "live": found.live,
            "consumers": found.consumers,
            "orphans": len(found.orphans),
            "without_allocations": len(found.without_allocations),
        },
    }
    if is_releasing:
        document["released"] = released
    output.print_json(document)


def _print(
    found: values.ConsumerAudit, released: list[str], is_releasing: bool
) -> None:
    if found.orphans:
        consumer_options.print_table(found.orphans)
    count = len(found.orphans)
    click.echo(
        f"{output.counted(found.consumers, 'consumer')} compared with {found.live} "
        f"live: {output.counted(count, 'orphan') if count else 'no orphans'}."
    )
    idle = found.without_allocations
    if idle:
        click.echo(f"Live consumers that hold nothing: {len(idle)}")
        for each in idle[:_EXAMPLES]:
            click.echo(f"  {each}")
        if len(idle) > _EXAMPLES:
            click.echo(f"  ... and {len(idle) - _EXAMPLES} more")
    if is_releasing and found.orphans:
        kept = len(found.orphans) - len(released)
        changed = f" Changed meanwhile, and not released: {kept}." if kept else ""
        click.echo(f"Released {output.counted(len(released), 'orphan')}.{changed}")
