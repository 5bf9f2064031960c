"""Render rows as Markdown and as JSON documents."""

import collections.abc
import dataclasses

from benchmarks.rows import Row
from benchmarks.turns import Figures, NoAnswer

_HEAD = ("", "must reach", "ratio", "reached", "milliseconds", "peak MB", "remark")


def markdown(rows: collections.abc.Iterable[Row]) -> str:
    """Return a Markdown table; "a / b" is wall time / processor time."""
    cells = [_HEAD, *map(_cells, rows)]
    # Leave out empty columns; the first column has no heading.
    shown = [
        number for number in range(len(_HEAD)) if any(row[number] for row in cells[1:])
    ]
    head, *body = [[row[number] for number in shown] for row in cells]
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def line(row: Row) -> str:
    """Return one row as a line of text."""
    return ", ".join(cell for cell in _cells(row) if cell)


def document(row: Row) -> dict[str, object]:
    """Return a row as a JSON document, in seconds and bytes."""
    return {
        "row": row.name,
        "goal": dataclasses.asdict(row.goal),
        "reached": row.is_reached,
        "ratios": {name: ratio._asdict() for name, ratio in row.ratios.items()},
        "partial": sorted(row.partial),
        "seconds_per_operation": {
            name: figures.reason
            if isinstance(figures, NoAnswer)
            else figures.sample._asdict()
            for name, figures in row.figures.items()
        },
        "peak_bytes": row.peak_bytes,
        "remark": row.remark,
    }


def _cells(row: Row) -> tuple[str, ...]:
    ratios = [
        f"{name}: {_pair(*ratio)}{' (does less)' if name in row.partial else ''}"
        for name, ratio in row.ratios.items()
    ]
    figures = [f"{name}: {_figures(each)}" for name, each in row.figures.items()]
    peak = "" if row.peak_bytes is None else f"{row.peak_bytes / 1e6:.0f}"
    reached = "yes" if row.is_reached else "no"
    return (
        row.name,
        str(row.goal),
        "; ".join(ratios),
        reached,
        "; ".join(figures),
        peak,
        row.remark,
    )


def _figures(figures: Figures | NoAnswer) -> str:
    if isinstance(figures, NoAnswer):
        return figures.reason
    return _pair(*(1000 * seconds for seconds in figures.sample))


def _pair(wall: float, processor: float) -> str:
    return f"{_short(wall)} / {_short(processor)}"


def _short(figure: float) -> str:
    """Return three significant digits, or all digits before the decimal point."""
    return f"{figure:.3g}" if figure < 100 else f"{figure:.0f}"
