"""Formatted results on standard output."""

import json
import sys
import typing
from collections.abc import Mapping, Sequence

import click

if typing.TYPE_CHECKING:
    from rich.console import Console

# Wider than any line.
_UNBOUNDED = 1_000_000

json_option = click.option("--json", "is_json", is_flag=True, help="Print JSON.")


def print_json(document: object) -> None:
    """Print a document as indented JSON."""
    click.echo(json.dumps(document, indent=2))


def console() -> "Console":
    """Return a console that does not interpret markup.

    Lines fit the width of a terminal. In a pipe or a file, they are neither truncated
    nor wrapped.
    """
    from rich.console import Console  # noqa: PLC0415 - slow

    width = None if sys.stdout.isatty() else _UNBOUNDED
    return Console(width=width, highlight=False, markup=False, emoji=False)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 host`` or ``2 hosts``."""
    return f"{number} {noun if number == 1 else noun + 's'}"


def print_rows(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns of equal width, each truncated to the width of the console.

    The console itself would take seconds for thousands of rows.
    """
    from rich import cells  # noqa: PLC0415 - slow

    width_max = console().width
    widths = [max(map(cells.cell_len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        padded = (
            text + " " * (width - cells.cell_len(text))
            for text, width in zip(row, widths, strict=True)
        )
        line = "  ".join(padded).rstrip()
        if cells.cell_len(line) > width_max:
            line = cells.set_cell_size(line, width_max - 1) + "…"
        lines.append(line)
    click.echo("\n".join(lines))


def print_consumer(
    consumer: str,
    by_provider: Mapping[str, Mapping[str, int]],
    names: Mapping[str, str],
) -> None:
    """Print a consumer, and what it holds of each provider on a line of its own.

    ``names`` are those of the providers, by uuid, without those that were deleted.
    """
    click.echo(consumer)
    for uuid, resources in by_provider.items():
        amounts = ", ".join(f"{name} {units}" for name, units in resources.items())
        provider = f"{names[uuid]} ({uuid})" if uuid in names else uuid
        click.echo(f"  {amounts} of {provider}")
