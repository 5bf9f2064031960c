"""Races of claims in which the service picks the provider, and of holds.

The kinds of races are in ``placing_races``.
``python -m tests.stress.placing --database postgresql`` runs 10,000 rounds of each.
"""

import collections.abc
import dataclasses
import functools
import itertools
import random
import signal
import sys

import click

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from tests.functional import invariants
from tests.servers import isolation_levels
from tests.stress import client_processes, contention, placing_races

# Rounds between two checks of the database.
BATCH = 200

# A run stops after this many violations.
VIOLATIONS_MAX = 20


@dataclasses.dataclass
class Figures:
    """The counts of the races of a kind; ``violations`` has a sentence for each.

    ``collided`` are the rounds in which all requests were sent before the first was
    answered.
    """

    kind: str
    rounds: int = 0
    requests: int = 0
    collided: int = 0
    conflicts: int = 0
    seconds: float = 0
    violations: list[str] = dataclasses.field(default_factory=list)


def run(
    services: collections.abc.Sequence[client_processes.Service],
    url: str,
    kinds: collections.abc.Sequence[str],
    rounds: int,
    seed: int,
) -> collections.abc.Iterator[Figures]:
    """Run races of each kind on a new database, and yield their counts."""
    database = engines.create_engine(DatabaseSettings(url))
    with client_processes.shared(services, placing_races.CLIENTS_MAX) as clients:
        clients.run([placing_races.offer])
        for kind in kinds:
            figures = Figures(kind)
            race, chance = placing_races.KINDS[kind], random.Random(f"{kind} {seed}")
            with client_processes.measured(clients, figures):
                while (
                    figures.rounds < rounds and len(figures.violations) < VIOLATIONS_MAX
                ):
                    _round(clients, race(chance, database), figures)
                    if figures.rounds % BATCH == 0 or figures.rounds == rounds:
                        figures.violations += invariants.violations(url)
            yield figures
    database.dispose()


def _round(
    clients: client_processes.ClientProcesses,
    race: placing_races.Race,
    figures: Figures,
) -> None:
    before = race.before()
    if before:
        clients.run(before)
    responses = list(itertools.chain.from_iterable(clients.run(race.jobs())))
    figures.rounds += 1
    figures.requests += len(responses)
    figures.violations += [f"{race.name}: {each}" for each in race.wrong(responses)]
    last_sent = max(each.sent for each in responses)
    figures.collided += last_sent < min(each.answered for each in responses)
    holders = sorted(set(race.holders()))
    clients.run([functools.partial(placing_races.release, holders), *race.after()])


@click.command()
@click.option("--database", type=click.Choice(contention.KINDS), required=True)
@click.option(
    "--isolation",
    "level",
    type=click.Choice(
        sorted(set(itertools.chain.from_iterable(isolation_levels.LEVELS.values())))
    ),
    help="Default isolation level of the server.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(list(placing_races.KINDS)),
    default=list(placing_races.KINDS),
    help="Kind of race; all by default.",
)
@click.option("--rounds", default=10_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(
    database: str, level: str | None, kinds: tuple[str, ...], rounds: int, seed: int
) -> None:
    """Send concurrent claims with picks, and requests for holds that expire."""
    # Started servers are then also stopped when this process is terminated.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    is_wrong = False
    with contention.database(database, level) as urls:
        services = contention.in_process_services(urls)
        for figures in run(services, urls[0], kinds, rounds, seed):
            print(
                f"{database}, isolation level {level or 'default'}, seed {seed}, "
                f"{figures.kind}: {figures.rounds} rounds, {figures.requests} requests "
                f"in {figures.seconds:.0f} seconds; in {figures.collided} rounds all "
                f"were sent before a response; {figures.conflicts} transactions "
                f"retried; {len(figures.violations)} violations",
                *figures.violations,
                sep="\n",
                flush=True,
            )
            is_wrong |= bool(figures.violations)
    sys.exit(is_wrong)


if __name__ == "__main__":
    main()
