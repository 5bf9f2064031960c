"""``placement host``: the machine that the command runs on."""

import json
import pathlib
import socket

import click

from placement.client import state_directory
from placement.cmd.connection import Connection, pass_connection
from placement.cmd.failures import NotPossibleNow
from placement.host import kernel
from placement.host import report as reporting

_ROOT = pathlib.Path("/")
_RATIO = click.FloatRange(min=0, min_open=True)


@click.group()
def host() -> None:
    """Register the machine that this runs on."""


@host.command()
@click.option("--name", help="Name of its provider; the host name by default.")
@click.option("--numa", "is_numa", is_flag=True, help="NUMA nodes as children.")
@click.option(
    "--trait",
    "custom_traits",
    multiple=True,
    metavar="CUSTOM_X",
    help="A custom trait to give it as well; made if it is missing.",
)
@click.option("--vcpu-ratio", type=_RATIO, help="Allocation ratio of VCPU.")
@click.option("--memory-ratio", type=_RATIO, help="Allocation ratio of MEMORY_MB.")
@click.option("--disk-ratio", type=_RATIO, help="Allocation ratio of DISK_GB.")
@click.option(
    "--disk-path",
    type=click.Path(exists=True, path_type=pathlib.Path),
    help="Count the file system of this directory; that of the state directory by "
    "default.",
)
@click.option("--json", "is_json", is_flag=True, help="The changes for programs.")
@pass_connection
def report(  # noqa: PLR0913
    connection: Connection,
    *,
    name: str | None,
    is_numa: bool,
    custom_traits: tuple[str, ...],
    vcpu_ratio: float | None,
    memory_ratio: float | None,
    disk_ratio: float | None,
    disk_path: pathlib.Path | None,
    is_json: bool,
) -> None:
    """Make the stored provider equal to what the kernel says of this machine.

    Run again, it changes only what differs. What operators have set stays: reserved
    amounts, ratios that are not given here, other classes and traits.
    """
    for trait in custom_traits:
        if not trait.startswith("CUSTOM_"):
            raise click.UsageError(f"Not a custom trait, CUSTOM_...: '{trait}'.")
    given = {
        reporting.VCPU: vcpu_ratio,
        reporting.MEMORY_MB: memory_ratio,
        reporting.DISK_GB: disk_ratio,
    }
    ratios = {key: ratio for key, ratio in given.items() if ratio is not None}
    name = name or socket.gethostname()
    try:
        machine = _read_machine(disk_path)
        wanted = reporting.plan(machine, name, is_numa, custom_traits)
        changes = reporting.Report(connection.client(), ratios).run(wanted)
    except (kernel.KernelError, reporting.ReportError) as refusal:
        raise NotPossibleNow(str(refusal)) from refusal
    if is_json:
        click.echo(json.dumps([change._asdict() for change in changes], indent=2))
        return
    for change in changes:
        click.echo(f"{change.provider}: {change.what}")
    if not changes:
        click.echo(f"{name}: nothing to change")


def _read_machine(disk_path: pathlib.Path | None) -> kernel.Machine:
    """Read what the kernel says; a disk that is asked for must be large enough.

    Raises KernelError, NotPossibleNow, OSError.
    """
    path = (disk_path or state_directory()).absolute()
    machine = kernel.read_machine(_ROOT, path)
    if disk_path is not None and machine.disk_gb is None:
        raise NotPossibleNow(f"The file system of {path} has less than 1 GiB.")
    return machine
