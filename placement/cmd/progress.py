"""How far a long command is, told on standard error."""

import collections.abc
import contextlib
import time
import typing

if typing.TYPE_CHECKING:
    from rich.console import Console

# What takes no longer than this between two lines is not told of in lines.
LINE_SECONDS = 5

Report = collections.abc.Callable[[int, int], None]


@contextlib.contextmanager
def shown(what: str) -> collections.abc.Iterator[Report]:
    """Yield what to tell how many of how many are done, as often as one likes.

    A terminal shows a bar as soon as anything is told; a file gets a line every
    few seconds.
    """
    console = _console()
    if console.is_terminal:
        with _bar(console, what) as report:
            yield report
    else:
        yield _lines(console, what)


def _console() -> "Console":
    # Most commands have nothing to show, and rich takes a while to import.
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

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=True)

        yield report


def _lines(console: "Console", what: str) -> Report:
    told = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= LINE_SECONDS:
            told = time.monotonic()
            console.print(f"{what}: {done} of {total}", soft_wrap=True)

    return report
