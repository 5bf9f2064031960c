"""``python -m benchmarks``: compare this service with the one that it replaces."""

import collections.abc
import json
import os
import pathlib
import platform
import signal
import sys
import traceback
import typing

import click

from benchmarks import claims as claiming
from benchmarks import costs as costing
from benchmarks import extensions as extending
from benchmarks import placing as placing_
from benchmarks import report, rows, turns
from benchmarks import search as searching
from benchmarks import soak as soaking
from benchmarks import stage as stages


@click.group()
def benchmarks() -> None:
    """Measure this service and the existing one (the peer) on the same machine."""
    # Stop the started servers on SIGTERM too, not only on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


_R = typing.TypeVar("_R")


def _table_options(
    command: collections.abc.Callable[..., _R],
) -> collections.abc.Callable[..., _R]:
    """Add the options of a command that prints a table."""
    for option in (
        click.option("--json", "path", type=click.Path(path_type=pathlib.Path)),
        click.option(
            "--threads", default=8, show_default=True, help="Threads per process."
        ),
        click.option(
            "--timeout",
            "timeout_seconds",
            default=60.0,
            show_default=True,
            help="Seconds to wait for an answer.",
        ),
        click.option(
            "--seconds",
            default=20.0,
            show_default=True,
            help="Seconds after which no new round of a row begins.",
        ),
        click.option("--rounds", default=5, show_default=True, help="Measured rounds."),
        click.option(
            "--row",
            "wanted",
            multiple=True,
            help="Only rows with this text in their name.",
        ),
    ):
        command = option(command)
    return command


@benchmarks.command()
@_table_options
@click.option("--workers", default=1, show_default=True, help="Processes per service.")
def search(**options: typing.Any) -> None:
    """Print how long searches for candidates take, as a table in Markdown."""
    _measure(searching.measurements, **options)


@benchmarks.command()
@_table_options
@click.option("--workers", default=2, show_default=True, help="Processes per service.")
def claims(**options: typing.Any) -> None:
    """Print how long writes take, as a table in Markdown."""
    _measure(claiming.measurements, **options)


@benchmarks.command()
@_table_options
@click.option("--workers", default=2, show_default=True, help="Processes per service.")
def placing(**options: typing.Any) -> None:
    """Print how long picking and claiming takes, as a table in Markdown."""
    _measure(placing_.measurements, **options)


@benchmarks.command()
@_table_options
@click.option("--workers", default=1, show_default=True, help="Processes per service.")
def extensions(**options: typing.Any) -> None:
    """Print how long the extensions take, as a table in Markdown."""
    _measure(extending.measurements, **options)


def _measure(
    measurements: collections.abc.Callable[[turns.Limits, float], rows.Measurements],
    rounds: int,
    seconds: float,
    timeout_seconds: float,
    **options: typing.Any,
) -> None:
    """Measure and print a table; ``options`` are those of ``_print_table``."""
    made = measurements(turns.Limits(rounds, seconds), timeout_seconds)
    _print_table(made, **options)


@benchmarks.command()
@click.option("--hosts", default=10_000, show_default=True)
@click.option("--seconds", default=3600.0, show_default=True)
@click.option(
    "--load", default=0.7, show_default=True, help="Part of the highest rate."
)
@click.option(
    "--window", default=300.0, show_default=True, help="Seconds of a row of the table."
)
@click.option("--workers", default=2, show_default=True)
@click.option("--threads", default=8, show_default=True)
@click.option("--json", "path", type=click.Path(path_type=pathlib.Path))
def soak(
    hosts: int,
    seconds: float,
    load: float,
    window: float,
    workers: int,
    threads: int,
    path: pathlib.Path | None,
) -> None:
    """Run a realistic mix for a long time; print latency and memory over time.

    Exit status: 1 if an answer or the database was wrong.
    """
    with stages.opened(workers, threads) as stage:
        result = soaking.run(stage, soaking.Plan(hosts, seconds, load, window))
    click.echo(f"{describe_machine()}; {workers} processes of {threads} threads\n")
    click.echo(soaking.markdown(result))
    if path:
        path.write_text(json.dumps(soaking.document(result), indent=2))
    for text in (*result.errors[:20], *result.violations[:20]):
        click.echo(text, err=True)
    if result.errors or result.violations:
        sys.exit(1)


@benchmarks.command()
@click.option("--rounds", default=7, show_default=True)
def costs(rounds: int) -> None:
    """Print the processor time of single steps of a request."""
    click.echo(describe_machine())
    for cost in costing.costs(rounds):
        click.echo(f"{cost.name}: {cost.seconds * 1e6:.1f} microseconds")


def describe_machine() -> str:
    """Return a description of the machine, to print with the figures."""
    return f"{os.cpu_count()} processors, Python {platform.python_version()}"


def _print_table(
    made: rows.Measurements,
    wanted: tuple[str, ...],
    workers: int,
    threads: int,
    path: pathlib.Path | None,
) -> None:
    """Print each row to stderr when it is measured, and the table at the end."""
    chosen = {
        name: measure
        for name, measure in made.items()
        if not wanted or any(part in name for part in wanted)
    }
    if not chosen:
        raise click.UsageError(f"no row has {', '.join(wanted)} in its name")
    finished: list[rows.Row] = []
    failed = False
    with stages.opened(workers, threads) as stage:
        for name, measure in chosen.items():
            try:
                made_now = measure(stage)
            # Keep the rows that are measured already.
            except Exception:
                failed = True
                click.echo(f"{name}: {traceback.format_exc()}", err=True)
                continue
            finished += made_now
            for row in made_now:
                click.echo(report.line(row), err=True)
    click.echo(f"{describe_machine()}; {workers} processes of {threads} threads\n")
    click.echo(report.markdown(finished))
    if path:
        documents = [report.document(row) for row in finished]
        path.write_text(json.dumps(documents, indent=2))
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(benchmarks())
