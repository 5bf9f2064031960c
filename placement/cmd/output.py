"""Results for people, on standard output."""

import sys
import typing

if typing.TYPE_CHECKING:
    from rich.console import Console

# Wider than any line, where nobody folds lines at the edge of a screen.
_UNBOUNDED = 1_000_000


def console() -> "Console":
    """Return a console that prints text as it is.

    On a terminal, lines are as wide as it is. In a pipe or a file nothing is cut
    or folded.
    """
    from rich.console import Console  # noqa: PLC0415 - slow

    width = None if sys.stdout.isatty() else _UNBOUNDED
    return Console(width=width, highlight=False, markup=False, emoji=False)
