"""``placement health``: whether the service can serve requests."""

import typing

import click

from placement.cmd import output
from placement.cmd.connection import Connection, pass_connection
from placement.cmd.failures import NotPossibleNow

if typing.TYPE_CHECKING:
    from placement.client import Health

# Sent if there is no token: the service does not look at it.
_ANY_TOKEN = "none"


@click.command()
@click.option(
    "--exclude",
    multiple=True,
    metavar="CHECK",
    help="Ignore this check, such as galera; can be repeated.",
)
@output.json_option
@pass_connection
def health(connection: Connection, exclude: tuple[str, ...], is_json: bool) -> None:
    """Show whether the service can serve requests, and which check fails."""
    connection = connection._replace(token=connection.token or _ANY_TOKEN)
    found = connection.client().get_health(exclude)
    if is_json:
        output.print_json(_document(found))
    else:
        output.print_rows(
            [
                ["check", "result"],
                *([name, "ok"] for name in found.passed),
                *([name, "ignored"] for name in found.excluded),
                *([name, f"failed: {reason}"] for name, reason in found.failed.items()),
            ]
        )
    if not found.is_ready:
        raise NotPossibleNow("The service is not ready.")


def _document(found: "Health") -> dict[str, typing.Any]:
    return {
        "ready": found.is_ready,
        "passed": found.passed,
        "excluded": found.excluded,
        "failed": found.failed,
    }
