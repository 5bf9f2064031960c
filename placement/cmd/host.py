"""``placement host``: the machine that runs the command."""

import pathlib
import socket

import click

from placement.client import state_directory
from placement.cmd import output
from placement.cmd.connection import Connection, pass_connection
from placement.cmd.failures import NotPossibleNow
from placement.host import kernel, updates
from placement.host import report as reporting

_ROOT = pathlib.Path("/")
_RATIO = click.FloatRange(min=0, min_open=True)


@click.group()
def host() -> None:
    """Register this machine."""


@host.command()
@click.option("--name", help="Name of the provider; by default the host name.")
@click.option(
    "--numa", "is_numa", is_flag=True, help="Report NUMA nodes as child providers."
)
@click.option(
    "--trait",
    "custom_traits",
    multiple=True,
    metavar="CUSTOM_X",
    help="Custom trait to add; created if it does not exist.",
)
@click.option("--vcpu-ratio", type=_RATIO, help="Allocation ratio of VCPU.")
@click.option("--memory-ratio", type=_RATIO, help="Allocation ratio of MEMORY_MB.")
@click.option("--disk-ratio", type=_RATIO, help="Allocation ratio of DISK_GB.")
@click.option(
    "--disk-path",
    type=click.Path(exists=True, path_type=pathlib.Path),
    help="Report the file system of this directory; by default that of the state "
    "directory.",
)
@click.option("--json", "is_json", is_flag=True, help="Print the changes as JSON.")
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
    """Register the resources of this machine, as reported by its kernel.

    If run again, it changes only what differs. Settings of operators are kept:
    reserved amounts, ratios without an option here, other classes and traits.
    """
    for trait in custom_traits:
        if not trait.startswith("CUSTOM_"):
            raise click.UsageError(
                f"Invalid trait '{trait}': a custom trait begins with CUSTOM_."
            )
    given = {
        updates.VCPU: vcpu_ratio,
        updates.MEMORY_MB: memory_ratio,
        updates.DISK_GB: disk_ratio,
    }
    ratios = {key: ratio for key, ratio in given.items() if ratio is not None}
    name = name or socket.gethostname()
    try:
        machine = _read_machine(disk_path)
        wanted = reporting.plan(machine, name, is_numa, custom_traits)
        changes = reporting.Report(connection.client(), ratios).run(wanted)
    except (kernel.KernelError, reporting.ReportError) as failure:
        raise NotPossibleNow(str(failure)) from failure
    if is_json:
        output.print_json([change._asdict() for change in changes])
        return
    for change in changes:
        click.echo(f"{change.provider}: {change.what}")
    if not changes:
        click.echo(f"{name}: nothing to change")


def _read_machine(disk_path: pathlib.Path | None) -> kernel.Machine:
    """Read the resources of this machine; a disk given by option must be large enough.

    Raises KernelError, NotPossibleNow, OSError.
    """
    path = (disk_path or state_directory()).absolute()
    machine = kernel.read_machine(_ROOT, path)
    if disk_path is not None and machine.disk_gb is None:
        raise NotPossibleNow(f"The file system of {path} has less than 1 GiB.")
    return machine
