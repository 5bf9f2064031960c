"""``python -m tests.stress.contention``: many claims for what is left.

``race`` lets several clients claim one unit at the same moment, over and over;
``claims`` lets them want more than there is for as long as it takes.
"""

import collections.abc
import contextlib
import pathlib
import signal
import sys
import tempfile
import typing

import click
import sqlalchemy as sa

from tests.servers import (
    configuration,
    databases,
    galera,
    isolation_levels,
    peer,
    programs,
    server,
)
from tests.stress import client_processes, contended_claims, last_unit

GALERA = "galera"
KINDS = (*databases.KINDS, GALERA)

# Each is a service with its clients; of a cluster, each has a node of its own.
PROCESSES_MIN = 2

# Of a service that listens.
_WORKERS = 4
_THREADS = 4


@contextlib.contextmanager
def database(
    kind: str, level: str | None = None
) -> collections.abc.Iterator[list[str]]:
    """Yield the URLs of a new migrated database, one for each of its nodes.

    ``level`` is what its server is set to, see ``isolation_levels``.

    Raises accounts.MissingError when this machine cannot have one.
    """
    with contextlib.ExitStack() as stack:
        if kind == GALERA:
            cluster = stack.enter_context(galera.running())
            directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            made = databases.MariadbDatabases(directory, cluster.nodes[0])
            url = sa.make_url(stack.enter_context(made.new()))
            yield cluster.urls(str(url.database))
        else:
            place = stack.enter_context(databases.opened(kind))
            of_one = stack.enter_context(place.new())
            if level is not None:
                stack.enter_context(isolation_levels.set_to(of_one, level))
            yield [of_one]


def inside(urls: collections.abc.Sequence[str]) -> list[client_processes.Service]:
    """Return a service for each process, on the nodes of a database in turn."""
    processes = max(PROCESSES_MIN, len(urls))
    return [
        client_processes.Inside(urls[each % len(urls)]) for each in range(processes)
    ]


@contextlib.contextmanager
def existing_service(
    kind: str,
) -> collections.abc.Iterator[tuple[list[client_processes.Service], list[str]]]:
    """Run the existing service; yields what clients need, and its database."""
    python = peer.python()
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(databases.opened(kind))
        url = stack.enter_context(place.empty())
        with tempfile.TemporaryDirectory() as made:
            configuration.write(pathlib.Path(made), url)
            programs.migrate(pathlib.Path(made), python)
        listening = stack.enter_context(
            server.processes(url, workers=_WORKERS, threads=_THREADS, python=python)
        )
        yield [client_processes.Outside(listening.url)] * PROCESSES_MIN, [url]


@click.group()
def main() -> None:
    """Let several clients claim what is not enough for all of them."""
    # Who is told to end in whatever way still stops the servers that it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


_R = typing.TypeVar("_R")


def _options(
    command: collections.abc.Callable[..., _R],
) -> collections.abc.Callable[..., _R]:
    """Add what both commands are told."""
    levels = sorted(
        {level for known in isolation_levels.LEVELS.values() for level in known}
    )
    for option in (
        click.option(
            "--seed", default=1, show_default=True, help="Of what clients do."
        ),
        click.option(
            "--isolation",
            "level",
            type=click.Choice(levels),
            help="What the server isolates by, if nobody asks for anything.",
        ),
        click.option("--database", "kind", type=click.Choice(KINDS), required=True),
    ):
        command = option(command)
    return command


@main.command("race")
@_options
@click.option("--rounds", default=10_000, show_default=True)
@click.option("--peer", "of_peer", is_flag=True, help="The existing service's claims.")
def race_command(
    kind: str, level: str | None, seed: int, rounds: int, of_peer: bool
) -> None:
    """Let 2 to 16 clients claim the unit that is left at the same moment."""
    _require_level(kind, level)
    if of_peer:
        if kind == GALERA or level is not None:
            raise click.UsageError("--peer is for one server, as it comes")
        with existing_service(kind) as (services, urls):
            figures = last_unit.run(services, urls, rounds, seed, keeps_promise=False)
    else:
        with database(kind, level) as urls:
            figures = last_unit.run(inside(urls), urls, rounds, seed)
    _tell(kind, level, seed, [*race_lines(figures), *_wrong_lines(figures.wrong)])
    sys.exit(bool(figures.wrong))


@main.command("claims")
@_options
@click.option("--claims", default=1_000_000, show_default=True)
def claims_command(kind: str, level: str | None, seed: int, claims: int) -> None:
    """Let 16 clients claim more than a few providers have."""
    _require_level(kind, level)
    with database(kind, level) as urls:
        figures = contended_claims.run(inside(urls), urls, claims, seed)
    _tell(kind, level, seed, [*claims_lines(figures), *_wrong_lines(figures.wrong)])
    sys.exit(bool(figures.wrong))


def _require_level(kind: str, level: str | None) -> None:
    if level is not None and level not in isolation_levels.LEVELS.get(kind, ()):
        raise click.UsageError(f"{kind} cannot be set to {level}")


def _tell(
    kind: str, level: str | None, seed: int, lines: collections.abc.Iterable[str]
) -> None:
    click.echo(f"{kind}, set to {level or 'what it comes with'}; seed {seed}")
    for line in lines:
        click.echo(line)


def race_lines(figures: last_unit.Figures) -> list[str]:
    """Return the figures of a race in sentences."""
    several = {count: n for count, n in figures.winners.items() if count > 1}
    return [
        f"{figures.rounds} rounds of {last_unit.CLAIMERS_MIN} to "
        f"{last_unit.CLAIMERS_MAX} claims in {figures.seconds:.0f} seconds: "
        f"{figures.rounds / figures.seconds:.1f} rounds a second",
        f"{figures.winners[1]} rounds with one winner, {figures.winners[0]} with none, "
        f"{sum(several.values())} with more than one, at most {max(figures.winners)}",
        f"in {figures.collided} rounds all claims were under way at once, in "
        f"{figures.held} all waited for the provider at once",
        f"{figures.claims} claims: {_counted(figures.statuses)}",
        *_conflicts(figures.conflicts),
    ]


def claims_lines(figures: contended_claims.Figures) -> list[str]:
    """Return the figures of contended claims in sentences."""
    claims = figures.claims.total()
    return [
        f"{claims} claims in {figures.seconds:.0f} seconds: "
        f"{claims / figures.seconds:.0f} a second",
        f"claims: {_counted(figures.claims)}",
        f"beside them: {_counted(figures.other)}",
        *_conflicts(figures.conflicts),
        f"{figures.snapshots} snapshots, {figures.overdrawn} of them with an inventory "
        f"that an operator had taken too much from; {figures.full} inventories were "
        "seen full",
    ]


def _conflicts(count: int) -> list[str]:
    return [f"{count} times the database asked the service to try again"] * (count > 0)


def _counted(counter: "collections.abc.Mapping[typing.Any, int]") -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items()))


def _wrong_lines(wrong: list[str]) -> list[str]:
    return [f"{len(wrong)} wrong", *wrong]


if __name__ == "__main__":
    main()
