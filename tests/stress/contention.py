"""``python -m tests.stress.contention``: concurrent claims for too little capacity.

``race`` repeatedly sends concurrent claims for a last unit; ``claims`` makes many
clients claim more than the capacity of a few providers.
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

# Client processes; in a cluster each node has one.
PROCESSES_MIN = 2

# Of the peer.
_WORKERS = 4
_THREADS = 4


@contextlib.contextmanager
def database(
    kind: str, level: str | None = None
) -> collections.abc.Iterator[list[str]]:
    """Yield the URL of a new migrated database on each of its nodes.

    ``level`` is the default isolation level of its server, see ``isolation_levels``.

    Raises accounts.MissingError if this machine has no such server.
    """
    with contextlib.ExitStack() as stack:
        if kind == GALERA:
            cluster = stack.enter_context(galera.running())
            directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            made = databases.MariadbDatabases(directory, cluster.nodes[0])
            url = sa.make_url(stack.enter_context(made.new()))
            yield cluster.urls(str(url.database))
        else:
            of_kind = stack.enter_context(databases.opened(kind))
            new_url = stack.enter_context(of_kind.new())
            if level is not None:
                stack.enter_context(isolation_levels.set_to(new_url, level))
            yield [new_url]


def in_process_services(
    urls: collections.abc.Sequence[str],
) -> list[client_processes.Service]:
    """Return a service for each client process, on the nodes of a database in turn."""
    processes = max(PROCESSES_MIN, len(urls))
    return [
        client_processes.InProcess(urls[each % len(urls)]) for each in range(processes)
    ]


@contextlib.contextmanager
def peer_service(
    kind: str,
) -> collections.abc.Iterator[tuple[list[client_processes.Service], list[str]]]:
    """Run the existing service; yields a service per client process, and its URLs."""
    python = peer.python()
    with contextlib.ExitStack() as stack:
        of_kind = stack.enter_context(databases.opened(kind))
        url = stack.enter_context(of_kind.empty())
        with tempfile.TemporaryDirectory() as made:
            configuration.write(pathlib.Path(made), url)
            programs.migrate(pathlib.Path(made), python)
        listening = stack.enter_context(
            server.processes(url, workers=_WORKERS, threads=_THREADS, python=python)
        )
        yield [client_processes.Remote(listening.url)] * PROCESSES_MIN, [url]


@click.group()
def main() -> None:
    """Send concurrent claims for more than the capacity."""
    # Started servers are then also stopped when this process is terminated.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


_R = typing.TypeVar("_R")


def _options(
    command: collections.abc.Callable[..., _R],
) -> collections.abc.Callable[..., _R]:
    """Add the options that both commands have."""
    levels = sorted(
        {level for known in isolation_levels.LEVELS.values() for level in known}
    )
    for option in (
        click.option(
            "--seed", default=1, show_default=True, help="Seed of the requests."
        ),
        click.option(
            "--isolation",
            "level",
            type=click.Choice(levels),
            help="Default isolation level of the server.",
        ),
        click.option("--database", "kind", type=click.Choice(KINDS), required=True),
    ):
        command = option(command)
    return command


@main.command("race")
@_options
@click.option("--rounds", default=10_000, show_default=True)
@click.option(
    "--peer", "of_peer", is_flag=True, help="Send the claims to the existing service."
)
def race_command(
    kind: str, level: str | None, seed: int, rounds: int, of_peer: bool
) -> None:
    """Send 2 to 16 concurrent claims for a last unit."""
    _require_level(kind, level)
    if of_peer:
        if kind == GALERA or level is not None:
            raise click.UsageError("--peer takes neither galera nor --isolation")
        with peer_service(kind) as (services, urls):
            figures = last_unit.run(services, urls, rounds, seed, is_exact=False)
    else:
        with database(kind, level) as urls:
            figures = last_unit.run(in_process_services(urls), urls, rounds, seed)
    _print(
        kind, level, seed, [*race_lines(figures), *_violation_lines(figures.violations)]
    )
    sys.exit(bool(figures.violations))


@main.command("claims")
@_options
@click.option("--claims", default=1_000_000, show_default=True)
def claims_command(kind: str, level: str | None, seed: int, claims: int) -> None:
    """Make 16 clients claim more than the capacity of a few providers."""
    _require_level(kind, level)
    with database(kind, level) as urls:
        figures = contended_claims.run(in_process_services(urls), urls, claims, seed)
    _print(
        kind,
        level,
        seed,
        [*claims_lines(figures), *_violation_lines(figures.violations)],
    )
    sys.exit(bool(figures.violations))


def _require_level(kind: str, level: str | None) -> None:
    if level is not None and level not in isolation_levels.LEVELS.get(kind, ()):
        raise click.UsageError(f"{kind} has no isolation level {level}")


def _print(
    kind: str, level: str | None, seed: int, lines: collections.abc.Iterable[str]
) -> None:
    click.echo(f"{kind}, isolation level: {level or 'default'}; seed {seed}")
    for line in lines:
        click.echo(line)


def race_lines(figures: last_unit.Figures) -> list[str]:
    """Return the counts of a race as sentences."""
    several = {count: n for count, n in figures.winners.items() if count > 1}
    return [
        f"{figures.rounds} rounds of {last_unit.CLIENTS_MIN} to "
        f"{last_unit.CLIENTS_MAX} claims in {figures.seconds:.0f} seconds: "
        f"{figures.rounds / figures.seconds:.1f} rounds a second",
        f"{figures.winners[1]} rounds with one winner, {figures.winners[0]} with none, "
        f"{sum(several.values())} with more than one, at most {max(figures.winners)}",
        f"{figures.collided} rounds in which all claims were sent before a response, "
        f"{figures.blocked} in which all waited for the lock of the provider",
        f"{figures.claims} claims: {_counted(figures.statuses)}",
        *_conflicts(figures.conflicts),
    ]


def claims_lines(figures: contended_claims.Figures) -> list[str]:
    """Return the counts of contended claims as sentences."""
    claims = figures.claims.total()
    return [
        f"{claims} claims in {figures.seconds:.0f} seconds: "
        f"{claims / figures.seconds:.0f} a second",
        f"claims: {_counted(figures.claims)}",
        f"other requests: {_counted(figures.other)}",
        *_conflicts(figures.conflicts),
        f"{figures.snapshots} snapshots, {figures.overcommitted} of them with an "
        "inventory that an operator had lowered below its usage; "
        f"{figures.full} inventories were full in a snapshot",
    ]


def _conflicts(count: int) -> list[str]:
    return [f"{count} transactions were retried"] * (count > 0)


def _counted(counter: "collections.abc.Mapping[typing.Any, int]") -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items()))


def _violation_lines(violations: list[str]) -> list[str]:
    return [f"{len(violations)} violations", *violations]


if __name__ == "__main__":
    main()
