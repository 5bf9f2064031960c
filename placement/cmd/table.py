"""Plain text tables for the operator commands."""

import collections.abc
import textwrap

# Maximum width of a line in a block, in characters.
BLOCK_WIDTH = 69


def columns(
    header: collections.abc.Sequence[str],
    rows: collections.abc.Iterable[collections.abc.Sequence[object]],
) -> str:
    """Return a table with one line per row and centred cells."""
    lines = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    border = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    head, *body = (_line(cells, widths) for cells in lines)
    return "\n".join([border, head, border, *body, border])


def _line(
    cells: collections.abc.Sequence[str], widths: collections.abc.Sequence[int]
) -> str:
    centred = (f" {cell:^{width}} " for cell, width in zip(cells, widths, strict=True))
    return "|" + "|".join(centred) + "|"


def blocks(
    title: str, entries: collections.abc.Iterable[collections.abc.Iterable[str]]
) -> str:
    """Return a table of one column: the title, then a block of lines per entry.

    Long lines are wrapped and indented.
    """
    wrapped = [[title], *([*_wrapped(lines)] for lines in entries)]
    width = max(len(line) for lines in wrapped for line in lines)
    border = "+" + "-" * (width + 2) + "+"
    parts = [border]
    for lines in wrapped:
        parts += [f"| {line:<{width}} |" for line in lines]
        parts.append(border)
    return "\n".join(parts)


def _wrapped(
    lines: collections.abc.Iterable[str],
) -> collections.abc.Iterator[str]:
    for line in lines:
        yield from textwrap.wrap(line, BLOCK_WIDTH, subsequent_indent="  ")
