"""Formatted results on standard output."""

import sys
import typing

if typing.TYPE_CHECKING:
    from rich.console import Console

# Wider than any line.
_UNBOUNDED = 1_000_000


def console() -> "Console":
    """Return a console that does not interpret markup.

    Lines fit the width of a terminal. In a pipe or a file, they are neither truncated
    nor wrapped.
    """
    from rich.console import Console  # noqa: PLC0415 - slow

    width = None if sys.stdout.isatty() else _UNBOUNDED
    return Console(width=width, highlight=False, markup=False, emoji=False)
