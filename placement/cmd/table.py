"""Tables as the operators' commands print them, in plain characters."""

import collections.abc
import textwrap

# How wide a line of text in a block may be, in characters.
BLOCK_WIDTH = 69


def columns(
    header: collections.abc.Sequence[str],
    rows: collections.abc.Iterable[collections.abc.Sequence[object]],
) -> str:
    """Return a table with one line per row, each cell in the middle of its column."""
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

    Long lines are broken, and indented where they go on.
    """
    broken = [[title], *([*_broken(lines)] for lines in entries)]
    width = max(len(line) for lines in broken for line in lines)
    border = "+" + "-" * (width + 2) + "+"
    parts = [border]
    for lines in broken:
        parts += [f"| {line:<{width}} |" for line in lines]
        parts.append(border)
    return "\n".join(parts)


def _broken(
    lines: collections.abc.Iterable[str],
) -> collections.abc.Iterator[str]:
    for line in lines:
        yield from textwrap.wrap(line, BLOCK_WIDTH, subsequent_indent="  ")
