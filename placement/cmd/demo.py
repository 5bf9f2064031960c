"""``placement demo``: a server with a realistic cloud, to look around in."""

import contextlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import typing
from collections.abc import Iterator

import click

from placement.cmd import demo_server, listener, progress
from placement.cmd.failures import NotPossibleNow
from placement.demo import cloud as demo_cloud
from placement.demo import fill, tour

_HOSTS = 200
_SEED = 1


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port to listen on, on 127.0.0.1; by default any free port.",
)
@click.option(
    "--hosts",
    "host_count",
    type=click.IntRange(demo_cloud.HOSTS_MIN, demo_cloud.HOSTS_MAX),
    default=_HOSTS,
    show_default=True,
    help="Number of hosts.",
)
@click.option(
    "--seed",
    type=int,
    default=_SEED,
    show_default=True,
    help="The same seed makes the same cloud.",
)
@click.option(
    "--keep",
    "kept",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    metavar="DIR",
    help="Keep the files of the server in DIR, which must be empty or missing.",
)
def demo(port: int, host_count: int, seed: int, kept: pathlib.Path | None) -> None:
    """Run a server with a realistic cloud until Ctrl-C.

    It has zones, NUMA nodes, GPUs, shared storage, projects with instances, and some
    problems to find. Prints the URL of the server, and commands to try. Its files are
    temporary, unless --keep is given; other servers on this machine are not touched.
    """
    started = time.monotonic()
    # An error in the port comes first.
    listener.listen(
        listener.Address("127.0.0.1", port), "Choose another with --port."
    ).close()
    with (
        _ending_by_signals(),
        _directory(kept) as directory,
        demo_server.serving(directory, port) as server,
    ):
        with progress.shown("Build the cloud") as report:
            rng = random.Random(seed)
            cloud = demo_cloud.draw(host_count, rng)
            filled = fill.fill(server.client(), cloud, rng, report)
        live = directory / tour.LIVE_FILE
        live.write_text("".join(f"{each}\n" for each in filled.live))
        seconds = time.monotonic() - started
        with contextlib.suppress(KeyboardInterrupt):
            click.echo(
                f"{host_count} hosts ({filled.provider_count} providers) with "
                f"{len(filled.consumers)} instances, ready after {seconds:.1f} seconds."
            )
            _print_places(server.endpoint, directory, kept is not None)
            _print_steps(tour.steps(cloud, filled), directory)
            server.wait()
        click.echo()


def _print_places(endpoint: str, directory: pathlib.Path, is_kept: bool) -> None:
    click.echo(f"\n  Server   {endpoint}")
    link = _console_link(directory)
    if link is not None:
        click.echo(f"  Console  {link}")
    note = "kept" if is_kept else "deleted at the end"
    click.echo(f"  Files    {directory} ({note}; the log is {demo_server.LOG_FILE})")


def _console_link(directory: pathlib.Path) -> str | None:
    done = subprocess.run(
        [sys.executable, "-m", "placement.cmd.placement", "console"],
        env=demo_server.environment(directory),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None


def _print_steps(steps: Iterator[tour.Step], directory: pathlib.Path) -> None:
    click.echo("\nTry in another terminal:\n")
    overriding = [
        name for name in ("PLACEMENT_ENDPOINT", "PLACEMENT_TOKEN") if name in os.environ
    ]
    if overriding:
        click.echo(f"  unset {' '.join(overriding)}")
    click.echo(f"  export PLACEMENT_STATE_DIR={directory}")
    for step in steps:
        click.echo(f"\n  {step.command}\n      # {step.shows}")
    click.echo("\nCtrl-C stops the server.")
    sys.stdout.flush()


@contextlib.contextmanager
def _directory(kept: pathlib.Path | None) -> Iterator[pathlib.Path]:
    """Create the state directory, and delete it after the block unless it is kept.

    Raises NotPossibleNow if the directory to keep has files.
    """
    if kept is None:
        created = pathlib.Path(tempfile.mkdtemp(prefix="placement-demo-"))
        try:
            yield created
        finally:
            shutil.rmtree(created, ignore_errors=True)
        return
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(kept.iterdir()):
        raise NotPossibleNow(
            f"{kept} is not empty. If it has the files of a demo, serve them with "
            f"`PLACEMENT_STATE_DIR={kept} placement serve`."
        )
    yield kept.absolute()


@contextlib.contextmanager
def _ending_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: typing.Any) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
