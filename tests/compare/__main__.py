"""``python -m tests.compare``: compare the service with its peer on random requests."""

import itertools
import sys
import time

import click

from benchmarks import services as known
from tests.compare import report, services
from tests.compare.compare import Finding, Tally, run_episode
from tests.compare.pair import Pair
from tests.compare.shrink import shrunk


@click.command()
@click.option("--requests", default=50_000, show_default=True, help="Minimum number.")
@click.option("--seeds", default=5, show_default=True, help="Number of seeds.")
@click.option("--first-seed", default=1, show_default=True)
@click.option("--episode", help="Send only this episode, as SEED/NUMBER.")
@click.option("--database", type=click.Choice(services.KINDS), default="sqlite")
@click.option(
    "--shrink", default=0, help="Number of classes to shorten the example of."
)
@click.option("--peer-twice", is_flag=True, help="Compare the peer with itself.")
def main(
    requests: int,
    seeds: int,
    first_seed: int,
    episode: str | None,
    database: str,
    shrink: int,
    peer_twice: bool,
) -> None:
    """Send the same random requests to both services; report the differences."""
    peer = services.peer()
    other = peer if peer_twice else known.ours()
    findings: list[Finding] = []
    tally = Tally(database)
    begun = time.monotonic()
    with services.running(peer, other, database) as urls:
        pair = Pair(*urls)
        if episode is not None:
            findings += run_episode(pair, episode, tally)
        else:
            for seed in range(first_seed, first_seed + seeds):
                findings += _run_seed(pair, seed, requests // seeds, tally)
        groups = report.grouped(findings)
        for members in itertools.islice(groups.values(), shrink):
            members.append(shrunk(pair, report.shortest(members), database))
        pair.close()
    for line in report.lines(groups, tally):
        click.echo(line)
    seconds = time.monotonic() - begun
    click.echo(f"\n{pair.sent} requests to each service in {seconds:.0f} seconds")
    sys.exit(bool(findings))


def _run_seed(pair: Pair, seed: int, count: int, tally: Tally) -> list[Finding]:
    findings: list[Finding] = []
    until, number = pair.sent + count, 0
    while pair.sent < until:
        findings += run_episode(pair, f"{seed}/{number}", tally)
        number += 1
    click.echo(f"seed {seed}: {len(findings)} unexplained", err=True)
    return findings


if __name__ == "__main__":
    main()
