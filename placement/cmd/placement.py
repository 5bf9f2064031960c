"""The command ``placement``.

Exit status: 0 success; 1 cannot be satisfied now (no candidate, a conflict, no server);
2 usage error. Failures are printed to stderr as one sentence or, with --json, as one
error document.
"""

import contextlib
import importlib
import sys
import typing
from collections.abc import Iterator

import click

from placement.cmd.connection import Connection

# By name, the object of the command, and its help. Modules are imported when used,
# because some of them import the whole service.
_COMMANDS = {
    "candidates": ("placement.cmd.candidates:candidates", "Search for candidates."),
    "capacity": (
        "placement.cmd.capacity:capacity",
        "Count how many more consumers of a request fit.",
    ),
    "change": (
        "placement.cmd.change:change",
        "Add and remove traits, aggregates and inventories of a provider.",
    ),
    "claim": ("placement.cmd.claim:claim", "Claim resources for a consumer."),
    "consumers": (
        "placement.cmd.consumers:consumers",
        "Show, audit and release consumers.",
    ),
    "console": (
        "placement.cmd.console:console",
        "Print a link to the console, the web pages of the service.",
    ),
    "health": (
        "placement.cmd.health:health",
        "Show whether the service can serve requests.",
    ),
    "cordon": (
        "placement.cmd.cordon:cordon",
        "Let a host take no new allocations.",
    ),
    "drain": (
        "placement.cmd.drain:drain",
        "Cordon a host, and plan where its consumers can go.",
    ),
    "demo": (
        "placement.cmd.demo:demo",
        "Run a server with a realistic cloud, to look around in.",
    ),
    "holds": (
        "placement.cmd.holds:holds",
        "List, confirm and extend claims that expire.",
    ),
    "host": ("placement.cmd.host:host", "Register this machine."),
    "limits": ("placement.cmd.limits:limits", "Show and set limits of projects."),
    "metrics": ("placement.cmd.metrics:metrics", "Print metrics, for Prometheus."),
    "openapi": ("placement.cmd.openapi:openapi", "Print the OpenAPI document."),
    "place": (
        "placement.cmd.place:place",
        "Let the service pick providers, and claim them.",
    ),
    "providers": (
        "placement.cmd.providers:providers",
        "Show all providers and their usage.",
    ),
    "release": (
        "placement.cmd.release:release",
        "Release the allocations of a consumer.",
    ),
    "serve": ("placement.cmd.serve:serve", "Run a server on this machine."),
    "show": ("placement.cmd.show:show", "Show provider trees and their usage."),
    "uncordon": ("placement.cmd.cordon:uncordon", "Return a host to service."),
    "watch": ("placement.cmd.watch:watch", "Print changes as they happen."),
    "whatif": (
        "placement.cmd.whatif:whatif",
        "Find out whether the consumers of lost hosts would fit elsewhere.",
    ),
    "why": ("placement.cmd.why:why", "Explain why a search finds no candidates."),
}


# Key in ``meta`` of the context: whether --json was given.
_IS_JSON = "placement.is_json"


class LazyGroup(click.Group):
    """A group that imports a subcommand only when it is called."""

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
        # Errors may occur before the subcommand parses its options.
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
    """Apply ``failures.as_exit_status``, imported only if something fails."""
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
    help="URL of the service; by default the server on this machine.",
)
@click.option(
    "--token",
    envvar="PLACEMENT_TOKEN",
    help="Token to send; by default that of the server on this machine. Prefer the "
    "environment, because other users can see command lines.",
)
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(min=0),
    default=0,
    metavar="SECONDS",
    help="Wait up to SECONDS for the service to respond, for example while it starts.",
)
@click.version_option(package_name="standalone-placement")
@click.pass_context
def placement(
    ctx: click.Context, endpoint: str | None, token: str | None, wait_seconds: float
) -> None:
    """Track resources, their use, and which providers can serve a request."""
    ctx.obj = Connection(endpoint, token, wait_seconds)


def main() -> None:
    """Run the command and exit with its status."""
    sys.exit(placement.main(prog_name="placement", standalone_mode=True))


if __name__ == "__main__":
    main()
