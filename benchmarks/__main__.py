"""``python -m benchmarks``: this service beside the one that it stands in for."""

import json
import os
import pathlib
import platform
import signal
import sys

import click

from benchmarks import compare as comparing
from benchmarks import costs as costing
from benchmarks import race as racing
from benchmarks import scenarios, services
from tests.functional import databases

PEER, OURS = "peer", "ours"


@click.group()
def benchmarks() -> None:
    """Measure this service and the existing one (the peer) on the same machine."""
    # Who is told to end in whatever way still stops the servers that it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@benchmarks.command()
@click.option("--scenario", "wanted", multiple=True, help="Those whose name has this.")
@click.option("--rounds", default=7, show_default=True, help="Turns that count.")
@click.option("--workers", default=2, show_default=True, help="Processes of each.")
@click.option("--threads", default=4, show_default=True, help="Threads of a process.")
@click.option("--json", "path", type=click.Path(path_type=pathlib.Path))
def compare(
    wanted: tuple[str, ...],
    rounds: int,
    workers: int,
    threads: int,
    path: pathlib.Path | None,
) -> None:
    """Print the time of an operation by service, and the ratio peer/ours."""
    chosen = [
        scenario
        for scenario in scenarios.SCENARIOS
        if not wanted or any(part in scenario.name for part in wanted)
    ]
    if not chosen:
        raise click.UsageError(f"no scenario has {', '.join(wanted)} in its name")
    click.echo(f"{describe_machine()}; {workers} workers with {threads} threads each")
    results = []
    compared = [services.peer(), services.ours()]
    for result in comparing.compare(compared, chosen, rounds, workers, threads):
        results.append(result)
        for line in _lines(result):
            click.echo(line)
    if path:
        path.write_text(json.dumps([_document(result) for result in results], indent=2))


@benchmarks.command()
@click.option("--rounds", default=200, show_default=True)
@click.option("--claimers", default=8, show_default=True)
@click.option(
    "--database",
    "kinds",
    multiple=True,
    type=click.Choice(databases.KINDS),
    default=databases.KINDS,
    show_default=True,
)
def race(rounds: int, claimers: int, kinds: tuple[str, ...]) -> None:
    """Let several clients claim one unit at the same moment; count the winners."""
    click.echo(f"{describe_machine()}; {rounds} rounds of {claimers} claims at once")
    for kind in kinds:
        for service in (services.peer(), services.ours()):
            tally = racing.run(service, kind, rounds, claimers)
            winners = ", ".join(
                f"{count} with {number} winners"
                for number, count in sorted(tally.winners.items())
            )
            click.echo(
                f"{kind}, {service.name}: rounds: {winners}; all at once in "
                f"{tally.collided}; {tally.other} claims got another answer"
            )


@benchmarks.command()
@click.option("--rounds", default=7, show_default=True)
def costs(rounds: int) -> None:
    """Print the processor time of single steps of a request."""
    click.echo(describe_machine())
    for cost in costing.costs(rounds):
        click.echo(f"{cost.name}: {cost.seconds * 1e6:.1f} microseconds")


def describe_machine() -> str:
    """Return what a reader of the figures must know of where they were taken."""
    return f"{os.cpu_count()} processors, Python {platform.python_version()}"


def _lines(result: comparing.Result) -> list[str]:
    lines = [f"\n{result.scenario} ({result.cloud})"]
    for name, sample in result.medians.items():
        lines.append(
            f"  {name:<6} wall {sample.wall * 1000:9.2f} ms   "
            f"processor {sample.processor * 1000:9.2f} ms   "
            f"{1 / sample.wall:8.1f} per second"
        )
    wall, processor = _ratios(result)
    lines.append(f"  peer/ours: wall {wall:.1f}, processor {processor:.1f}")
    return lines


def _ratios(result: comparing.Result) -> tuple[float, float]:
    peer, ours = result.medians[PEER], result.medians[OURS]
    # Less than a tick of the clock reads as nothing.
    processor = peer.processor / ours.processor if ours.processor else float("inf")
    return peer.wall / ours.wall, processor


def _document(result: comparing.Result) -> dict[str, object]:
    wall, processor = _ratios(result)
    return {
        "scenario": result.scenario,
        "cloud": result.cloud,
        "seconds_per_operation": {
            name: sample._asdict() for name, sample in result.medians.items()
        },
        "peer_to_ours": {"wall": wall, "processor": processor},
    }


if __name__ == "__main__":
    sys.exit(benchmarks())
