"""The command that runs a race: its options and its report."""

import collections.abc
import sys
import typing

import click

from tests.stress import client_processes, contention


class Figures(typing.Protocol):
    """The counts of a run; ``violations`` has a sentence for each."""

    seconds: float
    conflicts: int
    violations: list[str]

    @property
    def summary(self) -> str:
        """The counts in words."""


Run = collections.abc.Callable[
    [collections.abc.Sequence[client_processes.Service], str, int, int], Figures
]


def of(run: Run, text: str) -> click.Command:
    """Return the command that calls ``run``; ``text`` is its help.

    ``run`` takes the services, the URL of their database, the number of rounds and a
    seed. The command exits with status 1 if there are violations.
    """

    @click.command(help=text)
    @click.option(
        "--database", "kind", type=click.Choice(contention.KINDS), required=True
    )
    @click.option("--rounds", default=10_000, show_default=True)
    @click.option("--seed", default=1, show_default=True)
    def command(kind: str, rounds: int, seed: int) -> None:
        with contention.database(kind) as urls:
            services = contention.in_process_services(urls)
            figures = run(services, urls[0], rounds, seed)
        print(
            f"{kind}, seed {seed}: {figures.summary} in {figures.seconds:.0f} seconds; "
            f"{figures.conflicts} transactions retried"
        )
        print("\n".join(figures.violations) or "no violations")
        sys.exit(bool(figures.violations))

    return command
