"""The progress of long commands, on standard error."""

import collections.abc
import contextlib
import time
import typing

if typing.TYPE_CHECKING:
    from rich.console import Console

# Minimum time between lines, without a terminal.
LINE_SECONDS = 5

# Takes the number that is done, and the total if it is known.
Report = collections.abc.Callable[[int, int | None], None]


@contextlib.contextmanager
def shown(what: str) -> collections.abc.Iterator[Report]:
    """Yield a function to report progress, called with (done, total).

    A terminal shows a bar from the first call on; other outputs get a line every
    ``LINE_SECONDS``.
    """
    console = _console()
    if console.is_terminal:
        with _bar(console, what) as report:
            yield report
    else:
        yield _lines(console, what)


def _console() -> "Console":
    from rich.console import Console  # noqa: PLC0415 - slow

    return Console(stderr=True, highlight=False)


@contextlib.contextmanager
def _bar(console: "Console", what: str) -> collections.abc.Iterator[Report]:
    from rich import progress  # noqa: PLC0415 - slow

    with progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        console=console,
    ) as bar:
        task = bar.add_task(what, total=None, visible=False)

        def report(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total, visible=True)

        yield report


def _lines(console: "Console", what: str) -> Report:
    printed = time.monotonic()

    def report(done: int, total: int | None) -> None:
        nonlocal printed
        if time.monotonic() - printed >= LINE_SECONDS:
            printed = time.monotonic()
            of_total = "" if total is None else f" of {total}"
            console.print(f"{what}: {done}{of_total}", soft_wrap=True)

    return report
