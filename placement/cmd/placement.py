"""The ``placement`` command: its subcommands, and how it ends.

Exit status: 0 done; 1 not possible now (no candidate, a conflict, no server); 2 wrong
use. A failure is one sentence on stderr; with --json, one error document.
"""

import contextlib
import importlib
import sys
import typing
from collections.abc import Iterator

import click

from placement.cmd.connection import Connection

# Name, where the command is, and what --help says of it. The modules are loaded when
# they are used: some of them load the whole service.
_COMMANDS = {
    "candidates": ("placement.cmd.candidates:candidates", "Ask who could serve this."),
    "claim": ("placement.cmd.claim:claim", "Take resources for a consumer."),
    "host": ("placement.cmd.host:host", "Register this machine."),
    "openapi": ("placement.cmd.openapi:openapi", "Print the OpenAPI document."),
    "release": ("placement.cmd.release:release", "Give back what a consumer holds."),
    "serve": ("placement.cmd.serve:serve", "Run a server on this machine."),
    "show": ("placement.cmd.show:show", "Show provider trees and their usage."),
}


# In ``meta`` of the context: whether --json was given.
_IS_JSON = "placement.is_json"


class LazyGroup(click.Group):
    """A group that loads a subcommand when it is called, not to list it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: typing.Any,
    ) -> click.Context:
        # The subcommand that has the option may never get to parse it.
        is_json = "--json" in args
        with _as_exit_status(is_json):
            ctx = super().make_context(info_name, args, parent, **extra)
        ctx.meta[_IS_JSON] = is_json
        return ctx

    def invoke(self, ctx: click.Context) -> typing.Any:
        with _as_exit_status(ctx.meta[_IS_JSON]):
            return super().invoke(ctx)


@contextlib.contextmanager
def _as_exit_status(is_json: bool) -> Iterator[None]:
    """Do what ``failures.as_exit_status`` does, loaded when something fails."""
    try:
        yield
    except (click.exceptions.Exit, click.Abort):
        raise
    except Exception as failure:
        from placement.cmd import failures  # noqa: PLC0415 - slow

        with failures.as_exit_status(is_json):
            raise failure


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--endpoint",
    envvar="PLACEMENT_ENDPOINT",
    metavar="URL",
    help="URL of the service; the server on this machine by default.",
)
@click.option(
    "--token",
    envvar="PLACEMENT_TOKEN",
    help="Token to show to the service; that of the server on this machine by "
    "default. Others can see command lines: prefer the environment.",
)
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(min=0),
    default=0,
    metavar="SECONDS",
    help="Wait up to SECONDS for the service to answer, for example while it starts.",
)
@click.version_option(package_name="standalone-placement")
@click.pass_context
def placement(
    ctx: click.Context, endpoint: str | None, token: str | None, wait_seconds: float
) -> None:
    """Know what resources there are, who uses them, and who could serve a request."""
    ctx.obj = Connection(endpoint, token, wait_seconds)


def main() -> None:
    """Run the command and end the process with its exit status."""
    sys.exit(placement.main(prog_name="placement", standalone_mode=True))


if __name__ == "__main__":
    main()
