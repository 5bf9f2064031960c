"""The result of a soak as tables in Markdown, and as a document."""

import statistics
import typing

from benchmarks.soak.running import Result
from benchmarks.soak.windows import Window

_MEGABYTE = 1e6


def markdown(result: Result) -> str:
    """Return the tables: over time, and by operation."""
    plan = result.plan
    return "\n\n".join(
        (
            f"{plan.hosts} hosts, {plan.seconds:.0f} s at {result.rate:.0f} operations "
            f"per second, {plan.load:.0%} of the highest rate of "
            f"{result.highest_rate:.0f}; {len(result.errors)} unexpected answers, "
            f"{len(result.violations)} violations in the database, "
            f"{result.consumers} new consumers at the end",
            _over_time(result.windows),
            _by_operation(result.windows),
            _by_outcome(result.windows),
        )
    )


def document(result: Result) -> dict[str, typing.Any]:
    """Return the result as a document of plain values."""
    return {
        "plan": result.plan.__dict__,
        "highest_rate": result.highest_rate,
        "rate": result.rate,
        "errors": result.errors,
        "violations": result.violations,
        "windows": [_window(each) for each in result.windows],
    }


def _over_time(windows: list[Window]) -> str:
    lines = [
        _line("until", "operations", "p50 ms", "p95 ms", "p99 ms", "max ms")
        + " service MB | database MB | service processors | PostgreSQL processors "
        "| size of the database MB |",
        "|---" * 11 + "|",
    ]
    before = None
    for window in windows:
        cells: list[object] = [
            f"{window.start + window.seconds:.0f} s",
            window.operations,
            *_milliseconds(window.quantiles()),
        ]
        if (now := window.usage) is not None:
            cells += [
                f"{now.service_bytes / _MEGABYTE:.0f}",
                f"{now.database_bytes / _MEGABYTE:.0f}",
            ]
            for name in ("service_processor", "database_processor"):
                since = getattr(before, name) if before else None
                used = "" if since is None else (getattr(now, name) - since)
                cells.append(
                    f"{used / window.seconds:.2f}" if isinstance(used, float) else ""
                )
            cells.append(f"{now.database_size / _MEGABYTE:.0f}")
            before = now
        lines.append(_line(*cells))
    return "\n".join(lines)


def _by_operation(windows: list[Window]) -> str:
    """Compare the medians over the windows of the first and of the last quarter."""
    quarter = max(len(windows) // 4, 1)
    names = sorted({name for window in windows for name in window.latencies})
    lines = [
        _line("operation", "count", "p50 ms", "p95 ms", "p99 ms", "max ms")
        + " p50 of the last quarter to the first | p99 |",
        "|---" * 8 + "|",
    ]
    for name in names:
        whole = Window(0, 0)
        for window in windows:
            whole.latencies[name] += window.latencies[name]
        cells = [name, whole.operations, *_milliseconds(whole.quantiles())]
        for quantile in ("p50", "p99"):
            first, last = (
                [found[quantile] for each in part if (found := each.quantiles(name))]
                for part in (windows[:quarter], windows[-quarter:])
            )
            cells.append(
                f"{statistics.median(last) / statistics.median(first):.2f}"
                if first and last
                else ""
            )
        lines.append(_line(*cells))
    return "\n".join(lines)


def _by_outcome(windows: list[Window]) -> str:
    totals: dict[tuple[str, str], int] = {}
    for window in windows:
        for key, count in window.outcomes.items():
            totals[key] = totals.get(key, 0) + count
    lines = [_line("operation", "outcome", "count"), "|---|---|---|"]
    lines += [_line(*key, count) for key, count in sorted(totals.items())]
    return "\n".join(lines)


def _window(window: Window) -> dict[str, typing.Any]:
    return {
        "start": window.start,
        "seconds": window.seconds,
        "usage": window.usage._asdict() if window.usage else None,
        "latencies": {
            name: {"count": len(latencies), **window.quantiles(name)}
            for name, latencies in window.latencies.items()
        },
    }


def _milliseconds(quantiles: dict[str, float]) -> list[str]:
    return [f"{seconds * 1e3:.1f}" for seconds in quantiles.values()]


def _line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
